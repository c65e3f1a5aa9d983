#include "calibration/calibration_file.h"
#include "calibration/tensorrt_cache.h"
#include "core/byte_reader.h"
#include "fuzz/fuzz_target.h"

// A calibration of ours or of TensorRT; what is read is written as it was.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    const std::string_view given = vitro::as_text(bytes);
    if (vitro::is_tensorrt_cache(given)) {
      const vitro::TensorRtCache cache = vitro::parse_tensorrt_cache(given);
      if (vitro::parse_tensorrt_cache(vitro::tensorrt_cache_text(cache)) != cache) std::abort();
      return;
    }
    const std::string text = vitro::calibration_to_json(vitro::calibration_from_json(given));
    if (vitro::calibration_to_json(vitro::calibration_from_json(text)) != text) std::abort();
  });
}
