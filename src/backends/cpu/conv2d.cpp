#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/parallel_gemm.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kBandRows = 120;  // rows of a gathered band: twenty full tiles

std::optional<Refusal> has_weight(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  const auto& attrs = op.node.as<ConvAttrs>();
  if (op.input(1).dims.size() != 4) return Refusal{"it is not over two axes"};
  if (attrs.groups != 1) return Refusal{fmt::format("it has {} groups", attrs.groups)};
  const bool dense = std::all_of(attrs.dilation.begin(), attrs.dilation.end(),
                                 [](int64_t dilation) { return dilation == 1; });
  if (!dense) return Refusal{"it is dilated"};
  return std::nullopt;
}

/// Stride and padding over the two axes of an op that has_weight() takes.
Conv2dAttrs window_attrs(const OpContext& op) {
  const auto axes = conv_windows(op.node, op.input(1).dims);
  return {{axes[0].stride, axes[1].stride},
          {axes[0].pad_begin, axes[1].pad_begin, axes[0].pad_end, axes[1].pad_end}};
}

std::optional<Refusal> is_patch(const OpContext& op) {
  if (auto refusal = has_weight(op)) return refusal;
  const Conv2dAttrs attrs = window_attrs(op);
  const Dims& w = op.input(1).dims;
  if (attrs.stride != std::array<int64_t, 2>{w[1], w[2]})
    return Refusal{fmt::format("stride {}x{} differs from the kernel {}x{}", attrs.stride[0],
                               attrs.stride[1], w[1], w[2])};
  if (attrs.pad != std::array<int64_t, 4>{}) return Refusal{"it pads its input"};
  const Dims& x = op.input(0).dims;
  if (x[1] % w[1] != 0 || x[2] % w[2] != 0)
    return Refusal{fmt::format("the stride does not divide {}", to_string(x))};
  return std::nullopt;
}

/// A convolution as a product with its weight [out, kernel_h * kernel_w * in] in panels.
class ConvKernel : public Kernel {
 public:
  explicit ConvKernel(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)), threads_(op.threads), weight_(op, 1) {
    const Dims& w = op.input(1).dims;
    args_.m = num_rows(op.output());
    args_.n = args_.ldc = w[0];
    args_.k = args_.lda = w[1] * w[2] * w[3];
    args_.b = weight_.matrix();
  }

 protected:
  GemmArgs product(const KernelArgs& args) const {
    GemmArgs gemm = args_;
    gemm.bias = args.in<float>(2);
    gemm.c = args.out<float>();
    return gemm;
  }

  const KernelTable& table_;
  int threads_;
  PanelWeight weight_;
  GemmArgs args_;
};

/// Patches that do not overlap: the product gathers its rows itself.
class PatchKernel final : public ConvKernel {
 public:
  explicit PatchKernel(const OpContext& op, const Variant& variant = {}) : ConvKernel(op, variant) {
    const Dims &x = op.input(0).dims, &w = op.input(1).dims;
    source_ = {nullptr, x[1], x[2], x[3], w[1], w[2]};
  }
  size_t scratch_bytes() const override {
    GemmArgs gemm = args_;
    gemm.patches = &source_;
    return table_.gemm_scratch_size(gemm) * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    PatchSource source = source_;
    source.input = args.in<float>(0);
    GemmArgs gemm = product(args);
    gemm.patches = &source;
    parallel_gemm(table_, gemm, team_of(args), reinterpret_cast<float*>(args.scratch));
  }

 private:
  PatchSource source_;
};

/// Any kernel, stride and padding: bands of output pixels are gathered into rows, then multiplied.
class Im2colKernel final : public ConvKernel {
 public:
  explicit Im2colKernel(const OpContext& op)
      : ConvKernel(op),
        attrs_(window_attrs(op)),
        in_(op.input(0).dims),
        kernel_(op.input(1).dims),
        out_(op.output().dims),
        bands_(make_bands(args_.m, 6, kBandRows, op.threads)) {}
  size_t scratch_bytes() const override {
    return thread_size() * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const GemmArgs whole = product(args);
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int thread) {
      float* rows =
          reinterpret_cast<float*>(args.scratch) + thread_size() * static_cast<size_t>(thread);
      const int64_t begin = bands_.begin(band);
      for (int64_t row = 0; row < bands_.size(band); ++row)
        gather(args.in<float>(0), begin + row, rows + row * args_.k);
      GemmArgs gemm = whole;
      gemm.m = bands_.size(band);
      gemm.a = rows;
      gemm.scratch = rows + rows_size();
      gemm.c = whole.c + begin * whole.ldc;
      table_.gemm_tile(gemm, 0, gemm.m, 0, num_panels(gemm.n));
    });
  }

 private:
  size_t rows_size() const { return aligned_floats(bands_.max_size() * args_.k); }
  size_t thread_size() const { return rows_size() + table_.gemm_scratch_size(args_); }

  /// The pixels under the kernel at output pixel `index`: dst [kernel_h, kernel_w, c], zeros
  /// outside.
  void gather(const float* x, int64_t index, float* dst) const {
    const int64_t channels = in_[3], image = index / (out_[1] * out_[2]);
    const int64_t top = index / out_[2] % out_[1] * attrs_.stride[0] - attrs_.pad[0];
    const int64_t left = index % out_[2] * attrs_.stride[1] - attrs_.pad[1];
    for (int64_t i = 0; i < kernel_[1]; ++i) {
      for (int64_t j = 0; j < kernel_[2]; ++j, dst += channels) {
        const int64_t row = top + i, column = left + j;
        const bool inside = row >= 0 && row < in_[1] && column >= 0 && column < in_[2];
        const auto bytes = static_cast<size_t>(channels) * sizeof(float);
        if (inside)
          std::memcpy(dst, x + ((image * in_[1] + row) * in_[2] + column) * channels, bytes);
        else
          std::memset(dst, 0, bytes);
      }
    }
  }

  Conv2dAttrs attrs_;
  Dims in_, kernel_, out_;
  Bands bands_;
};

}  // namespace

const Impl kConv2dPatch{"cpu:conv2d_patch", is_patch, make_kernel<PatchKernel>};
const Impl kConv2dIm2col{"cpu:conv2d_im2col", has_weight, make_kernel<Im2colKernel>};
const std::array<Impl, 1> kConv2dVariants{
    variant_of<PatchKernel, is_patch, Variant{.vector_product = true}>("cpu:conv2d_patch/avx512")};

}  // namespace vitro::cpu
