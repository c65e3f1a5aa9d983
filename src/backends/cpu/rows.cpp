#include "backends/cpu/kernels/rows.h"

#include <numeric>

#include "backends/cpu/bands.h"
#include "backends/cpu/ops.h"

// Ops that walk over memory once: rows of channels, or plain ranges of elements.
namespace vitro::cpu {
namespace {

// Work of one task; below it the threads cost more than they save.
constexpr int64_t kTaskFloats = 16384;

/// Cuts rows of a channels-last tensor into one band per thread, fewer when there is little to do.
Bands row_bands(const TensorType& type, int threads) {
  const int64_t rows = num_rows(type), total = num_elements(type.dims);
  const int64_t useful = std::clamp<int64_t>(total / kTaskFloats, 1, threads);
  return {rows, 1, std::min(rows, useful)};
}

Bands element_bands(const TensorType& type, int threads) {
  const int64_t total = num_elements(type.dims);
  return {total, 16, std::clamp<int64_t>(total / kTaskFloats, 1, threads)};
}

LayerNormArgs row_args(const OpContext& op, const LayerNormArgs*) {
  return {.channels = op.input(0).dims.back(), .eps = op.node.as<NormAttrs>().eps};
}

SoftmaxArgs row_args(const OpContext& op, const SoftmaxArgs*) {
  return {.columns = op.input(0).dims.back()};
}

/// Writes rows of channels that depend on the same row of the input.
template <typename Args, void (*KernelTable::*Rows)(const Args&, int64_t, int64_t)>
class RowKernel final : public Kernel {
 public:
  explicit RowKernel(const OpContext& op)
      : rows_(active_kernels().*Rows),
        bands_(row_bands(op.input(0), op.threads)),
        args_(row_args(op, static_cast<const Args*>(nullptr))) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    Args local = args_;
    local.x = args.in<float>(0);
    local.dst = args.out<float>();
    if constexpr (std::is_same_v<Args, LayerNormArgs>) {
      local.gamma = args.in<float>(1);
      local.beta = args.in<float>(2);
    }
    args.team.parallel_for(bands_.count, [&](int64_t band, int) {
      rows_(local, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  void (*rows_)(const Args&, int64_t, int64_t);
  Bands bands_;
  Args args_;
};

class GeluKernel final : public Kernel {
 public:
  explicit GeluKernel(const OpContext& op)
      : table_(active_kernels()), bands_(element_bands(op.input(0), op.threads)) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    args.team.parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t begin = bands_.begin(band);
      table_.gelu(args.in<float>(0) + begin, bands_.size(band), args.out<float>() + begin);
    });
  }

 private:
  const KernelTable& table_;
  Bands bands_;
};

std::optional<Refusal> same_shapes(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (op.input(0).dims == op.input(1).dims) return std::nullopt;
  return Refusal{"operand 1 is broadcast from " + to_string(op.input(1).dims)};
}

class AddKernel final : public Kernel {
 public:
  explicit AddKernel(const OpContext& op)
      : table_(active_kernels()), bands_(element_bands(op.input(0), op.threads)) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    args.team.parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t begin = bands_.begin(band);
      table_.add(args.in<float>(0) + begin, args.in<float>(1) + begin, bands_.size(band),
                 args.out<float>() + begin);
    });
  }

 private:
  const KernelTable& table_;
  Bands bands_;
};

std::optional<Refusal> over_tokens(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  const Dims& dims = op.input(0).dims;
  const auto& axes = op.node.as<ReduceAttrs>().axes;
  // [n, tokens, c] over 1 or [n, h, w, c] over 1 and 2.
  std::vector<int64_t> inner(axes.size());
  std::iota(inner.begin(), inner.end(), int64_t{1});
  if (axes.size() + 2 == dims.size() && axes == inner) return std::nullopt;
  return Refusal{"not a reduction of [n, ..., c] over all inner axes in order"};
}

template <ReduceTokens KernelTable::*Reduce>
class ReduceKernel final : public Kernel {
 public:
  explicit ReduceKernel(const OpContext& op)
      : table_(active_kernels()),
        images_(op.input(0).dims.front()),
        channels_(op.input(0).dims.back()),
        tokens_(num_elements(op.input(0).dims) / images_ / channels_) {}
  void run(const KernelArgs& args) const override {
    args.team.parallel_for(images_, [&](int64_t image, int) {
      (table_.*Reduce)(args.in<float>(0) + image * tokens_ * channels_, tokens_, channels_, 0,
                       channels_, args.out<float>() + image * channels_);
    });
  }

 private:
  const KernelTable& table_;
  int64_t images_, channels_, tokens_;
};

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
    args.team.parallel_for(dims_[0] * height, [&](int64_t row, int) {
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

const Impl kLayerNormRows{"cpu:layer_norm_rows", needs_float32,
                          make_kernel<RowKernel<LayerNormArgs, &KernelTable::layer_norm>>};
const Impl kSoftmaxRows{"cpu:softmax_rows", needs_float32,
                        make_kernel<RowKernel<SoftmaxArgs, &KernelTable::softmax>>};
const Impl kGeluRange{"cpu:gelu_range", needs_float32, make_kernel<GeluKernel>};
const Impl kAddRange{"cpu:add_range", same_shapes, make_kernel<AddKernel>};
const Impl kReduceMeanTokens{"cpu:reduce_mean_tokens", over_tokens,
                             make_kernel<ReduceKernel<&KernelTable::mean_tokens>>};
const Impl kReduceMaxTokens{"cpu:reduce_max_tokens", over_tokens,
                            make_kernel<ReduceKernel<&KernelTable::max_tokens>>};
const Impl kTransposeNchw{"cpu:transpose_nchw", nchw_to_nhwc, make_kernel<TransposeKernel>};

}  // namespace vitro::cpu
