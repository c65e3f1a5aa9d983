#include "core/byte_reader.h"
#include "frontend/checkpoint/metadata.h"
#include "fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    vitro::parse_model_config(vitro::as_text(bytes), {"fuzz", "fuzz"});
  });
}
