#include "image/resample.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "image/filter_weights.h"

namespace vitro::image {
namespace {

constexpr size_t kChannels = 3;
/// Bytes summed together: their 32-bit sums fill 8 SSE, 4 AVX2 or 2 AVX-512 registers.
constexpr size_t kBlock = 32;
/// Rows that the horizontal pass handles at once, interleaved, so that neighbours in memory share a
/// weight.
constexpr size_t kStripRows = 32;

/// dst[j] = clip(sum over taps of weights[k] * src[k * stride + j]), j in [0, count).
/// Unsigned sums: partial sums may wrap, the total fits in 32 bits.
template <size_t count>
void weighted_sum(const uint8_t* __restrict src, size_t stride, const int32_t* weights, int taps,
                  uint8_t* __restrict dst) {
  uint32_t sums[count];
  std::fill_n(sums, count, uint32_t{1} << (FilterWeights::kFractionBits - 1));
  for (int tap = 0; tap < taps; ++tap, src += stride) {
    const auto weight = static_cast<uint32_t>(weights[tap]);
    for (size_t j = 0; j < count; ++j) sums[j] += weight * src[j];
  }
  for (size_t j = 0; j < count; ++j) {
    const int32_t value = static_cast<int32_t>(sums[j]) >> FilterWeights::kFractionBits;
    dst[j] = static_cast<uint8_t>(std::clamp(value, 0, 255));
  }
}

/// Pixels inside a larger picture.
struct View {
  const uint8_t* pixels = nullptr;
  size_t stride = 0;  ///< bytes from row to row
  size_t width = 0;   ///< pixels
  size_t height = 0;  ///< rows
};

/// One output row per window.
std::vector<uint8_t> vertical_pass(const View& src, const FilterWeights& filter) {
  const size_t row_bytes = src.width * kChannels;
  std::vector<uint8_t> result(filter.windows.size() * row_bytes);
  uint8_t* dst = result.data();
  for (const Window& window : filter.windows) {
    const uint8_t* first = src.pixels + static_cast<size_t>(window.begin) * src.stride;
    const int32_t* weights = filter.weights.data() + window.weights;
    size_t column = 0;
    for (; column + kBlock <= row_bytes; column += kBlock) {
      weighted_sum<kBlock>(first + column, src.stride, weights, window.taps, dst + column);
    }
    for (; column < row_bytes; ++column) {
      weighted_sum<1>(first + column, src.stride, weights, window.taps, dst + column);
    }
    dst += row_bytes;
  }
  return result;
}

/// [rows, columns] bytes, `src_stride` apart, to [columns, kStripRows]; missing rows stay as they
/// are.
void interleave_rows(const uint8_t* __restrict src, size_t src_stride, size_t rows, size_t columns,
                     uint8_t* __restrict dst) {
  for (size_t column = 0; column < columns; ++column) {
    for (size_t row = 0; row < rows; ++row) {
      dst[column * kStripRows + row] = src[row * src_stride + column];
    }
  }
}

/// [columns, kStripRows] back to [rows, columns].
void separate_rows(const uint8_t* __restrict src, size_t rows, size_t columns,
                   uint8_t* __restrict dst) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      dst[row * columns + column] = src[column * kStripRows + row];
    }
  }
}

/// One output column per window.
std::vector<uint8_t> horizontal_pass(const View& src, const FilterWeights& filter) {
  const size_t src_columns = src.width * kChannels;
  const size_t dst_columns = filter.windows.size() * kChannels;
  std::vector<uint8_t> result(src.height * dst_columns);
  std::vector<uint8_t> src_strip(src_columns * kStripRows);
  std::vector<uint8_t> dst_strip(dst_columns * kStripRows);
  for (size_t row = 0; row < src.height; row += kStripRows) {
    const size_t rows = std::min(kStripRows, src.height - row);
    interleave_rows(src.pixels + row * src.stride, src.stride, rows, src_columns, src_strip.data());
    uint8_t* dst = dst_strip.data();
    for (const Window& window : filter.windows) {
      const uint8_t* first =
          src_strip.data() + static_cast<size_t>(window.begin) * kChannels * kStripRows;
      for (size_t channel = 0; channel < kChannels; ++channel, dst += kStripRows) {
        weighted_sum<kStripRows>(first + channel * kStripRows, kChannels * kStripRows,
                                 filter.weights.data() + window.weights, window.taps, dst);
      }
    }
    separate_rows(dst_strip.data(), rows, dst_columns, result.data() + row * dst_columns);
  }
  return result;
}

