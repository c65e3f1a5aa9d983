#include <fmt/core.h>

#include <algorithm>

#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/conv2d.h"
#include "backends/cpu/depthwise_conv2d.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

/// [out, h, w, 1] -> [h, w, out], as depthwise kernels read them. No plan stores it.
const PackedForm kTaps{"cpu:taps",
                       [](const TensorType& type) {
                         return Dims{type.dims[1], type.dims[2], type.dims[0]};
                       },
                       [](const TensorType& type, const std::byte* src, std::byte* dst) {
                         const auto* rows = reinterpret_cast<const float*>(src);
                         auto* taps = reinterpret_cast<float*>(dst);
                         const int64_t out = type.dims[0], count = type.dims[1] * type.dims[2];
                         for (int64_t o = 0; o < out; ++o)
                           for (int64_t tap = 0; tap < count; ++tap)
                             taps[tap * out + o] = rows[o * count + tap];
                       },
                       nullptr};

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = can_conv2d(op)) return refusal;
  const TensorType& weight = op.input(1);
  if (op.node.as<ConvAttrs>().groups == 1) return Refusal{"it has one group"};
  if (weight.dims[3] != 1)
    return Refusal{fmt::format("its groups have {} channels, not 1", weight.dims[3])};
  if (weight.dtype != DType::Float32)
    return Refusal{fmt::format("its weight is {}, not F32", dtype_name(weight.dtype))};
  const PatchSource patches = conv2d_patches(op);
  if (patches.dilation_h == 1 && patches.dilation_w == 1) return std::nullopt;
  return Refusal{
      fmt::format("its dilation is {}x{}, not 1x1", patches.dilation_h, patches.dilation_w)};
}

/// The geometry between the repeated channels and the result.
DepthwiseArgs repeated_args(const OpContext& op) {
  const PatchSource p = conv2d_patches(op);
  const Dims& y = op.output().dims;
  return depthwise_args({1, p.in_h, p.in_w, y[3]}, {p.kernel_h, p.kernel_w, y[3]}, y,
                        {{p.stride_h, p.stride_w}, {p.pad_top, p.pad_left}});
}

/// dst = each of `count` floats `times` times.
void repeat(const float* src, int64_t count, int64_t times, float* dst) {
  if (times == 2) {  // which compilers make vectors of
    for (int64_t i = 0; i < count; ++i) dst[2 * i] = dst[2 * i + 1] = src[i];
    return;
  }
  for (int64_t i = 0; i < count; ++i, dst += times) std::fill_n(dst, times, src[i]);
}

/// Groups of one channel that make several each, a channel multiplier: the channels of an image
/// are repeated, and the rest is a depthwise convolution.
class MultiplierConvKernel final : public Kernel {
 public:
  explicit MultiplierConvKernel(const OpContext& op)
      : table_(active_kernels()),
        images_(op.input(0).dims[0]),
        times_(op.output().dims[3] / op.input(0).dims[3]),
        weights_(op.packed(1, kTaps)),
        args_(repeated_args(op)),
        pixels_{args_.in_h * args_.in_w, 1, std::min<int64_t>(args_.in_h * args_.in_w, op.threads)},
        bands_(make_bands(args_.out_h, 1, args_.out_h, op.threads)) {}
  bool absorb(const OpContext& next, size_t operand) override {
    const auto activation = operand == 0 ? activation_of(next) : std::nullopt;
    if (!activation || args_.activation.kind != Activation::Kind::None) return false;
    args_.activation = *activation;
    return true;
  }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pixels_.total * args_.channels) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const int64_t channels = args_.channels / times_;
    auto* repeated = reinterpret_cast<float*>(args.scratch);
    DepthwiseArgs local = args_;
    local.input = repeated;
    local.weights = reinterpret_cast<const float*>(weights_.bytes.data());
    local.bias = args.in<float>(2);
    for (int64_t image = 0; image < images_; ++image) {
      const float* input = args.in<float>(0) + image * pixels_.total * channels;
      team_of(args).parallel_for(pixels_.count, [&](int64_t i, int) {
        const int64_t at = pixels_.begin(i) * channels;
        repeat(input + at, pixels_.size(i) * channels, times_, repeated + at * times_);
      });
      local.output = args.out<float>() + image * args_.out_h * args_.out_w * args_.channels;
      team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
        table_.depthwise(local, bands_.begin(band), bands_.begin(band + 1));
      });
    }
  }

 private:
  const KernelTable& table_;
  int64_t images_;
  int64_t times_;
  Constant weights_;
  DepthwiseArgs args_;  ///< of one image, its channels repeated
  Bands pixels_;        ///< of the input
  Bands bands_;         ///< rows of the result
};

}  // namespace

const Impl kConv2dMultiplier{"cpu:conv2d_multiplier", can_run, make_kernel<MultiplierConvKernel>};

}  // namespace vitro::cpu
