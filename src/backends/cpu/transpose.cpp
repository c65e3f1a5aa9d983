#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> nchw_to_nhwc(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (op.node.as<TransposeAttrs>().perm == std::vector<int64_t>{0, 2, 3, 1}) return std::nullopt;
  return Refusal{"the permutation is not [0,2,3,1]"};
}

/// Images [n, c, h, w] with few channels -> [n, h, w, c].
class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(const OpContext& op) : dims_(op.input(0).dims) {}
  void run(const KernelArgs& args) const override {
    const int64_t channels = dims_[1], height = dims_[2], width = dims_[3];
    team_of(args).parallel_for(dims_[0] * height, [&](int64_t row, int) {
      const int64_t image = row / height, y = row % height;
      const float* src = args.in<float>(0) + (image * channels * height + y) * width;
      float* dst = args.out<float>() + row * width * channels;
      for (int64_t x = 0; x < width; ++x)
        for (int64_t c = 0; c < channels; ++c) dst[x * channels + c] = src[c * height * width + x];
    });
  }

 private:
  Dims dims_;
};

}  // namespace

const Impl kTransposeNchw{"cpu:transpose_nchw", nchw_to_nhwc, make_kernel<TransposeKernel>};

}  // namespace vitro::cpu
