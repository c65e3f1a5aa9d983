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

/// dst[j] = clip(sum over taps of weights[k] * src[k * stride + j]), j in [0, kBlock).
/// Unsigned sums: partial sums may wrap, the total fits in 32 bits.
void weighted_sum(const uint8_t* __restrict src, size_t stride, const int32_t* weights, int taps,
                  uint8_t* __restrict dst) {
  uint32_t sums[kBlock];
  std::fill_n(sums, kBlock, uint32_t{1} << (FilterWeights::kFractionBits - 1));
  for (int tap = 0; tap < taps; ++tap, src += stride) {
    const auto weight = static_cast<uint32_t>(weights[tap]);
    for (size_t j = 0; j < kBlock; ++j) sums[j] += weight * src[j];
  }
  for (size_t j = 0; j < kBlock; ++j) {
    const int32_t value = static_cast<int32_t>(sums[j]) >> FilterWeights::kFractionBits;
    dst[j] = static_cast<uint8_t>(std::clamp(value, 0, 255));
  }
}

/// Rows first, first + 1, ... of the picture, vertically resampled: one output row per window.
/// `row_bytes` of each row are used, beginning at `src`.
void resample_rows(const uint8_t* src, size_t src_stride, size_t row_bytes,
                   const FilterWeights& filter, uint8_t* dst) {
  for (const Window& window : filter.windows) {
    const uint8_t* first = src + static_cast<size_t>(window.begin) * src_stride;
    const int32_t* weights = filter.weights.data() + window.weights;
    size_t column = 0;
    for (; column + kBlock <= row_bytes; column += kBlock) {
      weighted_sum(first + column, src_stride, weights, window.taps, dst + column);
    }
    for (; column < row_bytes; ++column) {
      uint32_t sum = uint32_t{1} << (FilterWeights::kFractionBits - 1);
      for (int tap = 0; tap < window.taps; ++tap) {
        sum += static_cast<uint32_t>(weights[tap]) *
               first[static_cast<size_t>(tap) * src_stride + column];
      }
      const int32_t value = static_cast<int32_t>(sum) >> FilterWeights::kFractionBits;
      dst[column] = static_cast<uint8_t>(std::clamp(value, 0, 255));
    }
    dst += row_bytes;
  }
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
                   uint8_t* __restrict dst, size_t dst_stride) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      dst[row * dst_stride + column] = src[column * kStripRows + row];
    }
  }
}

/// Source pixels that the windows of one axis touch.
struct Range {
  int begin = 0;
  int end = 0;
};

Range used_range(const FilterWeights& filter) {
  Range range{filter.windows.front().begin, 0};
  for (const Window& window : filter.windows) {
    range.begin = std::min(range.begin, window.begin);
    range.end = std::max(range.end, window.begin + window.taps);
  }
  return range;
}

/// Rows [rows.begin, rows.end) of the picture, horizontally resampled to one pixel per window.
std::vector<uint8_t> resample_columns(const Image& image, Range rows, const FilterWeights& filter) {
  const Range used = used_range(filter);
  const size_t src_columns = static_cast<size_t>(used.end - used.begin) * kChannels;
  const size_t dst_columns = filter.windows.size() * kChannels;
  const size_t src_stride = static_cast<size_t>(image.width) * kChannels;
  const size_t num_rows = static_cast<size_t>(rows.end - rows.begin);
  std::vector<uint8_t> result(num_rows * dst_columns);
  std::vector<uint8_t> src_strip(src_columns * kStripRows);
  std::vector<uint8_t> dst_strip(dst_columns * kStripRows);
  const uint8_t* src = image.rgb.data() + static_cast<size_t>(rows.begin) * src_stride +
                       static_cast<size_t>(used.begin) * kChannels;
  for (size_t row = 0; row < num_rows; row += kStripRows) {
    const size_t strip_rows = std::min(kStripRows, num_rows - row);
    interleave_rows(src + row * src_stride, src_stride, strip_rows, src_columns, src_strip.data());
    uint8_t* dst = dst_strip.data();
    for (const Window& window : filter.windows) {
      const size_t pixel = static_cast<size_t>(window.begin - used.begin);
      for (size_t channel = 0; channel < kChannels; ++channel, dst += kStripRows) {
        weighted_sum(src_strip.data() + (pixel * kChannels + channel) * kStripRows,
                     kChannels * kStripRows, filter.weights.data() + window.weights, window.taps,
                     dst);
      }
    }
    separate_rows(dst_strip.data(), strip_rows, dst_columns, result.data() + row * dst_columns,
                  dst_columns);
  }
  return result;
}

/// Columns [left, left + width) of rows [rows.begin, rows.end), copied.
std::vector<uint8_t> copy_columns(const Image& image, Range rows, size_t left, size_t width) {
  const size_t src_stride = static_cast<size_t>(image.width) * kChannels;
  const size_t dst_stride = width * kChannels;
  std::vector<uint8_t> result(static_cast<size_t>(rows.end - rows.begin) * dst_stride);
  for (int row = rows.begin; row < rows.end; ++row) {
    std::memcpy(result.data() + static_cast<size_t>(row - rows.begin) * dst_stride,
                image.rgb.data() + static_cast<size_t>(row) * src_stride + left * kChannels,
                dst_stride);
  }
  return result;
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
  // A side that keeps its length has no pass, as in Pillow: copying is not the same as filtering
  // twice.
  const bool vertical = region.full_height != image.height;
  const bool horizontal = region.full_width != image.width;
  const auto width = static_cast<size_t>(region.width);

  FilterWeights row_filter;
  Range rows{static_cast<int>(region.top), static_cast<int>(region.top) + region.height};
  if (vertical) {
    row_filter = make_filter_weights(interpolation, image.height, region.full_height, region.top,
                                     region.height);
    rows = used_range(row_filter);
  }
  // A thin tall picture may be made wide before it is made low.
  constexpr int64_t kMaxBetween = int64_t{1} << 28;
  check(int64_t{region.width} * (rows.end - rows.begin) <= kMaxBetween, ErrorCode::OutOfMemory,
        "resize: {}x{} to {}x{} pixels needs {}x{} in between, expected at most {} pixels",
        image.width, image.height, region.full_width, region.full_height, region.width,
        rows.end - rows.begin, kMaxBetween);
  // The horizontal pass comes first and rounds to 8 bits.
  std::vector<uint8_t> pixels;
  if (horizontal) {
    pixels = resample_columns(image, rows,
                              make_filter_weights(interpolation, image.width, region.full_width,
                                                  region.left, region.width));
  } else {
    pixels = copy_columns(image, rows, static_cast<size_t>(region.left), width);
  }
  Image result{region.width, region.height, {}};
  if (!vertical) {
    result.rgb = std::move(pixels);
    return result;
  }
  for (Window& window : row_filter.windows) window.begin -= rows.begin;
  result.rgb.resize(width * static_cast<size_t>(region.height) * kChannels);
  resample_rows(pixels.data(), width * kChannels, width * kChannels, row_filter, result.rgb.data());
  return result;
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
