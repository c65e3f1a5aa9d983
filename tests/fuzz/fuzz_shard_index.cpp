#include "core/byte_reader.h"
#include "frontend/checkpoint/shards.h"
#include "fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    for (const auto& [tensor, file] : vitro::parse_shard_index(vitro::as_text(bytes), "fuzz"))
      if (file.find('/') != std::string::npos) std::abort();
  });
}
