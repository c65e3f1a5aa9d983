#include <algorithm>
#include <bit>

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

/// What the parts of a reduction are reduced by, and what joins them; nothing where the end of one
/// is no number that joins.
std::optional<std::pair<ReduceKind, ReduceKind>> in_parts(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::Sum:
    case ReduceKind::Mean:
      return std::pair(ReduceKind::Sum, ReduceKind::Sum);
    case ReduceKind::Max:
    case ReduceKind::Min:
      return std::pair(kind, kind);
    case ReduceKind::L1:
    case ReduceKind::SumSquare:
      return std::pair(kind, ReduceKind::Sum);
    case ReduceKind::L2:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr int64_t kPartElements = 16384, kPartTokens = 16, kMaxParts = 8;

/// [images, tokens, channels] -> [images, channels], many tokens in parts whose number depends on
/// the shape alone. Threads so read the tokens that they made, and will write again, and not some
/// channels of all: a line that two cores have read is written slowly.
class TokensKernel final : public Kernel {
 public:
  explicit TokensKernel(const OpContext& op)
      : kind_(*reduce_kind(op.node)), shape_(*reduced_axes(op)) {
    // A power of two, so that each thread's parts are its share of the tokens.
    const int64_t parts = std::clamp<int64_t>(
        std::min(shape_.reduced * shape_.inner / kPartElements, shape_.reduced / kPartTokens), 1,
        kMaxParts);
    tokens_ = {
        shape_.reduced, 1,
        in_parts(kind_) ? static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(parts))) : 1};
    channels_ = {shape_.inner, 16, 1};
    if (tokens_.count > 1) {
      const auto [part, join] = *in_parts(kind_);
      part_ = tokens_of(part);
      join_ = tokens_of(join);
      return;
    }
    part_ = tokens_of(kind_);
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    channels_.count =
        std::min((useful + shape_.outer - 1) / shape_.outer, (shape_.inner + 15) / 16);
  }
  size_t scratch_bytes() const override {
    if (tokens_.count == 1) return 0;
    return static_cast<size_t>(shape_.outer * tokens_.count * shape_.inner) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    auto* parts = reinterpret_cast<float*>(args.scratch);
    if (tokens_.count == 1) return reduce(args, args.out<float>());
    reduce(args, parts);
    for (int64_t image = 0; image < shape_.outer; ++image) {
      float* result = args.out<float>() + image * shape_.inner;
      join_(parts + image * tokens_.count * shape_.inner, tokens_.count, shape_.inner, 0,
            shape_.inner, result);
      if (kind_ != ReduceKind::Mean) continue;
      const float factor = 1.0f / static_cast<float>(shape_.reduced);
      for (int64_t i = 0; i < shape_.inner; ++i) result[i] *= factor;
    }
  }

 private:
  static ReduceTokens tokens_of(ReduceKind kind) { return active_kernels().reduce_of(kind).tokens; }
  /// All parts, to dst [images, parts, channels].
  void reduce(const KernelArgs& args, float* dst) const {
    const int64_t inner = shape_.inner;
    team_of(args).parallel_for(
        shape_.outer * tokens_.count * channels_.count, [&](int64_t task, int) {
          const int64_t row = task / channels_.count, band = task % channels_.count;
          const int64_t image = row / tokens_.count, i = row % tokens_.count;
          part_(args.in<float>(0) + (image * shape_.reduced + tokens_.begin(i)) * inner,
                tokens_.size(i), inner, channels_.begin(band), channels_.begin(band + 1),
                dst + row * inner);
        });
  }

  ReduceKind kind_;
  Reduced shape_;
  ReduceTokens part_, join_ = nullptr;
  Bands tokens_;    ///< of an image
  Bands channels_;  ///< of the tokens, where these are in one part
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
