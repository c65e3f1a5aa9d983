#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

#include "vitro/error.h"

namespace vitro {

/// Throws an Error with a formatted message.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Like fail(), with a line that tells the user what to try next.
template <typename... Args>
[[noreturn]] void fail_hint(ErrorCode code, std::string hint, fmt::format_string<Args...> format,
                            Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...), std::move(hint));
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
