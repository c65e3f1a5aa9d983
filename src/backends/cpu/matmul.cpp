#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

constexpr double kMinMultiplyAdds = 4e5;  // of a share of a matrix: about 5 us of one core

std::optional<Refusal> can_run(const OpContext& op) {
  for (size_t i : {0, 1})
    if (op.input(i).dims.size() < 2) return Refusal{"an operand is a vector"};
  return needs_float32(op);
}

Dims batch_of(const TensorType& type) { return Dims(type.dims.begin(), type.dims.end() - 2); }

/// The matrices of the result, and those of a and b that make them.
Nest batches_of(const OpContext& op) {
  const Dims batch = batch_of(op.output());
  return {batch, broadcast_walk(batch_of(op.input(0)), batch).strides,
          broadcast_walk(batch_of(op.input(1)), batch).strides};
}

/// Batches of a [m, k] by b [k, n], either transposed; what is transposed is copied on the way, b
/// to panels and a to rows. Products are of true float32.
class MatMulKernel final : public Kernel {
 public:
  explicit MatMulKernel(const OpContext& op)
      : table_(product_kernels(op.threads, {.vector_product = true})),
        threads_(op.threads),
        attrs_(op.node.as<MatMulAttrs>()),
        batches_(batches_of(op)),
        num_batches_(batches_.outer(0)) {
    const Dims &a = op.input(0).dims, &y = op.output().dims;
    args_.m = y[y.size() - 2];
    args_.n = args_.ldc = y.back();
    args_.k = args_.lda = attrs_.transpose_a ? a[a.size() - 2] : a.back();
    // The rows of all matrices a may be those of one.
    if (batches_.extents.size() == 1 && batches_.a[0] == 1 && batches_.b[0] == 0 &&
        !attrs_.transpose_a) {
      args_.m *= num_batches_;
      num_batches_ = 1;
    }
    const double work = static_cast<double>(args_.m * args_.n) * static_cast<double>(args_.k);
    const auto useful = static_cast<int64_t>(std::clamp(work / kMinMultiplyAdds, 1.0, 1e6));
    const int64_t share = (threads_ + num_batches_ - 1) / num_batches_, unit = 6;
    bands_ = {args_.m, unit, std::min({share, useful, (args_.m + unit - 1) / unit})};
    a_size_ = attrs_.transpose_a ? aligned_floats(bands_.max_size() * args_.k) : 0;
    b_size_ = attrs_.transpose_b ? panel16_size(args_.n, args_.k) : 0;
  }
  size_t scratch_bytes() const override {
    return thread_size() * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(num_batches_ * bands_.count, [&](int64_t task, int thread) {
      float* scratch =
          reinterpret_cast<float*>(args.scratch) + thread_size() * static_cast<size_t>(thread);
      const int64_t batch = task / bands_.count, band = task % bands_.count;
      const int64_t row = bands_.begin(band);
      const Nest::Offsets at = batches_.at(batch, 0);
      GemmArgs gemm = args_;
      gemm.m = bands_.size(band);
      gemm.a = rows_of(args.in<float>(0) + at.a * args_.m * args_.k, row, gemm.m, scratch);
      gemm.b = panels_of(args.in<float>(1) + at.b * args_.k * args_.n, scratch + a_size_);
      gemm.c = args.out<float>() + (batch * args_.m + row) * args_.n;
      gemm.scratch = scratch + a_size_ + b_size_;
      table_.gemm_tile(gemm, 0, gemm.m, 0, num_panels(gemm.n));
    });
  }

 private:
  size_t thread_size() const { return a_size_ + b_size_ + table_.gemm_scratch_size(args_); }

  const float* rows_of(const float* a, int64_t row, int64_t rows, float* copy) const {
    if (!attrs_.transpose_a) return a + row * args_.k;
    table_.transpose(a + row, args_.k, rows, args_.m, copy, args_.k);
    return copy;
  }

  /// Columns beyond n of the last panel stay as they are: nobody reads them.
  PanelMatrix panels_of(const float* b, float* copy) const {
    if (!attrs_.transpose_b) return row_major_matrix(b, args_.n);
    for (int64_t column = 0; column < args_.n; column += kPanelWidth)
      table_.transpose(b + column * args_.k, std::min(kPanelWidth, args_.n - column), args_.k,
                       args_.k, copy + column * args_.k, kPanelWidth);
    return panel16_matrix(copy, args_.k);
  }

  const KernelTable& table_;
  int threads_;
  MatMulAttrs attrs_;
  Nest batches_;  ///< strides in matrices
  int64_t num_batches_;
  Bands bands_;  ///< rows of a matrix
  GemmArgs args_;
  size_t a_size_ = 0, b_size_ = 0;  ///< floats of the copies
};

}  // namespace

const Impl kMatMulBatched{"cpu:matmul_batched", can_run, make_kernel<MatMulKernel>};

}  // namespace vitro::cpu
