#include <algorithm>
#include <cmath>

#include "backends/reference/ops.h"
#include "ir/infer.h"

namespace vitro::reference {
namespace {

int64_t num_rows(const Dims& dims) {
  return num_elements(dims) / std::max<int64_t>(dims.back(), 1);
}

/// The normalised row, times weight plus bias when they are given. src and dst may be the same.
void layer_norm_row(const float* src, const float* weight, const float* bias, int64_t count,
                    double eps, float* dst) {
  double sum = 0.0, squares = 0.0;
  for (int64_t c = 0; c < count; ++c) sum += src[c];
  const double mean = sum / static_cast<double>(count);
  for (int64_t c = 0; c < count; ++c) squares += (src[c] - mean) * (src[c] - mean);
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(count) + eps);
  for (int64_t c = 0; c < count; ++c) {
    const double y = (src[c] - mean) * scale;
    dst[c] = static_cast<float>(y * (weight ? weight[c] : 1.0f) + (bias ? bias[c] : 0.0f));
  }
}

}  // namespace

// dst[..., c] = (src[..., c] - mean[c]) / sqrt(variance[c] + eps) * weight[c] + bias[c]
std::unique_ptr<Kernel> make_batch_norm(const OpContext& op) {
  const int64_t rows = num_rows(op.output().dims), channels = op.output().dims.back();
  const double eps = op.node.as<NormAttrs>().eps;
  const auto run = [=](const KernelArgs& args) {
    const float *weight = args.in<float>(1), *bias = args.in<float>(2);
    const float *mean = args.in<float>(3), *variance = args.in<float>(4);
    parallel_for(rows, team_of(args), [&](int64_t row) {
      const float* src = args.in<float>(0) + row * channels;
      float* dst = args.out<float>() + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const double centred = static_cast<double>(src[c]) - mean[c];
        dst[c] = static_cast<float>(centred / std::sqrt(variance[c] + eps) * weight[c] + bias[c]);
      }
    });
  };
  return make_kernel(run, 0);
}

// Over the trailing axes: dst = (src - mean(src)) / sqrt(variance(src) + eps) [* weight [+ bias]]
std::unique_ptr<Kernel> make_layer_norm(const OpContext& op) {
  const auto& attrs = op.node.as<NormAttrs>();
  const Dims& dims = op.output().dims;
  const int64_t channels = num_elements({dims.end() - attrs.axes, dims.end()});
  const int64_t rows = num_elements(dims) / std::max<int64_t>(channels, 1);
  const double eps = attrs.eps;
  const auto run = [=](const KernelArgs& args) {
    const float* weight = args.in<float>(1);
    const float* bias = args.in<float>(2);
    parallel_for(rows, team_of(args), [&](int64_t row) {
      layer_norm_row(args.in<float>(0) + row * channels, weight, bias, channels, eps,
                     args.out<float>() + row * channels);
    });
  };
  return make_kernel(run, 0);
}

// As layer_norm, over the pixels and the channels of each group of each image.
std::unique_ptr<Kernel> make_group_norm(const OpContext& op) {
  const auto& attrs = op.node.as<GroupNormAttrs>();
  const Dims& dims = op.output().dims;  // [n, spatial..., c]
  const int64_t channels = dims.back(), groups = attrs.groups, width = channels / groups;
  const int64_t pixels = num_elements({dims.begin() + 1, dims.end() - 1});
  const double eps = attrs.eps, count = static_cast<double>(pixels * width);
  return make_kernel([=, images = dims[0]](const KernelArgs& args) {
    const float *weight = args.in<float>(1), *bias = args.in<float>(2);
    parallel_for(images * groups, team_of(args), [&](int64_t i) {
      const int64_t first = i / groups * pixels * channels, channel = i % groups * width;
      const auto for_each = [&](const auto& body) {
        for (int64_t pixel = 0; pixel < pixels; ++pixel)
          for (int64_t c = channel; c < channel + width; ++c) body(first + pixel * channels + c, c);
      };
      const float* src = args.in<float>(0);
      double sum = 0.0, squares = 0.0;
      for_each([&](int64_t at, int64_t) { sum += src[at]; });
      const double mean = sum / count;
      for_each([&](int64_t at, int64_t) { squares += (src[at] - mean) * (src[at] - mean); });
      const double scale = 1.0 / std::sqrt(squares / count + eps);
      for_each([&](int64_t at, int64_t c) {
        args.out<float>()[at] = static_cast<float>(
            (src[at] - mean) * scale * (weight ? weight[c] : 1.0f) + (bias ? bias[c] : 0.0f));
      });
    });
  });
}

namespace {

/// exp(x - max) / sum along a line of `count` elements that are `step` apart, or its logarithm. src
/// and dst may be the same.
void softmax_line(const float* src, int64_t count, int64_t step, bool log, float* dst) {
  double peak = src[0];
  for (int64_t i = 1; i < count; ++i) peak = std::max(peak, static_cast<double>(src[i * step]));
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i) sum += std::exp(src[i * step] - peak);
  // The exponential is taken twice rather than stored: a float32 store would round it.
  for (int64_t i = 0; i < count; ++i) {
    const double x = src[i * step] - peak;
    dst[i * step] = static_cast<float>(log ? x - std::log(sum) : std::exp(x) / sum);
  }
}

}  // namespace

std::unique_ptr<Kernel> make_softmax(const OpContext& op) {
  const Dims& dims = op.output().dims;
  const auto axis = static_cast<std::ptrdiff_t>(
      axis_of(op.node, op.node.as<SoftmaxAttrs>().axis, static_cast<int64_t>(dims.size())));
  const int64_t count = dims[static_cast<size_t>(axis)];
  const int64_t step = num_elements({dims.begin() + axis + 1, dims.end()});
  const int64_t lines = num_elements({dims.begin(), dims.begin() + axis}) * step;
  const bool log = op.node.kind == OpKind::LogSoftmax;
  const auto run = [=](const KernelArgs& args) {
    parallel_for(lines, team_of(args), [&](int64_t line) {
      const int64_t first = line / step * count * step + line % step;
      softmax_line(args.in<float>(0) + first, count, step, log, args.out<float>() + first);
    });
  };
  return make_kernel(run, 0);
}

}  // namespace vitro::reference
