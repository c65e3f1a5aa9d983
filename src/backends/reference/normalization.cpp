#include <algorithm>
#include <cmath>

#include "backends/reference/ops.h"

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

/// exp(x - max) / sum. src and dst may be the same.
void softmax_row(const float* src, int64_t count, float* dst) {
  const double peak = *std::max_element(src, src + count);
  double sum = 0.0;
  for (int64_t c = 0; c < count; ++c) sum += std::exp(src[c] - peak);
  // The exponential is taken twice rather than stored: a float32 store would round it.
  for (int64_t c = 0; c < count; ++c) dst[c] = static_cast<float>(std::exp(src[c] - peak) / sum);
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

// Over the last axis: dst = (src - mean(src)) / sqrt(variance(src) + eps) [* weight [+ bias]]
std::unique_ptr<Kernel> make_layer_norm(const OpContext& op) {
  const int64_t rows = num_rows(op.output().dims), channels = op.output().dims.back();
  const double eps = op.node.as<NormAttrs>().eps;
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

// Over the last axis.
std::unique_ptr<Kernel> make_softmax(const OpContext& op) {
  const Dims& dims = op.output().dims;
  const int64_t columns = dims.empty() ? 1 : dims.back();
  const int64_t rows = num_elements(dims) / std::max<int64_t>(columns, 1);
  const auto run = [=](const KernelArgs& args) {
    parallel_for(rows, team_of(args), [&](int64_t row) {
      softmax_row(args.in<float>(0) + row * columns, columns, args.out<float>() + row * columns);
    });
  };
  return make_kernel(run, 0);
}

}  // namespace vitro::reference
