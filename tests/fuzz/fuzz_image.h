#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vitro/error.h"
#include "vitro/image.h"

namespace vitro {

/// Any bytes must give a picture or a vitro::Error. The first of them are `magic`, so that a fuzzer
/// stays with one format.
inline void decode_any(std::string_view magic, const uint8_t* data, size_t size) {
  // Far below the default, so that one input takes milliseconds and not seconds.
  const DecodeLimits limits{.max_pixels = 1 << 18, .max_bytes = 1 << 20};
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<std::byte> content(bytes.begin(), bytes.end());
  for (size_t i = 0; i < magic.size() && i < size; ++i)
    content[i] = static_cast<std::byte>(magic[i]);
  try {
    const Image image = decode_image(content, "fuzz", limits);
    Preprocessing options;
    options.width = options.height = 32;
    resize_and_crop(image, options);
  } catch (const Error&) {
  }
}

}  // namespace vitro