std::vector<uint8_t> copy_pixels(const View& src) {
  const size_t row_bytes = src.width * kChannels;
  std::vector<uint8_t> result(src.height * row_bytes);
  for (size_t row = 0; row < src.height; ++row) {
    std::memcpy(result.data() + row * row_bytes, src.pixels + row * src.stride, row_bytes);
  }
  return result;
}

/// The work along one axis.
struct Axis {
  bool resampled = false;  ///< a side that keeps its length has no pass, as in Pillow
  FilterWeights filter;    ///< windows count from `begin`
  size_t begin = 0;        ///< first source pixel that is used
  size_t count = 0;        ///< source pixels that are used
};

Axis make_axis(Interpolation interpolation, int src_size, int64_t full_size, int64_t first,
               int count) {
  if (src_size == full_size) {
    return {false, {}, static_cast<size_t>(first), static_cast<size_t>(count)};
  }
  Axis axis{true, make_filter_weights(interpolation, src_size, full_size, first, count), 0, 0};
  // Windows move to the right only.
  const int begin = axis.filter.windows.front().begin;
  int end = begin;
  for (Window& window : axis.filter.windows) {
    end = std::max(end, window.begin + window.taps);
    window.begin -= begin;
  }
  axis.begin = static_cast<size_t>(begin);
  axis.count = static_cast<size_t>(end - begin);
  return axis;
}

/// Which pass comes first matters, because each rounds to 8 bits. Pillow's rule since 13.0; earlier
/// versions always begin with the horizontal pass. The counts of pixels are compared, not the
/// ratios.
bool vertical_first(const Image& image, const Region& region) {
  const int64_t rows_removed = image.height - region.full_height;
  return rows_removed > 0 && rows_removed > 2 * (image.width - region.full_width);
}

}  // namespace

void check_image(const Image& image) {
  check(image.width > 0 && image.height > 0, ErrorCode::InvalidArgument,
        "image: got {}x{} pixels, expected at least 1x1", image.width, image.height);
  const size_t expected = static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3;
  check(image.rgb.size() == expected, ErrorCode::InvalidArgument,
        "image: got {} bytes for {}x{} pixels, expected {}", image.rgb.size(), image.width,
        image.height, expected);
}

Image resample_region(const Image& image, const Region& region, Interpolation interpolation) {
  const Axis columns =
      make_axis(interpolation, image.width, region.full_width, region.left, region.width);
  const Axis rows =
      make_axis(interpolation, image.height, region.full_height, region.top, region.height);
  const size_t stride = static_cast<size_t>(image.width) * kChannels;
  View view{image.rgb.data() + rows.begin * stride + columns.begin * kChannels, stride,
            columns.count, rows.count};
  std::vector<uint8_t> pixels;
  const auto horizontal = [&] {
    if (!columns.resampled) return;
    pixels = horizontal_pass(view, columns.filter);
    const size_t width = columns.filter.windows.size();
    view = {pixels.data(), width * kChannels, width, view.height};
  };
  const auto vertical = [&] {
    if (!rows.resampled) return;
    pixels = vertical_pass(view, rows.filter);
    view = {pixels.data(), view.width * kChannels, view.width, rows.filter.windows.size()};
  };
  if (vertical_first(image, region)) {
    vertical();
    horizontal();
  } else {
    horizontal();
    vertical();
  }
  if (!columns.resampled && !rows.resampled) pixels = copy_pixels(view);
  return {region.width, region.height, std::move(pixels)};
}

}  // namespace vitro::image

namespace vitro {

Image resize(const Image& image, int width, int height, Interpolation interpolation) {
  constexpr int64_t kMaxPixels = int64_t{1} << 26;
  image::check_image(image);
  check(width > 0 && height > 0 && int64_t{width} * height <= kMaxPixels,
        ErrorCode::InvalidArgument, "resize: got {}x{} pixels, expected 1 to {} pixels", width,
        height, kMaxPixels);
  return image::resample_region(image, {width, height, 0, 0, width, height}, interpolation);
}

}  // namespace vitro
