#include "backends/cuda/movement.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/strided_copy.h"
#include "core/convert.h"
#include "ir/strided.h"

namespace vitro::cuda {

TransposeKernel::TransposeKernel(const OpContext& op)
    : x_(op, 0),
      bytes_(static_cast<int>(element_size(element_of(op)))),
      dims_(to_dims(op.input(0).dims)),
      perm_(op.node.as<TransposeAttrs>().perm) {}

void TransposeKernel::run(const KernelArgs& args) const {
  strided_copy(transpose_args(bytes_, x_.in(args), dims_, to_dims(perm_), args.outputs[0]),
               launch_of(args));
}

namespace {

/// The axis that attributes name, of a tensor of that type.
template <typename Attributes>
size_t axis_attr(const OpContext& op, const TensorType& type) {
  return axis_of(op.node, op.node.as<Attributes>().axis, static_cast<int64_t>(type.dims.size()));
}

int bytes_of(const OpContext& op) { return static_cast<int>(element_size(element_of(op))); }

/// Copies of parts of the operands to parts of the results, one launch each.
class CopyKernel : public Kernel {
 public:
  void run(const KernelArgs& args) const override {
    for (const Part& part : parts_) {
      StridedCopyArgs copy = part.copy;
      copy.x = static_cast<const std::byte*>(operands_[part.operand].in(args)) + part.from;
      if (args.outputs[part.result] == nullptr) continue;
      copy.y = args.outputs[part.result] + part.to;
      strided_copy(copy, launch_of(args));
    }
  }

 protected:
  explicit CopyKernel(const OpContext& op, size_t operands = 1) : bytes_(bytes_of(op)) {
    for (size_t i = 0; i < operands; ++i) operands_.emplace_back(op, i);
  }
  /// `extents` elements, from element `from` of an operand and `to` of a result on. Strides of a
  /// dense result may be left out.
  void add(size_t operand, int64_t from, size_t result, int64_t to, const vitro::Dims& extents,
           const vitro::Dims& x_strides, const vitro::Dims& y_strides = {}) {
    Part part{operand, result, from * bytes_, to * bytes_, {}};
    part.copy.element_bytes = bytes_;
    part.copy.dims = to_dims(extents);
    part.copy.x_strides = to_dims(x_strides);
    part.copy.y_strides = to_dims(y_strides);
    parts_.push_back(part);
  }
  int bytes_;

 private:
  struct Part {
    size_t operand, result;
    int64_t from, to;  // bytes
    StridedCopyArgs copy;
  };
  std::vector<Operand> operands_;
  std::vector<Part> parts_;
};

class SliceKernel final : public CopyKernel {
 public:
  explicit SliceKernel(const OpContext& op) : CopyKernel(op) {
    const Strided walk = slice_walk(op.node, operands_of(op.node, op.types, op.contents));
    add(0, walk.offset, 0, 0, walk.extents, walk.strides);
  }
};

class ExpandKernel final : public CopyKernel {
 public:
  explicit ExpandKernel(const OpContext& op) : CopyKernel(op) {
    const Strided walk = broadcast_walk(op.input(0).dims, op.output().dims);
    add(0, 0, 0, 0, walk.extents, walk.strides);
  }
};

class ConcatKernel final : public CopyKernel {
 public:
  explicit ConcatKernel(const OpContext& op) : CopyKernel(op, op.num_inputs()) {
    const size_t axis = axis_attr<AxisAttrs>(op, op.output());
    const vitro::Dims strides = vitro::dense_strides(op.output().dims);
    int64_t position = 0;
    for (size_t i = 0; i < op.num_inputs(); ++i) {
      const vitro::Dims& dims = op.input(i).dims;
      if (num_elements(dims) > 0)
        add(i, 0, 0, position * strides[axis], dims, vitro::dense_strides(dims), strides);
      position += dims[axis];
    }
  }
};

class SplitKernel final : public CopyKernel {
 public:
  explicit SplitKernel(const OpContext& op) : CopyKernel(op) {
    const vitro::Dims& dims = op.input(0).dims;
    const size_t axis = axis_attr<SplitAttrs>(op, op.input(0));
    const vitro::Dims strides = vitro::dense_strides(dims);
    const Ints sizes = split_sizes(op.node, dims[axis]);
    int64_t position = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      vitro::Dims extents = dims;
      extents[axis] = sizes[i];
      if (num_elements(extents) > 0) add(0, position * strides[axis], i, 0, extents, strides);
      position += sizes[i];
    }
  }
};

/// The indices as runs of equal steps: first one, step, count.
struct IndexRun {
  int64_t first, step, count;
};
std::vector<IndexRun> index_runs(const OpContext& op, int64_t extent) {
  std::vector<IndexRun> runs;
  for (int64_t index : *op.contents[static_cast<size_t>(op.node.inputs[1])]) {
    if (index < 0) index += extent;
    IndexRun* last = runs.empty() ? nullptr : &runs.back();
    if (last && last->count == 1 && index >= last->first)
      last->step = index - last->first;
    else if (!last || index != last->first + last->count * last->step)
      last = &runs.emplace_back(IndexRun{index, 0, 0});
    ++last->count;
  }
  return runs;
}

class GatherKernel final : public CopyKernel {
 public:
  explicit GatherKernel(const OpContext& op) : CopyKernel(op) {
    const vitro::Dims& dims = op.input(0).dims;
    const size_t axis = axis_attr<GatherAttrs>(op, op.input(0));
    const auto split = dims.begin() + static_cast<std::ptrdiff_t>(axis);
    const int64_t inner = num_elements(vitro::Dims(split + 1, dims.end()));
    const int64_t outer = num_elements(vitro::Dims(dims.begin(), split));
    const int64_t taken = num_elements(op.input(1).dims);
    int64_t position = 0;
    for (const IndexRun& run : index_runs(op, dims[axis])) {
      add(0, run.first * inner, 0, position * inner, {outer, run.count, inner},
          {dims[axis] * inner, run.step * inner, 1}, {taken * inner, inner, 1});
      position += run.count;
    }
  }
};

/// With zeros, or another constant, that the copy then partly overwrites.
class PadKernel final : public CopyKernel {
 public:
  explicit PadKernel(const OpContext& op) : CopyKernel(op), count_(num_elements(op.output().dims)) {
    const auto value = static_cast<float>(op.node.as<PadAttrs>().value);
    const Element element = element_of(op);
    bits_ = element == Element::Float32   ? std::bit_cast<uint32_t>(value)
            : element == Element::Float16 ? float32_to_float16(value)
                                          : float32_to_bfloat16(value);
    const vitro::Dims &x = op.input(0).dims, &y = op.output().dims;
    const vitro::Dims x_strides = vitro::dense_strides(x), y_strides = vitro::dense_strides(y);
    const Ints begin = pad_begin(op);
    vitro::Dims extents(x.size());
    int64_t from = 0, to = 0;
    for (size_t axis = 0; axis < x.size(); ++axis) {
      const int64_t first = std::max<int64_t>(-begin[axis], 0),
                    last = std::min(x[axis], y[axis] - begin[axis]);
      extents[axis] = std::max<int64_t>(last - first, 0);
      from += first * x_strides[axis];
      to += (first + begin[axis]) * y_strides[axis];
    }
    if (num_elements(extents) > 0) add(0, from, 0, to, extents, x_strides, y_strides);
    covers_all_ = extents == y;
  }
  void run(const KernelArgs& args) const override {
    if (!covers_all_) fill(bytes_, args.outputs[0], bits_, count_, launch_of(args));
    CopyKernel::run(args);
  }

