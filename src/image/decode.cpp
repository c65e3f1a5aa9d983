#include <algorithm>
#include <array>
#include <string>

#include "core/check.h"
#include "core/file_io.h"
#include "image/decoders.h"

namespace vitro {
namespace {

using image::check_dimensions;

bool has_bytes(std::span<const std::byte> bytes, size_t offset, std::string_view expected) {
  if (bytes.size() < offset + expected.size()) return false;
  return std::equal(expected.begin(), expected.end(), bytes.begin() + offset,
                    [](char a, std::byte b) { return static_cast<std::byte>(a) == b; });
}

constexpr const char* kFormats = "JPEG, PNG, WebP, GIF, BMP or TIFF";

/// The name of a format that is recognised but not decoded; empty when unknown.
std::string_view foreign_format(std::span<const std::byte> bytes) {
  struct Magic {
    size_t offset;
    std::string_view bytes;
    std::string_view format;
  };
  static constexpr std::array<Magic, 6> kMagics{{
      {0, std::string_view("II+\0", 4), "BigTIFF"},
      {0, std::string_view("MM\0+", 4), "BigTIFF"},
      {4, "ftyphei", "HEIC"},
      {4, "ftypmif1", "HEIF"},
      {4, "ftypavif", "AVIF"},
      {0, "\xff\x0a", "JPEG XL"},
  }};
  for (const Magic& magic : kMagics) {
    if (has_bytes(bytes, magic.offset, magic.bytes)) return magic.format;
  }
  return {};
}

}  // namespace

namespace image {

void check_dimensions(std::string_view name, int64_t width, int64_t height,
                      const DecodeLimits& limits) {
  check(width > 0 && height > 0, ErrorCode::CorruptFile,
        "image '{}': got {}x{} pixels, expected at least 1x1", name, width, height);
  // A longer line of pixels is no picture, and its resampling weights would take gigabytes.
  constexpr int64_t kMaxSide = 1'000'000;
  check(std::max(width, height) <= kMaxSide, ErrorCode::OutOfMemory,
        "image '{}': {}x{} pixels: a side is over the limit of {} pixels", name, width, height,
        kMaxSide);
  if (width * height > limits.max_pixels) {
    fail_hint(ErrorCode::OutOfMemory,
              "scale the picture down first, or allow more with --max-pixels (DecodeLimits)",
              "image '{}': {}x{} pixels are over the limit of {} pixels", name, width, height,
              limits.max_pixels);
  }
}

}  // namespace image

Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                   const DecodeLimits& limits) {
  check(!bytes.empty(), ErrorCode::CorruptFile, "image '{}': the file is empty", name);
  check(bytes.size() <= limits.max_bytes, ErrorCode::OutOfMemory,
        "image '{}': {} bytes are over the limit of {} bytes", name, bytes.size(),
        limits.max_bytes);
  if (has_bytes(bytes, 0, "\xff\xd8\xff")) return image::decode_jpeg(bytes, name, limits);
  if (has_bytes(bytes, 0, "\x89PNG\r\n\x1a\n")) return image::decode_png(bytes, name, limits);
  if (has_bytes(bytes, 0, "RIFF") && has_bytes(bytes, 8, "WEBP")) {
    return image::decode_webp(bytes, name, limits);
  }
  if (has_bytes(bytes, 0, "GIF87a") || has_bytes(bytes, 0, "GIF89a"))
    return image::decode_gif(bytes, name, limits);
  if (has_bytes(bytes, 0, std::string_view("II*\0", 4)) ||
      has_bytes(bytes, 0, std::string_view("MM\0*", 4)))
    return image::decode_tiff(bytes, name, limits);
  if (has_bytes(bytes, 0, "BM")) return image::decode_bmp(bytes, name, limits);
  const std::string_view format = foreign_format(bytes);
  if (!format.empty()) {
    fail_hint(ErrorCode::Unsupported, "convert it to JPEG, PNG or WebP",
              "image '{}': {} is not supported, expected {}", name, format, kFormats);
  }
  fail(ErrorCode::CorruptFile, "image '{}': {} bytes that are no {}", name, bytes.size(), kFormats);
}

Image load_image(const std::filesystem::path& path, const DecodeLimits& limits) {
  return decode_image(read_file(path, limits.max_bytes), path.string(), limits);
}

}  // namespace vitro
