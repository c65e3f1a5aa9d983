#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vitro {

/// The largest list that is read, in bytes.
inline constexpr size_t kMaxListBytes = size_t{16} << 20;

/// Lines that end in LF, CR LF or CR, without a byte order mark and without blank lines at the end.
/// Throws CorruptFile for UTF-16, a byte 0, a blank line between others and nothing at all. `list`
/// is what errors call it: "class list 'x.txt'".
std::vector<std::string_view> split_lines(std::string_view text, const std::string& list);

/// Without the letters at both ends.
std::string_view trimmed(std::string_view text, std::string_view letters);

/// A text that is an integer, and nothing else.
std::optional<int64_t> whole_number(std::string_view text);

}  // namespace vitro
