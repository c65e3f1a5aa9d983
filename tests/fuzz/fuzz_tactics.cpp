#include "core/byte_reader.h"
#include "fuzz/fuzz_target.h"
#include "runtime/tactics.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    const std::string text =
        vitro::tactics_to_json(vitro::tactics_from_json(vitro::as_text(bytes)));
    if (vitro::tactics_to_json(vitro::tactics_from_json(text)) != text) std::abort();
  });
}
