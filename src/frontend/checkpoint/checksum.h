#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/mmap_file.h"

namespace vitro {

/// XXH3-64 (seed 0) of `bytes` as 16 lower-case hexadecimal digits, as `xxhsum -H3` prints it.
std::string checksum(std::span<const std::byte> bytes);

/// checksum() of a whole file. Pages are dropped as they are read, so that hashing a large file
/// does not raise the resident size.
std::string checksum(const MappedFile& file);

}  // namespace vitro
