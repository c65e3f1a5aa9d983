#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/strided_copy.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<BinaryKind> binary_kind(const Node& node) {
  switch (node.as<BinaryAttrs>().function) {
    case BinaryFunction::Add:
      return BinaryKind::Add;
    case BinaryFunction::Sub:
      return BinaryKind::Sub;
    case BinaryFunction::Mul:
      return BinaryKind::Mul;
    case BinaryFunction::Div:
      return BinaryKind::Div;
    case BinaryFunction::Min:
      return BinaryKind::Min;
    case BinaryFunction::Max:
      return BinaryKind::Max;
    default:
      return std::nullopt;
  }
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (!binary_kind(op.node)) return Refusal{"another function"};
  return needs_float32(op);
}

constexpr int64_t kShortRun = 32;

/// What makes the runs of a result longer: an operand that repeats within and behind the axes that
/// it has, [n, 1, 1, groups, 1] say, is first spread over those behind the first repetition.
struct Spread {
  Dims dims;        ///< of the spread operand
  Strided operand;  ///< where its elements are
  Strided walk;     ///< of the result through it
};

std::optional<Spread> spread_of(const Strided& walk) {
  const Dims& all = walk.extents;
  const auto repeats = [&](size_t axis) { return all[axis] > 1 && walk.strides[axis] == 0; };
  size_t last = all.size();
  while (last > 0 && (repeats(last - 1) || all[last - 1] == 1)) --last;
  // The axes before those that it has, up to the next one that it has.
  while (last > 0 && !repeats(last - 1)) --last;
  Spread spread{all, walk, {all, {}, 0}};
  int64_t times = 1;
  for (; last > 0 && (repeats(last - 1) || all[last - 1] == 1); --last) {
    spread.dims[last - 1] = 1;
    times *= all[last - 1];
  }
  constexpr int64_t kEnough = 4;
  if (times < kEnough) return std::nullopt;
  spread.operand.extents = spread.dims;
  spread.walk.strides = broadcast_walk(spread.dims, all).strides;
  return spread;
}

/// Runs of the result along which each operand advances by one, or stays.
class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const OpContext& op)
      : function_(active_kernels().binary[static_cast<size_t>(*binary_kind(op.node))]),
        nest_(op.output().dims, walk_of(op, 0).strides, walk_of(op, 1).strides),
        bands_(element_bands(op.output(), op.threads)) {
    for (int i : {1, 0})
      if (op.input(static_cast<size_t>(i)).dims == op.output().dims) in_place_ = i;
    for (size_t i = 0; i < 2 && !spread_; ++i) spread(op, i);
  }
  int in_place_operand() const override { return in_place_; }
  size_t scratch_bytes() const override {
    return spread_ ? static_cast<size_t>(spread_->count()) * sizeof(float) : 0;
  }
  void run(const KernelArgs& args) const override {
    const float* operands[] = {args.in<float>(0), args.in<float>(1)};
    if (spread_) {
      spread_->run(team_of(args), args.inputs[spread_operand_], args.scratch);
      operands[spread_operand_] = reinterpret_cast<const float*>(args.scratch);
    }
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      run_range(operands[0], operands[1], args.out<float>(), bands_.begin(band),
                bands_.begin(band + 1));
    });
  }

 private:
  static Strided walk_of(const OpContext& op, size_t operand) {
    return broadcast_walk(op.input(operand).dims, op.output().dims);
  }

  /// Spreads an operand where that makes short runs longer.
  void spread(const OpContext& op, size_t operand) {
    if (nest_.extents.back() >= kShortRun) return;
    const auto spread = spread_of(walk_of(op, operand));
    if (!spread) return;
    const Dims other = walk_of(op, 1 - operand).strides;
    const Nest nest = operand == 0 ? Nest(op.output().dims, spread->walk.strides, other)
                                   : Nest(op.output().dims, other, spread->walk.strides);
    if (nest.extents.back() <= nest_.extents.back()) return;
    nest_ = nest;
    spread_.emplace(sizeof(float), spread->operand,
                    Strided{spread->dims, dense_strides(spread->dims), 0}, op.threads);
    spread_operand_ = operand;
  }

  void run_range(const float* a, const float* b, float* dst, int64_t begin, int64_t end) const {
    const int64_t run = nest_.extents.back();
    const int64_t a_step = nest_.a.back(), b_step = nest_.b.back();
    // Runs along the axis before are a step apart, and found by no division.
    const size_t outer = nest_.extents.size() > 1 ? nest_.extents.size() - 2 : 0;
    const int64_t rows = nest_.extents.size() > 1 ? nest_.extents[outer] : 1;
    for (int64_t i = begin; i < end;) {
      int64_t from = i % run;
      Nest::Offsets row = nest_.at(i / run);
      for (int64_t left = rows - i / run % rows; left > 0 && i < end; --left) {
        const int64_t count = std::min(run - from, end - i);
        function_(
            {a + row.a + from * a_step, a_step, b + row.b + from * b_step, b_step, count, dst + i});
        i += count;
        from = 0;
        row.a += nest_.a[outer];
        row.b += nest_.b[outer];
      }
    }
  }

  BinaryRange function_;
  Nest nest_;
  std::optional<StridedCopy> spread_;
  size_t spread_operand_ = 0;
  Bands bands_;
  int in_place_ = -1;
};

}  // namespace

const Impl kBinaryRange{"cpu:binary_range", can_run, make_kernel<BinaryKernel>};

}  // namespace vitro::cpu
