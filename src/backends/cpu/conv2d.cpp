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
namespace {

std::optional<Refusal> can_group(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  if (op.input(1).dims.size() != 4) return Refusal{"it is not over two axes"};
  return std::nullopt;
}

/// Of several groups the products are of float32 in any precision; one group has a kernel that
/// rounds.
std::optional<Refusal> can_run_groups(const OpContext& op) {
  if (op.precision == Precision::BFloat16 && op.node.as<ConvAttrs>().groups == 1)
    return Refusal{"it multiplies float32, not bf16"};
  return can_group(op);
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = can_group(op)) return refusal;
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  if (groups == 1) return std::nullopt;
  return Refusal{fmt::format("it has {} groups", groups)};
}

std::optional<Refusal> can_quantize(const OpContext& op) {
  for (size_t i : {4, 5})
    if (!op.constant(i)) return Refusal{fmt::format("operand {} is computed", i)};
  return can_run(op);
}

PatchSource patches_of(const OpContext& op) {
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

/// A product with the weight [out, kernel_h * kernel_w * in] in panels, which gathers its rows, the
/// patches, block by block into the second-level cache.
class ConvKernel final : public Kernel {
 public:
  explicit ConvKernel(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        operands_(op, 1, 3),
        patches_(patches_of(op)),
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

/// A product for each group, or for a few narrow ones together, whose weights then are zero outside
/// of the blocks of the groups: a panel is as wide anyway.
class GroupedConvKernel final : public Kernel {
 public:
  explicit GroupedConvKernel(const OpContext& op)
      : table_(product_kernels(op.threads, {})),
        threads_(op.threads),
        patches_(patches_of(op)),
        epilogue_(3) {
    const Dims& w = op.input(1).dims;
    const int64_t groups = op.node.as<ConvAttrs>().groups, out = w[0] / groups;
    for (int64_t i = 1; i <= groups && i * out <= kPanelWidth; ++i)
      if (groups % i == 0) joined_ = i;
    products_ = groups / joined_;
    patches_.channels *= joined_;
    args_.m = num_rows(op.output());
    args_.n = joined_ * out;
    args_.k = w[1] * w[2] * patches_.channels;
    args_.ldc = args_.ldr = w[0];
    pack(with_dtype(op.cache.rows(op.take(1)), DType::Float32));
    const int64_t unit = table_.gemm.costs.rows, wanted = products_ % threads_ == 0 ? 1 : threads_;
    bands_ = {args_.m, unit, std::min(wanted, (args_.m + unit - 1) / unit)};
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    return scratch_size() * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(products_ * bands_.count, [&](int64_t task, int thread) {
      const int64_t product = task / bands_.count, band = task % bands_.count;
      const int64_t column = product * args_.n;
      PatchSource patches = patches_;
      patches.input = args.in<float>(0) + product * patches_.channels;
      GemmArgs gemm = args_;
      gemm.patches = &patches;
      gemm.b = panel16_matrix(weights_.data() + product * weight_size(), args_.k);
      gemm.bias = args.in<float>(2) ? args.in<float>(2) + column : nullptr;
      gemm.c = args.out<float>() + column;
      if (const float* residual = epilogue_.residual(args)) gemm.residual = residual + column;
      gemm.activation = epilogue_.activation();
      gemm.scratch =
          reinterpret_cast<float*>(args.scratch) + scratch_size() * static_cast<size_t>(thread);
      table_.gemm_tile(gemm, bands_.begin(band), bands_.begin(band + 1), 0, num_panels(gemm.n));
    });
  }

 private:
  int64_t weight_size() const { return static_cast<int64_t>(panel16_size(args_.n, args_.k)); }
  size_t scratch_size() const {
    GemmArgs gemm = args_;
    gemm.patches = &patches_;
    return table_.gemm_scratch_size(gemm);
  }

  /// Rows [out, taps, channels of a group] to panels for each product.
  void pack(const Constant& weight) {
    const int64_t out = args_.n / joined_, channels = patches_.channels / joined_;
    const int64_t taps = patches_.kernel_h * patches_.kernel_w;
    weights_.resize(static_cast<size_t>(products_ * weight_size()));
    const float* src = weight.floats().data();
    for (int64_t product = 0; product < products_; ++product) {
      std::vector<float> rows(static_cast<size_t>(args_.n * args_.k));
      for (int64_t o = 0; o < args_.n; ++o)
        for (int64_t tap = 0; tap < taps; ++tap, src += channels)
          std::copy_n(src, channels,
                      &rows[static_cast<size_t>(o * args_.k + tap * patches_.channels +
                                                o / out * channels)]);
      pack_panel16(rows.data(), args_.n, args_.k, weights_.data() + product * weight_size());
    }
  }

  const KernelTable& table_;
  int threads_;
  PatchSource patches_;
  Epilogue epilogue_;
  int64_t joined_ = 1;    ///< groups of a product
  int64_t products_ = 1;  ///< of the same extents
  GemmArgs args_;         ///< of one
  std::vector<float> weights_;
  Bands bands_;
};

}  // namespace

const Impl kConv2dGroups{"cpu:conv2d_groups", can_run_groups, make_kernel<GroupedConvKernel>};
const Impl kQuantizedConvPanel16x4{"cpu:quantized_conv_panel16x4", can_quantize,
                                   make_kernel<ConvKernel>};
const std::array<Impl, 1> kQuantizedConvVariants{
    variant_of<ConvKernel, can_quantize, Variant{.vector_product = true}>(
        "cpu:quantized_conv_panel16x4/avx512")};
const Impl kConv2dPanel16{"cpu:conv2d_panel16", can_run, make_kernel<ConvKernel>};
const std::array<Impl, 1> kConv2dVariants{
    variant_of<ConvKernel, can_run, Variant{.vector_product = true}>("cpu:conv2d_panel16/avx512")};

}  // namespace vitro::cpu
