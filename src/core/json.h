#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vitro {

/// The longest JSON text that is parsed: 16 MiB, where a plan with 21,000 classes and a thousand
/// tensors has 2 MB. Parsed JSON takes up to 64 times the bytes of its text.
inline constexpr size_t kMaxJsonBytes = size_t{16} << 20;

/// What is wrong with a JSON text, in our words: from what an exception of nlohmann's says in its
/// own.
std::string json_problem(std::string_view what);

/// The integer that a value of nlohmann's JSON holds, if T can hold it. Its own conversion takes
/// any number and casts it.
template <std::integral T, typename Json>
std::optional<T> json_integer(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.template get<uint64_t>())
                                              : std::in_range<T>(json.template get<int64_t>());
  if (!fits) return std::nullopt;
  return json.template get<T>();
}

}  // namespace vitro