  static Ints pad_begin(const OpContext& op) {
    const auto operands = operands_of(op.node, op.types, op.contents);
    Ints begin = operands[1] ? *operands[1].known : op.node.as<PadAttrs>().begin;
    begin.resize(op.input(0).dims.size());  // an operand has those behind as well
    return begin;
  }

 private:
  int64_t count_;
  uint32_t bits_;
  bool covers_all_;  // there is no padding at this shape
};

/// The others are integers, and no data.
std::optional<Refusal> needs_first_floats(const OpContext& op) {
  return needs_float_operands(op, 1);
}

/// The kernel reads forwards, and knows its bounds when it is made.
std::optional<Refusal> can_slice(const OpContext& op) {
  if (auto refusal = needs_first_floats(op)) return refusal;
  for (size_t i = 1; i < op.num_inputs(); ++i)
    if (op.has_input(i) && !op.contents[static_cast<size_t>(op.node.inputs[i])])
      return Refusal{"its bounds are computed"};
  const Strided walk = slice_walk(op.node, operands_of(op.node, op.types, op.contents));
  for (int64_t stride : walk.strides)
    if (stride < 0) return Refusal{"a step is negative"};
  return std::nullopt;
}

std::optional<Refusal> can_gather(const OpContext& op) {
  constexpr size_t kMostRuns = 16;  // a launch each
  if (auto refusal = needs_first_floats(op)) return refusal;
  if (!op.contents[static_cast<size_t>(op.node.inputs[1])])
    return Refusal{"the indices are computed"};
  if (op.node.as<GatherAttrs>().batch_dims > 0) return Refusal{"each image has its own indices"};
  const size_t axis = axis_attr<GatherAttrs>(op, op.input(0));
  const size_t runs = index_runs(op, op.input(0).dims[axis]).size();
  if (runs > kMostRuns)
    return Refusal{
        fmt::format("the indices are {} runs of equal steps, more than {}", runs, kMostRuns)};
  return std::nullopt;
}

std::optional<Refusal> can_pad(const OpContext& op) {
  if (op.node.as<PadAttrs>().mode != PadMode::Constant)
    return Refusal{"it does not pad with a constant"};
  return needs_first_floats(op);
}

}  // namespace

const Impl kTransposeCopy{"cuda:transpose_copy", needs_floats, make_kernel<TransposeKernel>};
const Impl kSliceCopy{"cuda:slice_copy", can_slice, make_kernel<SliceKernel>};
const Impl kExpandCopy{"cuda:expand_copy", needs_first_floats, make_kernel<ExpandKernel>};
const Impl kConcatCopy{"cuda:concat_copy", needs_floats, make_kernel<ConcatKernel>};
const Impl kSplitCopy{"cuda:split_copy", needs_floats, make_kernel<SplitKernel>};
const Impl kGatherCopy{"cuda:gather_copy", can_gather, make_kernel<GatherKernel>};
const Impl kPadCopy{"cuda:pad_copy", can_pad, make_kernel<PadKernel>};

}  // namespace vitro::cuda
