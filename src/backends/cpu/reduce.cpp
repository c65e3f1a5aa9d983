#include <algorithm>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

std::optional<ReduceKind> reduce_kind(const Node& node) {
  switch (node.as<ReduceAttrs>().function) {
    case ReduceFunction::Sum:
      return ReduceKind::Sum;
    case ReduceFunction::Mean:
      return ReduceKind::Mean;
    case ReduceFunction::Max:
      return ReduceKind::Max;
    case ReduceFunction::Min:
      return ReduceKind::Min;
    case ReduceFunction::L1:
      return ReduceKind::L1;
    case ReduceFunction::L2:
      return ReduceKind::L2;
    case ReduceFunction::SumSquare:
      return ReduceKind::SumSquare;
    default:
      return std::nullopt;
  }
}

/// The operand as [outer, reduced, inner].
struct Reduced {
  int64_t outer = 1, reduced = 1, inner = 1;
};

/// Nothing where axes that are reduced lie on both sides of one that is not.
std::optional<Reduced> reduced_axes(const OpContext& op) {
  const Dims& dims = op.input(0).dims;
  const auto axes =
      axes_of(op.node, op.node.as<ReduceAttrs>().axes, static_cast<int64_t>(dims.size()));
  Reduced result;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    // No axes mean all of them.
    if (axes.empty() || std::find(axes.begin(), axes.end(), i) != axes.end()) {
      if (result.inner > 1) return std::nullopt;
      result.reduced *= dims[i];
    } else {
      (result.reduced > 1 ? result.inner : result.outer) *= dims[i];
    }
  }
  return result;
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (!reduce_kind(op.node)) return Refusal{"another function"};
  if (auto refusal = needs_float32(op)) return refusal;
  if (!reduced_axes(op)) return Refusal{"an axis between those that are reduced is kept"};
  return std::nullopt;
}
std::optional<Refusal> over_rows(const OpContext& op) {
  if (auto refusal = can_run(op)) return refusal;
  if (reduced_axes(op)->inner > 1) return Refusal{"not over the last axes"};
  return std::nullopt;
}

/// [images, tokens, channels] -> [images, channels]
class TokensKernel final : public Kernel {
 public:
  explicit TokensKernel(const OpContext& op)
      : reduce_(active_kernels().reduce_of(*reduce_kind(op.node)).tokens),
        shape_(*reduced_axes(op)) {
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    bands_ = {shape_.inner, 16,
              std::min((useful + shape_.outer - 1) / shape_.outer, (shape_.inner + 15) / 16)};
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(shape_.outer * bands_.count, [&](int64_t task, int) {
      const int64_t image = task / bands_.count, band = task % bands_.count;
      reduce_(args.in<float>(0) + image * shape_.reduced * shape_.inner, shape_.reduced,
              shape_.inner, bands_.begin(band), bands_.begin(band + 1),
              args.out<float>() + image * shape_.inner);
    });
  }

 private:
  ReduceTokens reduce_;
  Reduced shape_;
  Bands bands_;  ///< of channels
};

/// [rows, columns] -> [rows]
class RowsKernel final : public Kernel {
 public:
  explicit RowsKernel(const OpContext& op)
      : reduce_(active_kernels().reduce_of(*reduce_kind(op.node)).rows),
        columns_(reduced_axes(op)->reduced),
        bands_(row_bands({DType::Float32, {reduced_axes(op)->outer, columns_}}, op.threads)) {}
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      reduce_(args.in<float>(0), columns_, bands_.begin(band), bands_.begin(band + 1),
              args.out<float>());
    });
  }

 private:
  ReduceRows reduce_;
  int64_t columns_;
  Bands bands_;
};

}  // namespace

const Impl kReduceRows{"cpu:reduce_rows", over_rows, make_kernel<RowsKernel>};
const Impl kReduceTokens{"cpu:reduce_tokens", can_run, make_kernel<TokensKernel>};

}  // namespace vitro::cpu
