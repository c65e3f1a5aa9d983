#include "ir/resize_taps.h"

#include <algorithm>
#include <cmath>

namespace vitro {
namespace {

double source_position(ResizeCoordinates coordinates, double i, double scale, double in,
                       double out) {
  switch (coordinates) {
    case ResizeCoordinates::HalfPixel:
      return (i + 0.5) / scale - 0.5;
    case ResizeCoordinates::HalfPixelSymmetric:
      // The part of the operand that the result covers is centred.
      return in / 2 * (1 - out / (scale * in)) + (i + 0.5) / scale - 0.5;
    case ResizeCoordinates::PytorchHalfPixel:
      return out > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case ResizeCoordinates::AlignCorners:
      return out > 1 ? i * (in - 1) / (scale * in - 1) : 0;  // ONNX: of the extent not rounded
    case ResizeCoordinates::Asymmetric:
      return i / scale;
  }
  return i;
}

double nearest(ResizeNearest rule, double x) {
  switch (rule) {
    case ResizeNearest::RoundPreferFloor:
      return std::ceil(x - 0.5);
    case ResizeNearest::RoundPreferCeil:
      return std::floor(x + 0.5);
    case ResizeNearest::Floor:
      return std::floor(x);
    case ResizeNearest::Ceil:
      return std::ceil(x);
  }
  return x;
}

double cubic(double distance, double a) {
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// The weight of a neighbour that far away.
double weight_at(const ResizeAttrs& attrs, double distance) {
  if (attrs.mode == ResizeMode::Cubic) return cubic(distance, static_cast<double>(attrs.cubic_a));
  return std::max(0.0, 1 - std::abs(distance));
}

std::vector<ResizeTap> taps_at(const ResizeAttrs& attrs, double position, double scale,
                               int64_t in) {
  if (attrs.mode == ResizeMode::Nearest) {
    const auto at = static_cast<int64_t>(nearest(attrs.nearest, position));
    return {{std::clamp<int64_t>(at, 0, in - 1), 1.0}};
  }
  const double shrink = attrs.antialias ? std::min(scale, 1.0) : 1.0;
  const double reach = (attrs.mode == ResizeMode::Cubic ? 2 : 1) / shrink;
  std::vector<ResizeTap> taps;
  double sum = 0;
  for (double at = std::floor(position - reach) + 1; at <= std::ceil(position + reach) - 1; ++at) {
    double weight = weight_at(attrs, (at - position) * shrink);
    const auto index = static_cast<int64_t>(at);
    if (attrs.exclude_outside && (index < 0 || index >= in)) weight = 0;
    sum += weight;
    taps.push_back({std::clamp<int64_t>(index, 0, in - 1), weight});
  }
  for (ResizeTap& tap : taps) tap.weight /= sum;
  return taps;
}

}  // namespace

std::optional<std::vector<std::vector<ResizeTap>>> resize_taps(const ResizeAttrs& attrs,
                                                               size_t axis, int64_t in,
                                                               int64_t out) {
  const auto from = static_cast<double>(in), to = static_cast<double>(out);
  const double scale = attrs.scales.empty() ? to / from : attrs.scales[axis];
  if (in == out && scale == 1) return std::nullopt;
  std::vector<std::vector<ResizeTap>> taps;
  for (int64_t i = 0; i < out; ++i)
    taps.push_back(
        taps_at(attrs, source_position(attrs.coordinates, static_cast<double>(i), scale, from, to),
                scale, in));
  return taps;
}

}  // namespace vitro
