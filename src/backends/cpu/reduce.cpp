#include <algorithm>
#include <cmath>

#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/reduce_step.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

std::optional<ReduceKind> reduce_kind(const Node& node) {
  switch (node.as<ReduceAttrs>().function) {
    case ReduceFunction::Sum:
    case ReduceFunction::LogSum:
      return ReduceKind::Sum;
    case ReduceFunction::Mean:
      return ReduceKind::Mean;
    case ReduceFunction::Max:
      return ReduceKind::Max;
    case ReduceFunction::Min:
      return ReduceKind::Min;
    case ReduceFunction::Prod:
      return ReduceKind::Prod;
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

/// Neighbouring axes that are all reduced, or all kept.
struct Group {
  int64_t extent;
  bool reduced;
};

void add_group(std::vector<Group>& groups, const Group& group) {
  if (group.extent == 1) return;
  if (!groups.empty() && groups.back().reduced == group.reduced)
    groups.back().extent *= group.extent;
  else
    groups.push_back(group);
}

std::vector<Group> groups_of(const OpContext& op) {
  const Dims& dims = op.input(0).dims;
  const auto axes =
      axes_of(op.node, op.node.as<ReduceAttrs>().axes, static_cast<int64_t>(dims.size()));
  std::vector<Group> groups;
  // No axes mean all of them.
  for (size_t i = 0; i < dims.size(); ++i)
    add_group(groups,
              {dims[i], axes.empty() || std::find(axes.begin(), axes.end(), i) != axes.end()});
  return groups;
}

/// The tensor about groups[at].
Reduced about(const std::vector<Group>& groups, size_t at) {
  Reduced shape;
  for (size_t i = 0; i < groups.size(); ++i)
    (i < at ? shape.outer : i == at ? shape.reduced : shape.inner) *= groups[i].extent;
  return shape;
}

/// How much a step leaves fewer for those behind it; less for those that fill no registers.
int64_t worth(const Reduced& shape) {
  constexpr int64_t kFew = 16, kShortRow = 128;
  if (shape.inner == 1) return shape.reduced < kShortRow ? shape.reduced / kFew : shape.reduced;
  return shape.reduced * std::min(shape.inner, kFew) / kFew;
}

/// One step for each group of axes that is reduced.
std::vector<Reduced> steps_of(const OpContext& op) {
  std::vector<Group> groups = groups_of(op);
  std::vector<Reduced> steps;
  for (;;) {
    size_t best = groups.size();
    for (size_t i = 0; i < groups.size(); ++i)
      if (groups[i].reduced &&
          (best == groups.size() || worth(about(groups, i)) > worth(about(groups, best))))
        best = i;
    if (best == groups.size()) break;
    steps.push_back(about(groups, best));
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(best));
    std::vector<Group> rest;
    for (const Group& group : groups) add_group(rest, group);
    groups = rest;
  }
  // Each element is a result.
  if (steps.empty()) steps.push_back({1, 1, num_elements(op.input(0).dims)});
  return steps;
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (!reduce_kind(op.node)) return Refusal{"another function"};
  return needs_float32(op);
}
std::optional<Refusal> over_neighbours(const OpContext& op) {
  if (auto refusal = can_run(op)) return refusal;
  if (steps_of(op).size() > 1) return Refusal{"an axis between those that are reduced is kept"};
  return std::nullopt;
}
std::optional<Refusal> over_rows(const OpContext& op) {
  if (auto refusal = over_neighbours(op)) return refusal;
  if (steps_of(op)[0].inner > 1) return Refusal{"not over the last axes"};
  return std::nullopt;
}

/// Each step reduces what the one before it left.
class ReduceKernel final : public Kernel {
 public:
  explicit ReduceKernel(const OpContext& op)
      : is_logarithm_(op.node.as<ReduceAttrs>().function == ReduceFunction::LogSum) {
    ReduceKind kind = *reduce_kind(op.node);
    for (const Reduced& shape : steps_of(op)) {
      steps_.emplace_back(kind, shape, op.threads);
      kind = joining(kind);
    }
    results_ = element_bands(op.output(), op.threads);
  }
  size_t scratch_bytes() const override {
    size_t floats = 0;
    for (size_t i = 0; i < steps_.size(); ++i)
      floats += aligned_floats(steps_[i].scratch()) + result_of(i);
    return floats * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    ThreadTeam& team = team_of(args);
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    const float* x = args.in<float>(0);
    for (size_t i = 0; i < steps_.size(); ++i) {
      float* dst = i + 1 < steps_.size() ? scratch : args.out<float>();
      scratch += result_of(i);
      steps_[i].run(team, x, dst, scratch);
      scratch += aligned_floats(steps_[i].scratch());
      x = dst;
    }
    if (is_logarithm_) take_logarithms(team, args.out<float>());
  }

 private:
  /// Floats that step i leaves in scratch.
  size_t result_of(size_t i) const {
    return i + 1 < steps_.size() ? aligned_floats(steps_[i].shape().results()) : 0;
  }
  void take_logarithms(ThreadTeam& team, float* x) const {
    team.parallel_for(results_.count, [&](int64_t band, int) {
      for (int64_t i = results_.begin(band); i < results_.begin(band + 1); ++i)
        x[i] = std::log(x[i]);
    });
  }

  bool is_logarithm_;
  std::vector<ReduceStep> steps_;
  Bands results_;
};

}  // namespace

const Impl kReduceRows{"cpu:reduce_rows", over_rows, make_kernel<ReduceKernel>};
const Impl kReduceTokens{"cpu:reduce_tokens", over_neighbours, make_kernel<ReduceKernel>};
const Impl kReduceSteps{"cpu:reduce_steps", can_run, make_kernel<ReduceKernel>};

}  // namespace vitro::cpu
