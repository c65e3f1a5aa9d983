#include "backends/cuda/movement.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/strided_copy.h"

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
  explicit SliceKernel(const OpContext& op)
      : x_(op, 0),
        bytes_(static_cast<int>(element_size(element_of(op)))),
        dims_(to_dims(op.input(0).dims)),
        slice_(op.node.as<SliceAttrs>()) {}
  void run(const KernelArgs& args) const override {
    strided_copy(slice_args(bytes_, x_.in(args), dims_, static_cast<int>(slice_.axis), slice_.begin,
                            slice_.end, args.outputs[0]),
                 launch_of(args));
  }

 private:
  Operand x_;
  int bytes_;
  Dims dims_;
  SliceAttrs slice_;
};

}  // namespace

const Impl kTransposeCopy{"cuda:transpose_copy", needs_floats, make_kernel<TransposeKernel>};
const Impl kSliceCopy{"cuda:slice_copy", needs_floats, make_kernel<SliceKernel>};

}  // namespace vitro::cuda
