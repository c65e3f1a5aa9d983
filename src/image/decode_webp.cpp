#include <webp/decode.h>

#include "core/check.h"
#include "image/decoders.h"

namespace vitro::image {

Image decode_webp(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  check(WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK, ErrorCode::CorruptFile,
        "image '{}': the WebP header is damaged or truncated", name);
  check_dimensions(name, features.width, features.height, limits);
  check(features.has_animation == 0, ErrorCode::Unsupported,
        "image '{}': animated WebP is not supported, expected a still picture", name);

  Image image{features.width, features.height, {}};
  const int stride = 3 * features.width;  // at most 3 * 16,383 bytes
  image.rgb.resize(static_cast<size_t>(stride) * static_cast<size_t>(features.height));
  check(
      WebPDecodeRGBInto(data, bytes.size(), image.rgb.data(), image.rgb.size(), stride) != nullptr,
      ErrorCode::CorruptFile, "image '{}': the WebP data is damaged or truncated", name);
  return image;
}

}  // namespace vitro::image
