#include "backends/cuda/kernels/matmul.h"

#include <algorithm>

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_floats(op)) return refusal;
  const vitro::Dims &a = op.input(0).dims, &b = op.input(1).dims;
  if (op.node.as<MatMulAttrs>().transpose_a) return Refusal{"operand 0 is transposed"};
  if (!std::equal(a.begin(), a.end() - 2, b.begin(), b.end() - 2))
    return Refusal{"its batches are broadcast"};
  return std::nullopt;
}

class MatMulKernel final : public Kernel {
 public:
  explicit MatMulKernel(const OpContext& op) : a_(op, 0), b_(op, 1) {
    const vitro::Dims &a = op.input(0).dims, &y = op.output().dims;
    args_.element = element_of(op);
    args_.m = static_cast<int>(a[a.size() - 2]);
    args_.k = static_cast<int>(a.back());
    args_.n = static_cast<int>(y.back());
    args_.batch = num_elements(y) / args_.m / args_.n;
    args_.a_batch_stride = int64_t{args_.m} * args_.k;
    args_.b_batch_stride = int64_t{args_.k} * args_.n;
    args_.transpose_b = op.node.as<MatMulAttrs>().transpose_b;
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

const Impl kMatMulGeneric{"cuda:matmul_generic", can_run, make_kernel<MatMulKernel>};

}  // namespace vitro::cuda
