// Any bytes must give a picture or a vitro::Error.
#include <cstddef>
#include <cstdint>
#include <span>

#include "vitro/error.h"
#include "vitro/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Far below the default, so that one input takes milliseconds and not seconds.
  const vitro::DecodeLimits limits{.max_pixels = 1 << 18, .max_bytes = 1 << 20};
  try {
    const vitro::Image image =
        vitro::decode_image(std::as_bytes(std::span(data, size)), "fuzz", limits);
    vitro::Preprocessing options;
    options.width = options.height = 32;
    vitro::resize_and_crop(image, options);
  } catch (const vitro::Error&) {
  }
  return 0;
}
