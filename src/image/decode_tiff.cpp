// TIFF through libtiff: its first page, with the colours that Pillow makes of them.
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <tiffio.h>

#include "core/check.h"
#include "image/decoders.h"
#include "image/palette.h"

namespace vitro::image {
namespace {

/// The bytes as the file that libtiff reads, and what it complains of.
struct Source {
  std::span<const std::byte> bytes;
  uint64_t at = 0;
  char message[256] = {};
};

tmsize_t read_source(thandle_t handle, void* destination, tmsize_t count) {
  auto& source = *static_cast<Source*>(handle);
  const uint64_t left = source.at < source.bytes.size() ? source.bytes.size() - source.at : 0;
  const uint64_t read = std::min(left, static_cast<uint64_t>(count));
  std::memcpy(destination, source.bytes.data() + (read > 0 ? source.at : 0), read);
  source.at += read;
  return static_cast<tmsize_t>(read);
}
tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return -1; }
toff_t seek_source(thandle_t handle, toff_t offset, int whence) {
  auto& source = *static_cast<Source*>(handle);
  source.at = whence == SEEK_SET   ? offset
              : whence == SEEK_CUR ? source.at + offset
                                   : source.bytes.size() + offset;
  return source.at;
}
int close_nothing(thandle_t) { return 0; }
toff_t source_size(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }
int map_source(thandle_t handle, void** base, toff_t* size) {
  // libtiff writes to mapped memory in no case that we use.
  auto& source = *static_cast<Source*>(handle);
  *base = const_cast<std::byte*>(source.bytes.data());
  *size = source.bytes.size();
  return 1;
}
void unmap_nothing(thandle_t, void*, toff_t) {}

/// Keeps the first message: those that follow are consequences.
void keep_message(thandle_t handle, const char*, const char* format, va_list arguments) {
  auto* source = static_cast<Source*>(handle);
  if (source && source->message[0] == '\0')
    std::vsnprintf(source->message, sizeof source->message, format, arguments);
}

#if TIFFLIB_VERSION >= 20221213
int keep_error(TIFF*, void* source, const char* module, const char* format, va_list arguments) {
  keep_message(source, module, format, arguments);
  return 1;
}
int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

TIFF* open_tiff(Source& source, size_t most_bytes) {
  TIFFOpenOptions* const options = TIFFOpenOptionsAlloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, ignore_warning, &source);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(most_bytes));
  TIFF* const tiff =
      TIFFClientOpenExt("picture", "rm", &source, read_source, write_nothing, seek_source,
                        close_nothing, source_size, map_source, unmap_nothing, options);
  TIFFOpenOptionsFree(options);
  return tiff;
}
#else
/// Before 4.5 handlers belong to the process.
TIFF* open_tiff(Source& source, size_t) {
  static const bool silenced = [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
    TIFFSetErrorHandlerExt(keep_message);
    return true;
  }();
  static_cast<void>(silenced);
  return TIFFClientOpen("picture", "rm", &source, read_source, write_nothing, seek_source,
                        close_nothing, source_size, map_source, unmap_nothing);
}
#endif

