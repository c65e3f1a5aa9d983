#include <algorithm>
#include <cmath>

#include "backends/reference/elements.h"
#include "backends/reference/ops.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::reference {
namespace {

/// The neighbours along one axis of one position of the result, and their weights.
struct Taps {
  std::vector<int64_t> positions;
  std::vector<double> weights;
};

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

Taps taps_at(const ResizeAttrs& attrs, double position, double scale, int64_t in) {
  if (attrs.mode == ResizeMode::Nearest) {
    const auto at = static_cast<int64_t>(nearest(attrs.nearest, position));
    return {{std::clamp<int64_t>(at, 0, in - 1)}, {1.0}};
  }
  const double shrink = attrs.antialias ? std::min(scale, 1.0) : 1.0;
  const double reach = (attrs.mode == ResizeMode::Cubic ? 2 : 1) / shrink;
  Taps taps;
  double sum = 0;
  for (double at = std::floor(position - reach) + 1; at <= std::ceil(position + reach) - 1; ++at) {
    double weight = weight_at(attrs, (at - position) * shrink);
    const auto index = static_cast<int64_t>(at);
    if ((attrs.exclude_outside || attrs.antialias) && (index < 0 || index >= in)) {
      if (attrs.exclude_outside) weight = 0;
    }
    sum += weight;
    taps.positions.push_back(std::clamp<int64_t>(index, 0, in - 1));
    taps.weights.push_back(weight);
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

}  // namespace

std::unique_ptr<Kernel> make_resize(const OpContext& op) {
  const auto& attrs = op.node.as<ResizeAttrs>();
  const Dims src = op.input(0).dims, dst = op.output().dims, strides = dense_strides(src);
  std::vector<std::vector<Taps>> taps(src.size());  // by axis and position of the result
  for (size_t axis = 0; axis < src.size(); ++axis) {
    const auto in = static_cast<double>(src[axis]), out = static_cast<double>(dst[axis]);
    const double scale = attrs.scales.empty() ? out / in : attrs.scales[axis];
    for (int64_t i = 0; i < dst[axis]; ++i) {
      const double at = source_position(attrs.coordinates, static_cast<double>(i), scale, in, out);
      // An axis that keeps its extent is copied.
      taps[axis].push_back(src[axis] == dst[axis] && scale == 1
                               ? Taps{{i}, {1.0}}
                               : taps_at(attrs, at, scale, src[axis]));
    }
  }
  const int64_t count = num_elements(dst);
  const DType dtype = op.output().dtype;
  return make_kernel([=, taps = std::move(taps)](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      constexpr size_t kMaxRank = 8;
      const Taps* axes[kMaxRank];
      int64_t num_terms = 1, rest = i;
      for (size_t axis = dst.size(); axis-- > 0; rest /= dst[axis]) {
        axes[axis] = &taps[axis][static_cast<size_t>(rest % dst[axis])];
        num_terms *= static_cast<int64_t>(axes[axis]->positions.size());
      }
      double sum = 0;
      for (int64_t term = 0; term < num_terms; ++term) {
        double weight = 1;
        int64_t position = 0, choice = term;
        for (size_t axis = dst.size(); axis-- > 0;) {
          const auto size = static_cast<int64_t>(axes[axis]->positions.size());
          const auto tap = static_cast<size_t>(choice % size);
          choice /= size;
          weight *= axes[axis]->weights[tap];
          position += axes[axis]->positions[tap] * strides[axis];
        }
        sum += weight * load<double>(dtype, args.inputs[0], position);
      }
      store<double>(dtype, args.outputs[0], i, is_integral(dtype) ? std::nearbyint(sum) : sum);
    });
  });
}

}  // namespace vitro::reference
