#include "backends/cuda/movement.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/strided_copy.h"
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

class SliceKernel final : public Kernel {
 public:
  explicit SliceKernel(const OpContext& op) : x_(op, 0) {
    const Strided walk = slice_walk(op.node, operands_of(op.node, op.types, op.contents));
    args_.element_bytes = static_cast<int>(element_size(element_of(op)));
    args_.dims = to_dims(walk.extents);
    args_.x_strides = to_dims(walk.strides);
    offset_ = walk.offset * args_.element_bytes;
  }
  void run(const KernelArgs& args) const override {
    StridedCopyArgs copy_args = args_;
    copy_args.x = static_cast<const std::byte*>(x_.in(args)) + offset_;
    copy_args.y = args.outputs[0];
    strided_copy(copy_args, launch_of(args));
  }

 private:
  Operand x_;
  StridedCopyArgs args_;
  int64_t offset_;
};

/// The kernel reads forwards, and knows its bounds when it is made.
std::optional<Refusal> can_slice(const OpContext& op) {
  if (auto refusal = needs_floats(op)) return refusal;
  const Strided walk = slice_walk(op.node, operands_of(op.node, op.types, op.contents));
  for (int64_t stride : walk.strides)
    if (stride < 0) return Refusal{"a step is negative"};
  return std::nullopt;
}

}  // namespace

const Impl kTransposeCopy{"cuda:transpose_copy", needs_floats, make_kernel<TransposeKernel>};
const Impl kSliceCopy{"cuda:slice_copy", can_slice, make_kernel<SliceKernel>};

}  // namespace vitro::cuda
