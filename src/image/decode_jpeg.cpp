// JPEG through libjpeg-turbo with its defaults (accurate integer IDCT, fancy upsampling), which are
// also Pillow's.
#include <algorithm>
#include <csetjmp>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include "core/check.h"
#include "image/decoders.h"

namespace vitro::image {
namespace {

/// A progressive file may repeat scans over the whole picture at a few bytes each; encoders write
/// about ten, so a file with more than this many only wants to burn time.
constexpr int kMaxScans = 200;

/// libjpeg reports errors by a call that may not return, so it must leave by longjmp. Every
/// function that is jumped over holds plain data only; all C++ objects live in decode_jpeg().
struct JpegReader {
  jpeg_decompress_struct decoder{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error{};
  char message[JMSG_LENGTH_MAX] = {};
  bool unsupported = false;
  bool truncated = false;
};

[[noreturn]] void leave_on_error(j_common_ptr common) {
  auto* reader = static_cast<JpegReader*>(common->client_data);
  common->err->format_message(common, reader->message);
  const int code = common->err->msg_code;
  reader->unsupported = code == JERR_SOF_UNSUPPORTED || code == JERR_BAD_PRECISION ||
                        code == JERR_ARITH_NOTIMPL || code == JERR_CONVERSION_NOTIMPL ||
                        code == JERR_CCIR601_NOTIMPL;
  std::longjmp(reader->on_error, 1);
}

void ignore_message(j_common_ptr) {}
void ignore_source(j_decompress_ptr) {}

/// No more input: the decoder suspends, which is how truncation is seen.
boolean no_more_input(j_decompress_ptr) { return FALSE; }

void skip_input(j_decompress_ptr decoder, long count) {
  if (count <= 0) return;
  jpeg_source_mgr& source = *decoder->src;
  const size_t skipped = std::min(static_cast<size_t>(count), source.bytes_in_buffer);
  source.next_input_byte += skipped;
  source.bytes_in_buffer -= skipped;
}

void limit_scans(j_common_ptr common) {
  auto* reader = static_cast<JpegReader*>(common->client_data);
  if (reader->decoder.input_scan_number <= kMaxScans) return;
  std::snprintf(reader->message, sizeof(reader->message), "more than %d scans", kMaxScans);
  std::longjmp(reader->on_error, 1);
}

bool read_header(JpegReader& reader, std::span<const std::byte> bytes) {
  if (setjmp(reader.on_error)) return false;
  reader.decoder.err = jpeg_std_error(&reader.errors);
  reader.decoder.client_data = &reader;
  reader.errors.error_exit = leave_on_error;
  reader.errors.output_message = ignore_message;
  jpeg_create_decompress(&reader.decoder);  // keeps err and client_data

  reader.source.init_source = ignore_source;
  reader.source.fill_input_buffer = no_more_input;
  reader.source.skip_input_data = skip_input;
  reader.source.resync_to_restart = jpeg_resync_to_restart;
  reader.source.term_source = ignore_source;
  reader.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  reader.source.bytes_in_buffer = bytes.size();
  reader.decoder.src = &reader.source;
  reader.progress.progress_monitor = limit_scans;
  reader.decoder.progress = &reader.progress;

  reader.truncated = jpeg_read_header(&reader.decoder, TRUE) == JPEG_SUSPENDED;
  return !reader.truncated;
}

/// `pixels`: [image_height, image_width, channels].
bool read_pixels(JpegReader& reader, uint8_t* pixels, int channels) {
  if (setjmp(reader.on_error)) return false;
  jpeg_decompress_struct& decoder = reader.decoder;
  decoder.out_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  reader.truncated = true;
  if (!jpeg_start_decompress(&decoder)) return false;
  const size_t stride = size_t{decoder.output_width} * static_cast<size_t>(channels);
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = pixels + decoder.output_scanline * stride;
    if (jpeg_read_scanlines(&decoder, &row, 1) != 1) return false;
  }
  reader.truncated = false;
  // Only a missing end marker can make this suspend, and all rows are there: not an error.
  jpeg_finish_decompress(&decoder);
  return true;
}

struct ReaderGuard {
  JpegReader& reader;
  ~ReaderGuard() { jpeg_destroy_decompress(&reader.decoder); }
};

/// In place: gray at the front of `rgb` becomes R G B; from the end, so that nothing is overwritten
/// early.
void expand_gray(std::vector<uint8_t>& rgb, size_t pixels) {
  for (size_t idx = pixels; idx-- > 0;) {
    const uint8_t value = rgb[idx];
    rgb[3 * idx] = rgb[3 * idx + 1] = rgb[3 * idx + 2] = value;
  }
}

/// a * b / 255, rounded.
int multiply_255(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// Inverted CMYK, as Adobe writes it and Pillow assumes for every file, to RGB.
void convert_cmyk(const std::vector<uint8_t>& cmyk, std::vector<uint8_t>& rgb) {
  for (size_t pixel = 0; pixel * 4 < cmyk.size(); ++pixel) {
    const int white = cmyk[4 * pixel + 3];
    for (size_t channel = 0; channel < 3; ++channel) {
      const int ink = 255 - cmyk[4 * pixel + channel];
      rgb[3 * pixel + channel] = static_cast<uint8_t>(white - multiply_255(ink, white));
    }
  }
}

[[noreturn]] void fail_jpeg(const JpegReader& reader, std::string_view name) {
  check(!reader.truncated || reader.message[0] != '\0', ErrorCode::CorruptFile,
        "image '{}': the JPEG is truncated", name);
  fail(reader.unsupported ? ErrorCode::Unsupported : ErrorCode::CorruptFile, "image '{}': JPEG: {}",
       name, reader.message);
}

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits) {
  JpegReader reader;
  const ReaderGuard guard{reader};
  if (!read_header(reader, bytes)) fail_jpeg(reader, name);

  const int64_t width = reader.decoder.image_width;
  const int64_t height = reader.decoder.image_height;
  const int channels = reader.decoder.num_components;
  check_dimensions(name, width, height, limits);
  check(channels == 1 || channels == 3 || channels == 4, ErrorCode::Unsupported,
        "image '{}': got a JPEG of {} components, expected 1, 3 or 4", name, channels);

  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  const size_t pixels = static_cast<size_t>(width * height);
  image.rgb.resize(pixels * 3);
  std::vector<uint8_t> cmyk(channels == 4 ? pixels * 4 : 0);
  if (!read_pixels(reader, channels == 4 ? cmyk.data() : image.rgb.data(), channels)) {
    fail_jpeg(reader, name);
  }
  if (channels == 1) expand_gray(image.rgb, pixels);
  if (channels == 4) convert_cmyk(cmyk, image.rgb);
  return image;
}

}  // namespace vitro::image
