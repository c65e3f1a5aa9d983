#include "backends/cuda/movement.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::cuda {

CopyKernel::CopyKernel(const OpContext& op, size_t operands)
    : bytes_(stored_element_bytes(op, op.input(0))) {
  for (size_t i = 0; i < operands; ++i) operands_.emplace_back(op, i);
}

void CopyKernel::add(size_t operand, int64_t from, size_t result, int64_t to,
                     const vitro::Dims& extents, const vitro::Dims& x_strides,
                     const vitro::Dims& y_strides) {
  Part part{operand, result, from * bytes_, to * bytes_, {}};
  part.copy.element_bytes = bytes_;
  part.copy.dims = to_dims(extents);
  part.copy.x_strides = to_dims(x_strides);
  part.copy.y_strides = to_dims(y_strides);
  parts_.push_back(part);
}

void CopyKernel::run(const KernelArgs& args) const {
  for (const Part& part : parts_) {
    StridedCopyArgs copy = part.copy;
    copy.x = static_cast<const std::byte*>(operands_[part.operand].in(args)) + part.from;
    if (args.outputs[part.result] == nullptr) continue;
    copy.y = args.outputs[part.result] + part.to;
    strided_copy(copy, launch_of(args));
  }
}

TransposeKernel::TransposeKernel(const OpContext& op)
    : x_(op, 0),
      bytes_(stored_element_bytes(op, op.input(0))),
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

/// Repeats along an axis are an axis of their own, before it.
Strided tile_walk(const OpContext& op) {
  const vitro::Dims &x = op.input(0).dims, &y = op.output().dims;
  const vitro::Dims strides = vitro::dense_strides(x);
  Strided walk;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    if (y[axis] != x[axis]) {
      walk.extents.push_back(y[axis] / x[axis]);
      walk.strides.push_back(0);
    }
    walk.extents.push_back(x[axis]);
    walk.strides.push_back(strides[axis]);
  }
  return walk;
}

class TileKernel final : public CopyKernel {
 public:
  explicit TileKernel(const OpContext& op) : CopyKernel(op) {
    const Strided walk = tile_walk(op);
    add(0, 0, 0, 0, walk.extents, walk.strides);
  }
};

class ConstantOfShapeKernel final : public Kernel {
 public:
  explicit ConstantOfShapeKernel(const OpContext& op)
      : element_(element_of(op)),
        value_(static_cast<float>(op.node.as<FillAttrs>().value)),
        count_(num_elements(op.output().dims)) {}
  void run(const KernelArgs& args) const override {
    fill(static_cast<int>(element_size(element_)), args.outputs[0], bits_of(element_, value_),
         count_, launch_of(args));
  }

 private:
  Element element_;
  float value_;
  int64_t count_;
};

std::optional<Refusal> needs_all_sizes(const OpContext& op) {
  return needs_sizes(op, op.num_inputs());
}

/// The kernel knows its bounds when it is made.
std::optional<Refusal> can_slice(const OpContext& op) {
  if (auto refusal = needs_first_size(op)) return refusal;
  for (size_t i = 1; i < op.num_inputs(); ++i)
    if (op.has_input(i) && !op.contents[static_cast<size_t>(op.node.inputs[i])])
      return Refusal{"its bounds are computed"};
  return std::nullopt;
}

std::optional<Refusal> can_tile(const OpContext& op) {
  if (auto refusal = needs_first_size(op)) return refusal;
  const size_t rank = tile_walk(op).extents.size();
  if (rank > kMaxRank)
    return Refusal{fmt::format("it has {} extents and repeats, more than {}", rank, kMaxRank)};
  return std::nullopt;
}

std::optional<Refusal> can_fill(const OpContext& op) {
  if (op.output().dtype != DType::Float32)
    return Refusal{fmt::format("the result is {}", dtype_name(op.output().dtype))};
  return needs_sizes(op, 0);
}

}  // namespace

const Impl kTransposeCopy{"cuda:transpose_copy", needs_all_sizes, make_kernel<TransposeKernel>};
const Impl kSliceCopy{"cuda:slice_copy", can_slice, make_kernel<SliceKernel>};
const Impl kExpandCopy{"cuda:expand_copy", needs_first_size, make_kernel<ExpandKernel>};
const Impl kTileCopy{"cuda:tile_copy", can_tile, make_kernel<TileKernel>};
const Impl kConcatCopy{"cuda:concat_copy", needs_all_sizes, make_kernel<ConcatKernel>};
const Impl kSplitCopy{"cuda:split_copy", needs_all_sizes, make_kernel<SplitKernel>};
const Impl kConstantOfShapeFill{"cuda:constant_of_shape_fill", can_fill,
                                make_kernel<ConstantOfShapeKernel>};

}  // namespace vitro::cuda
