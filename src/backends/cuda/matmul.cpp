#include "backends/cuda/kernels/matmul.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

/// The extents before those of the matrices.
vitro::Dims batch_of(const TensorType& type) { return {type.dims.begin(), type.dims.end() - 2}; }

/// Strides of the matrices of an operand.
Dims batch_strides(const TensorType& operand, const vitro::Dims& batch) {
  Dims strides = broadcast_strides(batch_of(operand), batch);
  const int64_t matrix = operand.dims[operand.dims.size() - 2] * operand.dims.back();
  for (int i = 0; i < strides.rank; ++i) strides.v[i] *= matrix;
  return strides;
}

class MatMulKernel final : public Kernel {
 public:
  explicit MatMulKernel(const OpContext& op) : a_(op, 0), b_(op, 1) {
    const auto& attrs = op.node.as<MatMulAttrs>();
    const vitro::Dims &a = op.input(0).dims, &y = op.output().dims;
    const vitro::Dims batch = batch_of(op.output());
    args_.element = element_of(op);
    args_.m = static_cast<int>(y[y.size() - 2]);
    args_.k = static_cast<int>(attrs.transpose_a ? a[a.size() - 2] : a.back());
    args_.n = static_cast<int>(y.back());
    args_.batch = to_dims(batch);
    args_.a_batch_strides = batch_strides(op.input(0), batch);
    args_.b_batch_strides = batch_strides(op.input(1), batch);
    args_.transpose_a = attrs.transpose_a;
    args_.transpose_b = attrs.transpose_b;
  }
  void run(const KernelArgs& args) const override {
    MatmulArgs matmul_args = args_;
    matmul_args.a = a_.in(args);
    matmul_args.b = b_.in(args);
    matmul_args.y = args.outputs[0];
    matmul(matmul_args, launch_of(args));
  }

 private:
  MatmulArgs args_;
  Operand a_, b_;
};

}  // namespace

const Impl kMatMulGeneric{"cuda:matmul_generic", needs_floats, make_kernel<MatMulKernel>};

}  // namespace vitro::cuda
