#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

#include "vitro/error.h"

namespace vitro {

/// What fail() and fail_hint() have in common, compiled once.
[[noreturn]] void throw_error(ErrorCode code, std::string hint, fmt::string_view format,
                              fmt::format_args args);

/// Throws an Error with a formatted message.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw_error(code, {}, format, fmt::make_format_args(args...));
}

/// Like fail(), with a line that tells the user what to try next.
template <typename... Args>
[[noreturn]] void fail_hint(ErrorCode code, std::string hint, fmt::format_string<Args...> format,
                            Args&&... args) {
  throw_error(code, std::move(hint), format, fmt::make_format_args(args...));
}

/// Throws an Error when `condition` does not hold. The message names the thing, the values and what
/// was expected: check(c % g == 0, InvalidArgument, "conv2d '{}': groups {} do not divide {}",
/// ...).
template <typename... Args>
void check(bool condition, ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(code, format, std::forward<Args>(args)...);
}

}  // namespace vitro
