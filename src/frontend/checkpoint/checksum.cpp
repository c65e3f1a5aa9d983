#include "frontend/checkpoint/checksum.h"

#include <fmt/core.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace vitro {
namespace {

constexpr size_t kChunkBytes = size_t{4} << 20;

}  // namespace

std::string checksum(std::span<const std::byte> bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

std::string checksum(const MappedFile& file) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  std::span<const std::byte> rest = file.bytes();
  while (!rest.empty()) {
    const std::span<const std::byte> chunk = rest.first(std::min(rest.size(), kChunkBytes));
    XXH3_64bits_update(&state, chunk.data(), chunk.size());
    file.drop_pages(chunk);
    rest = rest.subspan(chunk.size());
  }
  return fmt::format("{:016x}", XXH3_64bits_digest(&state));
}

}  // namespace vitro
