#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/mmap_file.h"

namespace vitro {

/// XXH3-64 (seed 0) of bytes that come piece by piece. How they are cut does not matter.
class Checksum {
 public:
  Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;
  ~Checksum();

  void update(std::span<const std::byte> bytes);
  /// Of everything so far: 16 lower-case hexadecimal digits, as `xxhsum -H3` prints them.
  std::string digits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The Checksum of `bytes`.
std::string checksum(std::span<const std::byte> bytes);

/// checksum() of a whole file. Pages are dropped as they are read, so that hashing a large file
/// does not raise the resident size.
std::string checksum(const MappedFile& file);

}  // namespace vitro
