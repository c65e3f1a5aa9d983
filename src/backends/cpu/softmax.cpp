#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

/// Counted from the last one, which is 0.
size_t axis_from_last(const OpContext& op) {
  const auto rank = static_cast<int64_t>(op.input(0).dims.size());
  return static_cast<size_t>(rank) - 1 - axis_of(op.node, op.node.as<SoftmaxAttrs>().axis, rank);
}

std::optional<Refusal> over_last_axis(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (axis_from_last(op) == 0) return std::nullopt;
  return Refusal{"it is not over the last axis"};
}

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const OpContext& op)
      : rows_(active_kernels().softmax),
        bands_(row_bands(op.input(0), op.threads)),
        args_({.columns = op.input(0).dims.back()}) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    SoftmaxArgs local = args_;
    local.x = args.in<float>(0);
    local.dst = args.out<float>();
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      rows_(local, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  SoftmaxRows rows_;
  Bands bands_;
  SoftmaxArgs args_;
};

/// Over another axis: maps [extent, columns] with a column for each position of the axes behind.
class SoftmaxColumnsKernel final : public Kernel {
 public:
  explicit SoftmaxColumnsKernel(const OpContext& op)
      : columns_(active_kernels().softmax_columns), whole_(active_kernels().softmax_maps) {
    const Dims& dims = op.input(0).dims;
    const auto axis = dims.end() - 1 - static_cast<std::ptrdiff_t>(axis_from_last(op));
    extent_ = *axis;
    args_.columns = num_elements(Dims(axis + 1, dims.end()));
    maps_ = num_elements(Dims(dims.begin(), axis));
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    bands_ = {args_.columns, 16, std::min((useful + maps_ - 1) / maps_, (args_.columns + 15) / 16)};
    tasks_ = {maps_, 1, std::min(maps_, 8 * useful)};
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    if (bands_.count > 1) return run_bands(args);
    SoftmaxArgs local = args_;
    local.x = args.in<float>(0);
    local.dst = args.out<float>();
    team_of(args).parallel_for(tasks_.count, [&](int64_t task, int) {
      whole_(local, extent_, tasks_.begin(task), tasks_.begin(task + 1));
    });
  }

 private:
  /// Columns of few maps, in bands that are whole registers on every instruction set.
  void run_bands(const KernelArgs& args) const {
    team_of(args).parallel_for(maps_ * bands_.count, [&](int64_t task, int) {
      const int64_t map = task / bands_.count * extent_ * args_.columns;
      const int64_t band = task % bands_.count;
      SoftmaxArgs local = args_;
      local.x = args.in<float>(0) + map;
      local.dst = args.out<float>() + map;
      columns_(local, extent_, bands_.begin(band), bands_.begin(band + 1));
    });
  }

  SoftmaxColumns columns_;
  SoftmaxMaps whole_;
  int64_t extent_, maps_;
  SoftmaxArgs args_;
  Bands bands_;  ///< of the columns
  Bands tasks_;  ///< of the maps, where each is whole
};

}  // namespace

const Impl kSoftmaxColumns{"cpu:softmax_columns", needs_float32, make_kernel<SoftmaxColumnsKernel>};
const Impl kSoftmaxRows{"cpu:softmax_rows", over_last_axis, make_kernel<SoftmaxKernel>};

}  // namespace vitro::cpu
