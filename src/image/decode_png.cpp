// PNG through libpng. Gamma, colour profiles and transparency are ignored, as Pillow's
// convert("RGB") does.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

#include "core/check.h"
#include "image/decoders.h"

namespace vitro::image {
namespace {

/// libpng leaves by longjmp on errors. Every function that is jumped over holds plain data only;
/// all C++ objects live in decode_png().
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const std::byte* next = nullptr;
  size_t remaining = 0;
  char message[128] = {};
};

[[noreturn]] void leave_on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader->message, sizeof(reader->message), "%s", message);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep dst, size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->remaining) png_error(png, "truncated");
  std::memcpy(dst, reader->next, count);
  reader->next += count;
  reader->remaining -= count;
}

bool read_header(PngReader& reader) {
  reader.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, leave_on_error, ignore_warning);
  if (reader.png == nullptr) return false;
  reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) return false;
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_read_fn(reader.png, &reader, read_bytes);
  // Texts and profiles are compressed and could grow a thousandfold; nothing here needs them.
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER,
                              reinterpret_cast<png_const_bytep>("tRNS"), 1);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(reader.png, reader.info);
  return true;
}

/// Asks for R G B bytes; samples of a 16-bit gray picture stay as they are, high byte first.
bool set_up_rows(PngReader& reader, bool gray_16) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  if (!gray_16) {
    png_set_strip_16(reader.png);
    png_set_expand(reader.png);
    png_set_strip_alpha(reader.png);
    png_set_gray_to_rgb(reader.png);
  }
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_image(reader.png, rows);
  return true;
}

struct ReaderGuard {
  PngReader& reader;
  ~ReaderGuard() { png_destroy_read_struct(&reader.png, &reader.info, nullptr); }
};

[[noreturn]] void fail_png(const PngReader& reader, std::string_view name) {
  fail(ErrorCode::CorruptFile, "image '{}': PNG: {}", name,
       reader.message[0] != '\0' ? reader.message : "the decoder could not be created");
}

uint32_t big_endian_32(std::span<const std::byte> bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t idx = 0; idx < 4; ++idx)
    value = value << 8 | std::to_integer<uint32_t>(bytes[offset + idx]);
  return value;
}

}  // namespace

Image decode_png(std::span<const std::byte> bytes, std::string_view name,
                 const DecodeLimits& limits) {
  // Signature 8, chunk length 4, "IHDR", width 4, height 4: read here so that a size over the limit
  // is refused with its numbers, before libpng looks at it.
  constexpr size_t kWidthOffset = 16;
  check(bytes.size() >= kWidthOffset + 8, ErrorCode::CorruptFile, "image '{}': PNG: truncated",
        name);
  check_dimensions(name, big_endian_32(bytes, kWidthOffset), big_endian_32(bytes, kWidthOffset + 4),
                   limits);

  PngReader reader;
  reader.next = bytes.data();
  reader.remaining = bytes.size();
  const ReaderGuard guard{reader};
  if (!read_header(reader)) fail_png(reader, name);
  const size_t width = png_get_image_width(reader.png, reader.info);
  const size_t height = png_get_image_height(reader.png, reader.info);
  check_dimensions(name, static_cast<int64_t>(width), static_cast<int64_t>(height), limits);
  const bool gray_16 = png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_GRAY &&
                       png_get_bit_depth(reader.png, reader.info) == 16;
  if (!set_up_rows(reader, gray_16)) fail_png(reader, name);
  const size_t stride = width * (gray_16 ? 2 : 3);
  check(png_get_rowbytes(reader.png, reader.info) == stride, ErrorCode::Internal,
        "image '{}': PNG: got {} bytes per row, expected {}", name,
        png_get_rowbytes(reader.png, reader.info), stride);

  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  image.rgb.resize(width * height * 3);
  std::vector<uint8_t> gray(gray_16 ? width * height * 2 : 0);
  uint8_t* pixels = gray_16 ? gray.data() : image.rgb.data();
  std::vector<png_bytep> rows(height);
  for (size_t row = 0; row < height; ++row) rows[row] = pixels + row * stride;
  if (!read_rows(reader, rows.data())) fail_png(reader, name);

  // Pillow clips 16-bit gray instead of scaling it.
  for (size_t idx = 0; 2 * idx < gray.size(); ++idx) {
    const uint8_t value = gray[2 * idx] != 0 ? uint8_t{255} : gray[2 * idx + 1];
    std::fill_n(image.rgb.data() + 3 * idx, 3, value);
  }
  return image;
}

}  // namespace vitro::image
