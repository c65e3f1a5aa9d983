// BMP, for which no library is worth its weight: what Pillow reads, as it reads it.

#include "core/check.h"
#include "image/decoders.h"
#include "image/palette.h"

namespace vitro::image {
namespace {

constexpr size_t kFileHeader = 14;
enum Compression : uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

/// Where the bytes of the colours are in a pixel of 24 or 32 bits.
struct Offsets {
  uint32_t red, green, blue;  ///< masks
  int r, g, b;
};
constexpr Offsets kLayouts[]{{0xff0000, 0xff00, 0xff, 2, 1, 0},
                             {0xff, 0xff00, 0xff0000, 0, 1, 2},
                             {0xff000000, 0xff0000, 0xff00, 3, 2, 1},
                             {0xff000000, 0xff00, 0xff, 3, 1, 0},
                             {0, 0, 0, 2, 1, 0}};

class BmpReader {
 public:
  BmpReader(std::span<const std::byte> bytes, std::string_view name, const DecodeLimits& limits)
      : bytes_(bytes), name_(name) {
    read_header();
    check_dimensions(name_, width_, height_, limits);
    read_layout();
    if (bits_ <= 8) read_palette();
  }

  Image read() {
    Image image{static_cast<int>(width_), static_cast<int>(height_), {}};
    const auto width = static_cast<size_t>(width_), height = static_cast<size_t>(height_);
    const bool is_raw = compression_ == kRaw || compression_ == kBitFields;
    const std::vector<uint8_t> indices = is_raw ? std::vector<uint8_t>() : unpacked(width * height);
    const size_t stride = (width * bits_ + 31) / 32 * 4;
    if (is_raw) expect(bytes_.size() >= offset_ && bytes_.size() - offset_ >= stride * height);
    image.rgb.resize(width * height * 3);
    for (size_t row = 0; row < height; ++row) {
      uint8_t* const rgb = image.rgb.data() + 3 * width * (top_down_ ? row : height - 1 - row);
      for (size_t x = 0; x < width; ++x) {
        if (is_raw)
          write_pixel(offset_ + row * stride, x, rgb + 3 * x);
        else
          palette_.write(indices[row * width + x], rgb + 3 * x);
      }
    }
    return image;
  }

 private:
  void expect(bool whole) const {
    check(whole, ErrorCode::CorruptFile, "image '{}': the BMP is damaged or truncated", name_);
  }
  void expect_supported(bool supported, std::string_view what, uint32_t value) const {
    check(supported, ErrorCode::Unsupported, "image '{}': BMP with {} {} is not supported", name_,
          what, value);
  }
  uint8_t byte(size_t at) const {
    expect(at < bytes_.size());
    return std::to_integer<uint8_t>(bytes_[at]);
  }
  uint32_t little_endian(size_t at, size_t count) const {
    uint32_t value = 0;
    for (size_t i = 0; i < count; ++i) value |= uint32_t{byte(at + i)} << (8 * i);
    return value;
  }

  void read_header() {
    offset_ = little_endian(10, 4);
    header_ = little_endian(kFileHeader, 4);
    const bool is_core = header_ == 12;
    const bool known = is_core || header_ == 40 || header_ == 52 || header_ == 56 ||
                       header_ == 64 || header_ == 108 || header_ == 124;
    expect_supported(known, "a header of bytes:", header_);
    const size_t at = kFileHeader + 4;
    width_ = little_endian(at, is_core ? 2 : 4);
    height_ = little_endian(at + (is_core ? 2 : 4), is_core ? 2 : 4);
    top_down_ = !is_core && height_ >= 0xff000000;
    if (top_down_) height_ = (int64_t{1} << 32) - height_;
    bits_ = little_endian(at + (is_core ? 6 : 10), 2);
    if (is_core) return;
    compression_ = little_endian(at + 12, 4);
    colors_ = little_endian(at + 28, 4);
  }

  void read_layout() {
    const bool has_depth =
        bits_ == 1 || bits_ == 4 || bits_ == 8 || bits_ == 16 || bits_ == 24 || bits_ == 32;
    expect_supported(has_depth, "bits per pixel:", bits_);
    const bool is_rle = compression_ == kRle8 || compression_ == kRle4;
    const bool known = compression_ == kRaw || (is_rle && bits_ <= 8) ||
                       (compression_ == kBitFields && bits_ >= 16);
    expect_supported(known, "compression", compression_);
    if (compression_ == kBitFields) read_masks();
  }

  void read_masks() {
    const size_t at = kFileHeader + 40;  // behind the header, or the same place in a longer one
    const uint32_t red = little_endian(at, 4), green = little_endian(at + 4, 4),
                   blue = little_endian(at + 8, 4);
    if (bits_ == 16) {
      green_bits_ = green == 0x7e0 ? 6 : 5;
      const bool known = (red == 0xf800 && green == 0x7e0 && blue == 0x1f) ||
                         (red == 0x7c00 && green == 0x3e0 && blue == 0x1f);
      return expect_supported(known, "masks of green", green);
    }
    for (const Offsets& layout : kLayouts)
      if (layout.red == red && layout.green == green && layout.blue == blue) {
        layout_ = layout;
        return;
      }
    expect_supported(false, "masks of green", green);
  }

