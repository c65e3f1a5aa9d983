#include "backends/cuda/kernels/gather.h"

#include <fmt/core.h>

#include <algorithm>

#include "backends/cuda/impls.h"
#include "backends/cuda/movement.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

bool takes_elements(const OpContext& op) { return op.node.kind == OpKind::GatherElements; }

int64_t gathered_axis(const OpContext& op) {
  return takes_elements(op) ? op.node.as<AxisAttrs>().axis : op.node.as<GatherAttrs>().axis;
}

Lines lines_of(const OpContext& op) { return {op, op.input(0), gathered_axis(op)}; }

/// How many lists of indices there are.
int64_t num_lists(const OpContext& op) {
  const vitro::Dims& indices = op.input(1).dims;
  return num_elements({indices.begin(), indices.begin() + op.node.as<GatherAttrs>().batch_dims});
}

/// The indices as runs of equal steps: first one, step, count.
struct IndexRun {
  int64_t first, step, count;
};
std::vector<IndexRun> index_runs(const OpContext& op, int64_t extent) {
  std::vector<IndexRun> runs;
  for (int64_t index : *op.contents[static_cast<size_t>(op.node.inputs[1])]) {
    index = std::clamp<int64_t>(index < 0 ? index + extent : index, 0, extent - 1);
    IndexRun* last = runs.empty() ? nullptr : &runs.back();
    if (last && last->count == 1 && index >= last->first)
      last->step = index - last->first;
    else if (!last || index != last->first + last->count * last->step)
      last = &runs.emplace_back(IndexRun{index, 0, 0});
    ++last->count;
  }
  return runs;
}

std::optional<Refusal> can_copy(const OpContext& op) {
  constexpr size_t kMostRuns = 16;  // a launch each
  if (auto refusal = needs_first_size(op)) return refusal;
  if (!op.contents[static_cast<size_t>(op.node.inputs[1])])
    return Refusal{"the indices are many, or computed"};
  if (op.node.as<GatherAttrs>().batch_dims > 0) return Refusal{"each image has indices of its own"};
  const size_t runs = index_runs(op, lines_of(op).extent).size();
  if (runs > kMostRuns)
    return Refusal{
        fmt::format("the indices are {} runs of equal steps, more than {}", runs, kMostRuns)};
  return std::nullopt;
}

class GatherCopyKernel final : public CopyKernel {
 public:
  explicit GatherCopyKernel(const OpContext& op) : CopyKernel(op) {
    const auto [outer, extent, inner] = lines_of(op);
    const int64_t taken = num_elements(op.input(1).dims);
    int64_t position = 0;
    for (const IndexRun& run : index_runs(op, extent)) {
      add(0, run.first * inner, 0, position * inner, {outer, run.count, inner},
          {extent * inner, run.step * inner, 1}, {taken * inner, inner, 1});
      position += run.count;
    }
  }
};

std::optional<Refusal> needs_both_sizes(const OpContext& op) { return needs_sizes(op, 2); }

std::optional<Refusal> can_gather_elements(const OpContext& op) {
  if (auto refusal = needs_both_sizes(op)) return refusal;
  const Lines x = lines_of(op), y(op, op.output(), gathered_axis(op));
  if (x.outer != y.outer || x.inner != y.inner)
    return Refusal{fmt::format("indices {} leave out parts of {}", to_string(op.input(1).dims),
                               to_string(op.input(0).dims))};
  return std::nullopt;
}

/// gather and gather_elements.
class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const OpContext& op) : x_(op, 0), indices_(op, 1) {
    const Lines lines = lines_of(op);
    args_.elements = takes_elements(op);
    args_.element_bytes = stored_element_bytes(op, op.input(0));
    args_.wide = op.input(1).dtype == DType::Int64;
    args_.outer = lines.outer, args_.extent = lines.extent, args_.inner = lines.inner;
    args_.picked = num_elements(op.output().dims) / lines.outer / lines.inner;
    if (!args_.elements) args_.lists = num_lists(op);
  }
  void run(const KernelArgs& args) const override {
    GatherArgs gather_args = args_;
    gather_args.x = x_.in(args);
    gather_args.indices = indices_.in(args);
    gather_args.y = args.outputs[0];
    gather(gather_args, launch_of(args));
  }

 private:
  Operand x_, indices_;
  GatherArgs args_;
};

}  // namespace

const Impl kGatherCopy{"cuda:gather_copy", can_copy, make_kernel<GatherCopyKernel>};
const Impl kGatherTable{"cuda:gather_table", needs_both_sizes, make_kernel<GatherKernel>};
const Impl kGatherElements{"cuda:gather_elements", can_gather_elements, make_kernel<GatherKernel>};

}  // namespace vitro::cuda
