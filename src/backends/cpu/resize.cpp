#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/resize_taps.h"

namespace vitro::cpu {
namespace {

/// [outer, in, inner] -> [outer, taps.size(), inner].
struct AxisPass {
  int64_t outer = 1, in = 1, inner = 1;
  std::vector<std::vector<ResizeTap>> taps;  ///< by position of the result

  int64_t out() const { return static_cast<int64_t>(taps.size()); }
  int64_t elements() const { return outer * out() * inner; }
};

/// Along one axis after the other. The result of a position is a sum of a few runs of `inner`
/// elements; what is nearest is copied.
class ResizeKernel final : public Kernel {
 public:
  explicit ResizeKernel(const OpContext& op) : weighted_sum_(active_kernels().weighted_sum) {
    Dims dims = op.input(0).dims;
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const int64_t out = op.output().dims[axis];
      auto taps = resize_taps(op.node.as<ResizeAttrs>(), axis, dims[axis], out);
      if (!taps) continue;
      AxisPass pass{1, dims[axis], 1, std::move(*taps)};
      for (size_t i = 0; i < axis; ++i) pass.outer *= dims[i];
      for (size_t i = axis + 1; i < dims.size(); ++i) pass.inner *= dims[i];
      passes_.push_back(std::move(pass));
      bands_.push_back(make_bands(passes_.back().outer * out, 1,
                                  std::max<int64_t>(1, kElements / passes_.back().inner),
                                  op.threads));
      dims[axis] = out;
    }
    count_ = num_elements(dims);
    for (size_t i = 0; i + 1 < passes_.size(); ++i)
      between_ = std::max(
          between_, aligned_bytes(static_cast<size_t>(passes_[i].elements()) * sizeof(float)));
  }
  size_t scratch_bytes() const override {
    return between_ * std::min<size_t>(passes_.empty() ? 0 : passes_.size() - 1, 2);
  }
  void run(const KernelArgs& args) const override {
    const float* from = args.in<float>(0);
    if (passes_.empty())
      std::memcpy(args.out<float>(), from, static_cast<size_t>(count_) * sizeof(float));
    for (size_t i = 0; i < passes_.size(); ++i) {
      float* to = i + 1 < passes_.size() ? reinterpret_cast<float*>(args.scratch + i % 2 * between_)
                                         : args.out<float>();
      const Bands& bands = bands_[i];
      team_of(args).parallel_for(bands.count, [&](int64_t band, int) {
        resize(passes_[i], from, to, bands.begin(band), bands.begin(band + 1));
      });
      from = to;
    }
  }

 private:
  static constexpr int64_t kElements = 1 << 14;  // of the result, that a band is worth its start

  /// Positions [begin, end) of the result, of all lines.
  void resize(const AxisPass& pass, const float* src, float* dst, int64_t begin,
              int64_t end) const {
    constexpr size_t kMostTerms = 16;
    WeightedTerm terms[kMostTerms];
    for (int64_t row = begin; row < end; ++row) {
      const float* line = src + row / pass.out() * pass.in * pass.inner;
      const auto& taps = pass.taps[static_cast<size_t>(row % pass.out())];
      float* to = dst + row * pass.inner;
      if (taps.size() == 1 && taps[0].weight == 1) {
        std::copy_n(line + taps[0].position * pass.inner, pass.inner, to);
      } else if (pass.inner == 1 || taps.size() > kMostTerms) {
        sum_each(taps, line, pass.inner, to);
      } else {
        for (size_t t = 0; t < taps.size(); ++t)
          terms[t] = {line + taps[t].position * pass.inner, static_cast<float>(taps[t].weight)};
        weighted_sum_(terms, static_cast<int64_t>(taps.size()), pass.inner, to);
      }
    }
  }

  static void sum_each(const std::vector<ResizeTap>& taps, const float* line, int64_t inner,
                       float* to) {
    for (int64_t i = 0; i < inner; ++i) {
      float sum = 0;
      for (const ResizeTap& tap : taps)
        sum += static_cast<float>(tap.weight) * line[tap.position * inner + i];
      to[i] = sum;
    }
  }

  WeightedSum weighted_sum_;
  int64_t count_;
  std::vector<AxisPass> passes_;
  std::vector<Bands> bands_;
  size_t between_ = 0;  // bytes of one of two places for what lies between axes
};

std::optional<Refusal> can_run(const OpContext& op) {
  if (op.input(0).dtype != DType::Float32)
    return Refusal{fmt::format("operand 0 is {}", dtype_name(op.input(0).dtype))};
  if (num_elements(op.input(0).dims) == 0) return Refusal{"operand 0 is empty"};
  return std::nullopt;
}

}  // namespace

const Impl kResizeAxes{"cpu:resize_axes", can_run, make_kernel<ResizeKernel>};

}  // namespace vitro::cpu
