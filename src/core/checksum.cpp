#include "core/checksum.h"

#include <fmt/core.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace vitro {
namespace {

constexpr size_t kChunkBytes = size_t{4} << 20;

}  // namespace

struct Checksum::State {
  XXH3_state_t xxh3;
};

Checksum::Checksum() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
Checksum::~Checksum() = default;

void Checksum::update(std::span<const std::byte> bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}

std::string Checksum::digits() const {
  return fmt::format("{:016x}", XXH3_64bits_digest(&state_->xxh3));
}

std::string checksum(std::span<const std::byte> bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

std::string checksum(const MappedFile& file) {
  Checksum sum;
  std::span<const std::byte> rest = file.bytes();
  while (!rest.empty()) {
    const std::span<const std::byte> chunk = rest.first(std::min(rest.size(), kChunkBytes));
    sum.update(chunk);
    file.drop_pages(chunk);
    rest = rest.subspan(chunk.size());
  }
  return sum.digits();
}

}  // namespace vitro
