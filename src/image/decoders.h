#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "vitro/image.h"

namespace vitro::image {

/// Throws OutOfMemory when a side or width x height is over its limit, CorruptFile when a side is
/// not positive.
void check_dimensions(std::string_view name, int64_t width, int64_t height,
                      const DecodeLimits& limits);

/// One decoder per format; contracts of vitro::decode_image. `bytes` begins with the format's
/// magic.
Image decode_bmp(std::span<const std::byte> bytes, std::string_view name,
                 const DecodeLimits& limits);
Image decode_gif(std::span<const std::byte> bytes, std::string_view name,
                 const DecodeLimits& limits);
Image decode_jpeg(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits);
Image decode_png(std::span<const std::byte> bytes, std::string_view name,
                 const DecodeLimits& limits);
Image decode_tiff(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits);
Image decode_webp(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits);

}  // namespace vitro::image
