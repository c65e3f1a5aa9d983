#include "backends/cpu/conv2d.h"

#include <fmt/core.h>

#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/parallel_gemm.h"
#include "backends/host_lane.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro::cpu {

std::optional<Refusal> can_conv2d(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  if (op.input(1).dims.size() != 4) return Refusal{"it is not over two axes"};
  return std::nullopt;
}

PatchSource conv2d_patches(const OpContext& op) {
  const auto axes = conv_windows(op.node, op.input(1).dims);
  const Dims &x = op.input(0).dims, &w = op.input(1).dims, &y = op.output().dims;
  return {.in_h = x[1],
          .in_w = x[2],
          .channels = w[3],
          .kernel_h = w[1],
          .kernel_w = w[2],
          .out_h = y[1],
          .out_w = y[2],
          .stride_h = axes[0].stride,
          .stride_w = axes[1].stride,
          .pixel_stride = x[3],
          .pad_top = axes[0].pad_begin,
          .pad_left = axes[1].pad_begin,
          .dilation_h = axes[0].dilation,
          .dilation_w = axes[1].dilation};
}

namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = can_conv2d(op)) return refusal;
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  if (groups == 1) return std::nullopt;
  return Refusal{fmt::format("it has {} groups", groups)};
}

std::optional<Refusal> can_quantize(const OpContext& op) {
  for (size_t i : {4, 5})
    if (!op.constant(i)) return Refusal{fmt::format("operand {} is computed", i)};
  return can_run(op);
}

/// A product with the weight [out, kernel_h * kernel_w * in] in panels, which gathers its rows, the
/// patches, block by block into the second-level cache.
class ConvKernel final : public Kernel {
 public:
  explicit ConvKernel(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        operands_(op, 1, 3),
        patches_(conv2d_patches(op)),
        epilogue_(op_info(op.node.kind).max_inputs) {
    const Dims& w = op.input(1).dims;
    args_.m = num_rows(op.output());
    args_.n = args_.ldc = args_.ldr = w[0];
    args_.k = w[1] * w[2] * w[3];
    operands_.describe(args_);
    if (!operands_.quantized()) return;
    repeat_for_taps(op);
    image_rows_ = num_rows(op.input(0));
    outside_.resize(static_cast<size_t>(patches_.channels));
    const std::vector<float> zeros(outside_.size());
    table_.quantize(zeros.data(), 1, patches_.channels, quantizer(), outside_.data());
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    GemmArgs gemm = args_;
    gemm.patches = &patches_;
    return (image_size() + table_.gemm_scratch_size(gemm) * static_cast<size_t>(threads_)) *
           sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    PatchSource patches = patches_;
    patches.input = args.in<float>(0);
    if (reads_codes()) {
      auto* codes = reinterpret_cast<uint8_t*>(args.scratch);
      quantize_image(patches.input, codes, team_of(args));
      patches.codes = codes;
      patches.outside = outside_.data();
    }
    GemmArgs gemm = args_;
    gemm.patches = &patches;
    operands_.bind(gemm, args);
    if (operands_.quantized()) gemm.quantized.rows = quantizer();
    gemm.residual = epilogue_.residual(args);
    gemm.activation = epilogue_.activation();
    gemm.c = args.out<float>();
    parallel_gemm(table_, gemm, team_of(args),
                  reinterpret_cast<float*>(args.scratch) + image_size());
  }

 private:
  /// Whether pixels become codes before they are gathered, since they are in several patches.
  bool reads_codes() const {
    return operands_.quantized() &&
           patches_.kernel_h * patches_.kernel_w > patches_.stride_h * patches_.stride_w;
  }
  /// Floats of scratch for the codes of the images.
  size_t image_size() const {
    return reads_codes() ? aligned_floats((image_rows_ * patches_.channels + 3) / 4) : 0;
  }
  void quantize_image(const float* input, uint8_t* codes, ThreadTeam& team) const {
    const Bands bands{image_rows_, 1, std::min<int64_t>(image_rows_, threads_)};
    team.parallel_for(bands.count, [&](int64_t band, int) {
      const int64_t at = bands.begin(band) * patches_.channels;
      table_.quantize(input + at, bands.size(band), patches_.channels, quantizer(), codes + at);
    });
  }
  /// How channels become codes; those of one tap are the first.
  Quantizer quantizer() const { return {factor_.data(), offset_.data()}; }

  /// How channels become codes, for each tap of a row.
  void repeat_for_taps(const OpContext& op) {
    const std::span<const float> factor = op.take(4).floats(), offset = op.take(5).floats();
    for (int64_t tap = 0; tap < args_.k / patches_.channels; ++tap) {
      factor_.insert(factor_.end(), factor.begin(), factor.end());
      offset_.insert(offset_.end(), offset.begin(), offset.end());
    }
  }

  const KernelTable& table_;
  int threads_;
  ProductOperands operands_;
  PatchSource patches_;
  Epilogue epilogue_;
  GemmArgs args_;
  // Of a quantized product.
  std::vector<float> factor_, offset_;  ///< [k]
  std::vector<uint8_t> outside_;        ///< codes of 0, [channels]
  int64_t image_rows_ = 0;              ///< pixels of the input
};

}  // namespace

const Impl kQuantizedConvPanel16x4{"cpu:quantized_conv_panel16x4", can_quantize,
                                   make_kernel<ConvKernel>};
const std::array<Impl, 1> kQuantizedConvVariants{
    variant_of<ConvKernel, can_quantize, Variant{.vector_product = true}>(
        "cpu:quantized_conv_panel16x4/avx512")};
const Impl kConv2dPanel16{"cpu:conv2d_panel16", can_run, make_kernel<ConvKernel>};
const std::array<Impl, 1> kConv2dVariants{
    variant_of<ConvKernel, can_run, Variant{.vector_product = true}>("cpu:conv2d_panel16/avx512")};

}  // namespace vitro::cpu
