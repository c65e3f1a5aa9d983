// Compiled without floating-point contraction: the bytes must equal torchvision's.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>

#include "core/check.h"
#include "image/resample.h"

namespace vitro {
namespace {

using image::Region;

constexpr int kMaxSide = 1 << 14;
constexpr int64_t kMaxResizedSide = int64_t{1} << 20;

/// To the nearest integer, halves to the even one, as Python's round().
int64_t round_half_even(double value) { return std::llrint(value); }

struct Size {
  int64_t width = 0;
  int64_t height = 0;
};

void check_options(const Preprocessing& options) {
  check(options.width >= 1 && options.width <= kMaxSide && options.height >= 1 &&
            options.height <= kMaxSide,
        ErrorCode::InvalidArgument, "preprocessing: got an input of {}x{}, expected 1 to {} pixels",
        options.width, options.height, kMaxSide);
  const int longest = std::max(options.width, options.height);
  const int shortest = std::min(options.width, options.height);
  check(options.crop_pct > 0.0 && options.crop_pct <= shortest &&
            longest / options.crop_pct <= static_cast<double>(kMaxResizedSide),
        ErrorCode::InvalidArgument,
        "preprocessing: got crop_pct {} for an input of {}x{}, expected a resized side of 1 to {} "
        "pixels",
        options.crop_pct, options.width, options.height, kMaxResizedSide);
  for (float mean : options.mean) {
    check(std::isfinite(mean), ErrorCode::InvalidArgument,
          "preprocessing: got a mean of {}, expected a finite value", mean);
  }
  for (float deviation : options.std) {
    check(std::isfinite(deviation) && deviation != 0.0f, ErrorCode::InvalidArgument,
          "preprocessing: got a std of {}, expected a finite value other than 0", deviation);
  }
}

/// The shorter side becomes `side`; the longer one is truncated (torchvision Resize(int)).
Size scale_shorter_side(const Image& image, int64_t side) {
  const double longest = std::max(image.width, image.height);
  const double shortest = std::min(image.width, image.height);
  const auto other = static_cast<int64_t>(static_cast<double>(side) * longest / shortest);
  return image.width <= image.height ? Size{side, other} : Size{other, side};
}

/// The largest (`inside`) or the smallest size with the picture's aspect ratio that fits into or
/// covers `target` (timm's ResizeKeepRatio). At least one pixel, where timm would fail.
Size keep_ratio(const Image& image, Size target, bool inside) {
  const double ratio_width = image.width / static_cast<double>(target.width);
  const double ratio_height = image.height / static_cast<double>(target.height);
  const double ratio =
      inside ? std::max(ratio_width, ratio_height) : std::min(ratio_width, ratio_height);
  return {std::max<int64_t>(round_half_even(image.width / ratio), 1),
          std::max<int64_t>(round_half_even(image.height / ratio), 1)};
}

/// Where the crop begins on one axis; negative when the picture is smaller and gets a frame.
int64_t crop_offset(int64_t size, int64_t crop) {
  if (crop > size) return -((crop - size) / 2);
  return round_half_even(static_cast<double>(size - crop) / 2.0);
}

/// round(255 * v) as Python sees v: the decimal number that was written, not the float32 next to it
/// (0.3f is above 0.3, and 76.5 must round to 76).
uint8_t fill_value(float mean) {
  char text[32];
  double value = 0.0;
  const char* end = std::to_chars(text, text + sizeof(text), mean).ptr;
  if (std::from_chars(text, end, value).ec != std::errc{}) return 0;
  return static_cast<uint8_t>(round_half_even(std::clamp(255.0 * value, 0.0, 255.0)));
}

/// How a picture is fitted to the input: resized, then cropped or framed.
struct Fit {
  Size resized;
  Interpolation interpolation = Interpolation::Bicubic;
  std::array<uint8_t, 3> fill{};
};

Fit fit_of(const Image& image, const Preprocessing& options) {
  const Size target{static_cast<int64_t>(std::floor(options.width / options.crop_pct)),
                    static_cast<int64_t>(std::floor(options.height / options.crop_pct))};
  switch (options.crop_mode) {
    case CropMode::Squash:
      return {target, options.interpolation, {}};
    case CropMode::Border:
      return {
          keep_ratio(image, target, /*inside=*/true),
          options.interpolation,
          {fill_value(options.mean[0]), fill_value(options.mean[1]), fill_value(options.mean[2])}};
    case CropMode::Center:
      break;
  }
  if (target.width == target.height) {
    return {scale_shorter_side(image, target.width), options.interpolation, {}};
  }
  return {keep_ratio(image, target, /*inside=*/false), options.interpolation, {}};
}

}  // namespace

Image resize_and_crop(const Image& image, const Preprocessing& options) {
  image::check_image(image);
  check_options(options);
  const Fit fit = fit_of(image, options);
  const int64_t left = crop_offset(fit.resized.width, options.width);
  const int64_t top = crop_offset(fit.resized.height, options.height);
  Region region{fit.resized.width,
                fit.resized.height,
                std::max<int64_t>(left, 0),
                std::max<int64_t>(top, 0),
                0,
                0};
  region.width = static_cast<int>(std::min<int64_t>(options.width, fit.resized.width));
  region.height = static_cast<int>(std::min<int64_t>(options.height, fit.resized.height));
  Image inner = image::resample_region(image, region, fit.interpolation);
  if (inner.width == options.width && inner.height == options.height) return inner;

  Image result{options.width, options.height, {}};
  const size_t stride = static_cast<size_t>(options.width) * 3;
  result.rgb.resize(stride * static_cast<size_t>(options.height));
  for (size_t idx = 0; idx < result.rgb.size(); ++idx) result.rgb[idx] = fit.fill[idx % 3];
  const size_t inner_stride = static_cast<size_t>(inner.width) * 3;
  uint8_t* dst = result.rgb.data() + static_cast<size_t>(std::max<int64_t>(-top, 0)) * stride +
                 static_cast<size_t>(std::max<int64_t>(-left, 0)) * 3;
  for (size_t row = 0; row < static_cast<size_t>(inner.height); ++row) {
    std::memcpy(dst + row * stride, inner.rgb.data() + row * inner_stride, inner_stride);
  }
  return result;
}

void preprocess(const Image& image, const Preprocessing& options, std::span<float> dst) {
  check_options(options);
  const size_t plane = static_cast<size_t>(options.width) * static_cast<size_t>(options.height);
  check(dst.size() == 3 * plane, ErrorCode::InvalidArgument,
        "preprocess: got room for {} values, expected 3x{}x{} = {}", dst.size(), options.height,
        options.width, 3 * plane);
  const Image cropped = resize_and_crop(image, options);
  for (size_t channel = 0; channel < 3; ++channel) {
    // All 256 results once: the same divisions, a million times fewer of them.
    std::array<float, 256> values;
    for (size_t value = 0; value < values.size(); ++value) {
      const float scaled = static_cast<float>(value) / 255.0f;
      values[value] = (scaled - options.mean[channel]) / options.std[channel];
    }
    const uint8_t* src = cropped.rgb.data() + channel;
    float* row = dst.data() + channel * plane;
    for (size_t idx = 0; idx < plane; ++idx) row[idx] = values[src[3 * idx]];
  }
}

}  // namespace vitro