/// a * b / 255, rounded.
int multiply_255(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

class TiffReader {
 public:
  TiffReader(std::span<const std::byte> bytes, std::string_view name, const DecodeLimits& limits)
      : name_(name), limits_(limits) {
    source_.bytes = bytes;
    // Rows and tiles of at most six samples of two bytes.
    tiff_ = open_tiff(source_, 12 * static_cast<size_t>(limits.max_pixels) + (size_t{1} << 20));
    check(tiff_ != nullptr, ErrorCode::CorruptFile, "image '{}': TIFF: {}", name_, problem());
  }
  TiffReader(const TiffReader&) = delete;
  TiffReader& operator=(const TiffReader&) = delete;
  ~TiffReader() {
    if (tiff_) TIFFClose(tiff_);
  }

  Image read() {
    read_fields();
    image_ = {static_cast<int>(width_), static_cast<int>(height_), {}};
    image_.rgb.resize(static_cast<size_t>(width_) * height_ * 3);
    const int planes = separate_ ? 3 : 1;
    for (int plane = 0; plane < planes; ++plane) {
      plane_ = separate_ ? plane : -1;
      if (TIFFIsTiled(tiff_))
        read_tiles(static_cast<uint16_t>(plane));
      else
        read_lines(static_cast<uint16_t>(plane));
    }
    return oriented();
  }

 private:
  std::string_view problem() const {
    return source_.message[0] != '\0' ? source_.message : "damaged or truncated";
  }
  void expect(bool whole) const {
    check(whole, ErrorCode::CorruptFile, "image '{}': TIFF: {}", name_, problem());
  }

  template <typename T>
  T field(uint32_t tag, T otherwise) const {
    T value{};
    return TIFFGetFieldDefaulted(tiff_, tag, &value) ? value : otherwise;
  }

  void read_fields() {
    width_ = field<uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
    height_ = field<uint32_t>(TIFFTAG_IMAGELENGTH, 0);
    check_dimensions(name_, width_, height_, limits_);
    bits_ = field<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    samples_ = field<uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
    separate_ = field<uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) != PLANARCONFIG_CONTIG &&
                samples_ > 1;
    photometric_ = field<uint16_t>(TIFFTAG_PHOTOMETRIC, samples_ >= 3 ? 2 : 1);
    const auto format = field<uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    const auto compression = field<uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    uint16_t extras = 0;
    const uint16_t* kinds = nullptr;
    TIFFGetField(tiff_, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
    associated_ = extras > 0 && kinds && kinds[0] == EXTRASAMPLE_ASSOCALPHA;
    if (photometric_ == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG && samples_ == 3) {
      TIFFSetField(tiff_, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      photometric_ = PHOTOMETRIC_RGB;
    }
    check(format == SAMPLEFORMAT_UINT && compression != COMPRESSION_OJPEG && is_supported(),
          ErrorCode::Unsupported,
          "image '{}': TIFF of {} samples of {} bits, photometric {}, format {}, compression {} is "
          "not supported, expected gray, palette, RGB or CMYK of integers",
          name_, samples_, bits_, photometric_, format, compression);
    if (photometric_ == PHOTOMETRIC_PALETTE) read_palette();
  }

  bool is_supported() const {
    const bool up_to_8 = bits_ == 1 || bits_ == 2 || bits_ == 4 || bits_ == 8;
    switch (photometric_) {
      case PHOTOMETRIC_MINISWHITE:
        return samples_ == 1 && up_to_8;
      case PHOTOMETRIC_MINISBLACK:
        return (samples_ == 1 && (up_to_8 || bits_ == 16)) ||
               (samples_ == 2 && bits_ == 8 && !associated_ && !separate_);
      case PHOTOMETRIC_PALETTE:
        return samples_ == 1 && up_to_8;
      case PHOTOMETRIC_RGB:
        return samples_ >= 3 && samples_ <= 6 && (bits_ == 8 || bits_ == 16) &&
               !(associated_ && (separate_ || samples_ == 3));
      case PHOTOMETRIC_SEPARATED:
        return samples_ == 4 && bits_ == 8 && !separate_;
      default:
        return false;
    }
  }

  void read_palette() {
    uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    expect(TIFFGetField(tiff_, TIFFTAG_COLORMAP, &red, &green, &blue) != 0);
    const auto byte = [](uint16_t value) { return static_cast<uint8_t>(value >> 8); };
    for (size_t i = 0; i < size_t{1} << bits_; ++i)
      palette_.set(i, byte(red[i]), byte(green[i]), byte(blue[i]));
  }

  void read_lines(uint16_t plane) {
    std::vector<uint8_t> line(row_bytes(TIFFScanlineSize64(tiff_), width_));
    for (uint32_t y = 0; y < height_; ++y) {
      expect(TIFFReadScanline(tiff_, line.data(), y, plane) == 1);
      convert(line.data(), width_, pixel(0, y));
    }
  }

  void read_tiles(uint16_t plane) {
    const auto tile_width = field<uint32_t>(TIFFTAG_TILEWIDTH, 0);
    const auto tile_height = field<uint32_t>(TIFFTAG_TILELENGTH, 0);
    check_dimensions(name_, tile_width, tile_height, limits_);
    const size_t stride = row_bytes(TIFFTileRowSize64(tiff_), tile_width);
    std::vector<uint8_t> tile(stride * tile_height);
    expect(TIFFTileSize64(tiff_) == tile.size());
    for (uint32_t y = 0; y < height_; y += tile_height)
      for (uint32_t x = 0; x < width_; x += tile_width) {
        expect(TIFFReadTile(tiff_, tile.data(), x, y, 0, plane) >= 0);
        const uint32_t rows = std::min(tile_height, height_ - y);
        for (uint32_t row = 0; row < rows; ++row)
          convert(tile.data() + row * stride, std::min(tile_width, width_ - x), pixel(x, y + row));
      }
  }

  /// What libtiff gives for a row of so many pixels, which must be what convert() takes.
  size_t row_bytes(uint64_t given, uint32_t pixels) const {
    const size_t samples = separate_ ? 1 : samples_;
    const size_t bytes = (size_t{pixels} * samples * bits_ + 7) / 8;
    check(given == bytes, ErrorCode::Unsupported,
          "image '{}': TIFF: got {} bytes per row, expected {}", name_, given, bytes);
    return bytes;
  }

  uint8_t* pixel(uint32_t x, uint32_t y) {
    return image_.rgb.data() + 3 * (static_cast<size_t>(y) * width_ + x);
  }

  /// Sample `index` of a row, in 8 bits: of 16 bits the high ones, of fewer as they are.
  uint8_t sample(const uint8_t* row, size_t index) const {
    if (bits_ == 8) return row[index];
    if (bits_ == 16) return static_cast<uint8_t>(sample_16(row, index) >> 8);
    const size_t bit = index * bits_;
    return static_cast<uint8_t>((row[bit / 8] >> (8 - bits_ - bit % 8)) & ((1 << bits_) - 1));
  }
  static uint16_t sample_16(const uint8_t* row, size_t index) {
    uint16_t value = 0;
    std::memcpy(&value, row + 2 * index, sizeof value);
    return value;
  }

  /// Writes a row of pixels, or one colour of it where planes are separate.
  void convert(const uint8_t* row, size_t pixels, uint8_t* rgb) const {
    for (size_t x = 0; x < pixels; ++x, rgb += 3) {
      if (plane_ >= 0)
        rgb[plane_] = sample(row, x);
      else if (photometric_ == PHOTOMETRIC_PALETTE)
        palette_.write(sample(row, x), rgb);
      else if (photometric_ == PHOTOMETRIC_RGB)
        convert_rgb(row, x * samples_, rgb);
      else if (photometric_ == PHOTOMETRIC_SEPARATED)
        convert_cmyk(row + 4 * x, rgb);
      else
        std::fill_n(rgb, 3, gray(row, x * samples_));
    }
  }

  /// Pillow clips 16-bit gray instead of scaling it.
  uint8_t gray(const uint8_t* row, size_t index) const {
    if (bits_ == 16) return static_cast<uint8_t>(std::min<int>(sample_16(row, index), 255));
    const int most = (1 << bits_) - 1;
    const int value = sample(row, index) * 255 / most;
    return static_cast<uint8_t>(photometric_ == PHOTOMETRIC_MINISWHITE ? 255 - value : value);
  }

  /// Colours that were multiplied by their alpha are divided by it.
  void convert_rgb(const uint8_t* row, size_t first, uint8_t* rgb) const {
    const int alpha = associated_ ? sample(row, first + 3) : 255;
    for (size_t channel = 0; channel < 3; ++channel) {
      const int value = sample(row, first + channel);
      rgb[channel] = static_cast<uint8_t>(alpha == 255 ? value
                                          : alpha == 0 ? 0
                                                       : std::min(255, value * 255 / alpha));
    }
  }

  static void convert_cmyk(const uint8_t* cmyk, uint8_t* rgb) {
    const int white = 255 - cmyk[3];
    for (size_t channel = 0; channel < 3; ++channel)
      rgb[channel] = static_cast<uint8_t>(std::max(0, white - multiply_255(cmyk[channel], white)));
  }

  /// Turned and mirrored as the file asks for, which Pillow does for this format alone.
  Image oriented() {
    const auto orientation = field<uint16_t>(TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    if (orientation <= ORIENTATION_TOPLEFT || orientation > ORIENTATION_LEFTBOT)
      return std::move(image_);
    const bool swapped = orientation >= ORIENTATION_LEFTTOP;
    const bool mirrored =
        orientation == ORIENTATION_TOPRIGHT || orientation == ORIENTATION_BOTRIGHT ||
        orientation == ORIENTATION_RIGHTTOP || orientation == ORIENTATION_RIGHTBOT;
    const bool flipped = orientation == ORIENTATION_BOTRIGHT ||
                         orientation == ORIENTATION_BOTLEFT ||
                         orientation == ORIENTATION_RIGHTBOT || orientation == ORIENTATION_LEFTBOT;
    Image turned{swapped ? image_.height : image_.width, swapped ? image_.width : image_.height,
                 std::vector<uint8_t>(image_.rgb.size())};
    uint8_t* out = turned.rgb.data();
    for (int y = 0; y < turned.height; ++y)
      for (int x = 0; x < turned.width; ++x, out += 3) {
        const int across = mirrored ? turned.width - 1 - x : x;
        const int down = flipped ? turned.height - 1 - y : y;
        const int from_x = swapped ? down : across, from_y = swapped ? across : down;
        std::copy_n(pixel(static_cast<uint32_t>(from_x), static_cast<uint32_t>(from_y)), 3, out);
      }
    return turned;
  }

  Source source_;
  std::string_view name_;
  DecodeLimits limits_;
  TIFF* tiff_ = nullptr;
  uint32_t width_ = 0, height_ = 0;
  uint16_t bits_ = 0, samples_ = 0, photometric_ = 0;
  bool separate_ = false, associated_ = false;
  int plane_ = -1;  ///< the colour that is read; -1: all
  Palette palette_;
  Image image_;
};

}  // namespace

Image decode_tiff(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits) {
  return TiffReader(bytes, name, limits).read();
}

}  // namespace vitro::image
