#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vitro {

/// The stored (not compressed) entries of a ZIP archive, as views into it.
struct ZipArchive {
  std::map<std::string, std::span<const std::byte>, std::less<>> entries;

  /// The entry's bytes, or null when there is no such entry.
  const std::span<const std::byte>* find(std::string_view name) const;
};

/// True when `bytes` start like a ZIP archive.
bool is_zip(std::span<const std::byte> bytes);

/// The names of all entries, in the order of the directory, whether their data can be read or not.
std::vector<std::string> zip_names(std::span<const std::byte> bytes, std::string_view name);

/// Reads the central directory, ZIP64 included, and checks every entry against its local header.
/// Throws CorruptFile for anything that is out of bounds, doubled or contradictory and Unsupported
/// for compressed or encrypted entries and multi-disk archives. `name` is what errors call the
/// file.
ZipArchive parse_zip(std::span<const std::byte> bytes, std::string_view name);

}  // namespace vitro
