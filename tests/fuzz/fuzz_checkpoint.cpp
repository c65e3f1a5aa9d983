#include "core/byte_reader.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"
#include "frontend/checkpoint/select.h"
#include "fuzz/fuzz_target.h"

/// A file of either format, and the model in it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    const bool safe = bytes.size() > 8 && vitro::as_text(bytes)[8] == '{';
    vitro::TensorFile file =
        safe ? vitro::parse_safetensors(bytes, "fuzz") : vitro::parse_torch_file(bytes, "fuzz");
    vitro::fuzz::touch(vitro::select_weights(std::move(file), "", "fuzz").file);
  });
}