  void read_palette() {
    const size_t entry = header_ == 12 ? 3 : 4;
    const uint32_t colors = colors_ == 0 ? 1u << bits_ : colors_;
    expect_supported(colors <= 65536, "colours:", colors);
    const size_t begin = kFileHeader + header_;
    for (size_t i = 0; i < std::min<size_t>(colors, 256); ++i) {
      const size_t at = begin + i * entry;
      palette_.set(i, byte(at + 2), byte(at + 1), byte(at));
    }
    palette_.end(std::min<size_t>(colors, 256));
    if (offset_ == begin) offset_ += entry * colors;
  }

  /// Writes pixel `x` of the row that begins at `row`.
  void write_pixel(size_t row, size_t x, uint8_t* rgb) const {
    const auto raw = [&](size_t at) { return std::to_integer<uint8_t>(bytes_[at]); };
    if (bits_ <= 8) {
      const size_t bit = x * bits_;
      const auto value = static_cast<uint32_t>(raw(row + bit / 8)) >> (8 - bits_ - bit % 8);
      return palette_.write(static_cast<uint8_t>(value & ((1u << bits_) - 1)), rgb);
    }
    if (bits_ == 16) {
      const uint32_t pixel = raw(row + 2 * x) | uint32_t{raw(row + 2 * x + 1)} << 8;
      const uint32_t most = (1u << green_bits_) - 1;
      rgb[0] = static_cast<uint8_t>(((pixel >> (5 + green_bits_)) & 31) * 255 / 31);
      rgb[1] = static_cast<uint8_t>(((pixel >> 5) & most) * 255 / most);
      rgb[2] = static_cast<uint8_t>((pixel & 31) * 255 / 31);
      return;
    }
    const size_t at = row + x * bits_ / 8;
    rgb[0] = raw(at + static_cast<size_t>(layout_.r));
    rgb[1] = raw(at + static_cast<size_t>(layout_.g));
    rgb[2] = raw(at + static_cast<size_t>(layout_.b));
  }

  /// The `total` indices of a run-length encoded picture, the lowest row first. Two bytes of the
  /// file skip or give some hundred pixels, or a row with delta, so that a file makes no more than
  /// the pixels that were checked.
  std::vector<uint8_t> unpacked(size_t total) {
    const auto width = static_cast<size_t>(width_);
    std::vector<uint8_t> data;
    data.reserve(total);
    size_t at = offset_, x = 0;
    const auto skip = [&](size_t count) {
      data.insert(data.end(), std::min(total - data.size(), count), 0);
    };
    while (data.size() < total) {
      const size_t count = byte(at), value = byte(at + 1);
      at += 2;
      if (count > 0) {
        const size_t run = std::min(count, x < width ? width - x : 0);
        append_run(data, std::min(run, total - data.size()), static_cast<uint8_t>(value));
        x += run;
      } else if (value == 0) {
        skip((width - data.size() % width) % width);
        x = 0;
      } else if (value == 1) {
        break;
      } else if (value == 2) {
        skip(byte(at) + byte(at + 1) * width);
        at += 2;
        x = data.size() % width;
      } else {
        at += append_literal(data, std::min(total - data.size(), value), at);
        x += value;
        at += at % 2;
      }
    }
    expect(data.size() == total);
    return data;
  }

  void append_run(std::vector<uint8_t>& data, size_t count, uint8_t value) const {
    for (size_t i = 0; i < count; ++i)
      data.push_back(compression_ == kRle8 ? value
                     : i % 2 == 0          ? static_cast<uint8_t>(value >> 4)
                                           : static_cast<uint8_t>(value & 15));
  }

  /// Returns how many bytes were read.
  size_t append_literal(std::vector<uint8_t>& data, size_t count, size_t at) const {
    if (compression_ == kRle8) {
      for (size_t i = 0; i < count; ++i) data.push_back(byte(at + i));
      return count;
    }
    for (size_t i = 0; i < count; ++i) {
      const uint8_t pair = byte(at + i / 2);
      data.push_back(i % 2 == 0 ? static_cast<uint8_t>(pair >> 4)
                                : static_cast<uint8_t>(pair & 15));
    }
    return (count + 1) / 2;
  }

  std::span<const std::byte> bytes_;
  std::string_view name_;
  size_t offset_ = 0, header_ = 0;
  int64_t width_ = 0, height_ = 0;
  bool top_down_ = false;
  uint32_t bits_ = 0, compression_ = kRaw, colors_ = 0, green_bits_ = 5;
  Offsets layout_ = kLayouts[0];
  Palette palette_;
};

}  // namespace

Image decode_bmp(std::span<const std::byte> bytes, std::string_view name,
                 const DecodeLimits& limits) {
  return BmpReader(bytes, name, limits).read();
}

}  // namespace vitro::image
