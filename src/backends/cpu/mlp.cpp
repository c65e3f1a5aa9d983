#include "backends/cpu/ops.h"
#include "backends/cpu/parallel.h"

namespace vitro::cpu {
namespace {

// Hidden activations of a chunk of rows that both products work through before the next one starts:
// they should still be in the second-level caches when fc2 reads them.
constexpr int64_t kHiddenBytesPerThread = 512 << 10;
// Below this many rows a chunk would stream the weights too often.
constexpr int64_t kMinChunkRows = 196;

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  return needs_panels(op, 3);
}

/// y = x + fc2(gelu(fc1(x'))): two products with everything else in their prologue and epilogue.
class MlpKernel final : public Kernel {
 public:
  explicit MlpKernel(const OpContext& op) : table_(active_kernels()), threads_(op.threads) {
    const auto& attrs = op.node.as<MlpAttrs>();
    const int64_t rows = num_rows(op.input(0)), channels = op.input(0).dims.back();
    const int64_t hidden = op.input(1).dims[0];
    rows_ = rows;
    const int64_t fitting = kHiddenBytesPerThread * threads_ / (hidden * 4);
    chunk_rows_ = std::min(rows, std::max(kMinChunkRows, fitting));
    fc1_.n = fc1_.ldc = hidden;
    fc1_.k = fc1_.lda = channels;
    fc1_.gelu = true;
    fc1_.layer_norm = attrs.layer_norm;
    fc1_.eps = attrs.eps;
    fc2_.n = fc2_.ldc = fc2_.ldr = channels;
    fc2_.k = fc2_.lda = hidden;
  }
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override {
    return (hidden_size() + gemm_size() * static_cast<size_t>(threads_)) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    auto* hidden = reinterpret_cast<float*>(args.scratch);
    float* scratch = hidden + hidden_size();
    for (int64_t row = 0; row < rows_; row += chunk_rows_) {
      GemmArgs fc1 = fc1_, fc2 = fc2_;
      fc1.m = fc2.m = std::min(chunk_rows_, rows_ - row);
      fc1.a = fc2.residual = args.inputs[0] + row * fc1.k;
      fc1.b = panel16_matrix(args.inputs[1], fc1.k);
      fc1.bias = args.inputs[2];
      fc1.c = hidden;
      fc2.a = hidden;
      fc2.b = panel16_matrix(args.inputs[3], fc2.k);
      fc2.bias = args.inputs[4];
      fc2.c = args.output + row * fc2.n;
      parallel_gemm(table_, fc1, args.threads, scratch);
      parallel_gemm(table_, fc2, args.threads, scratch);
    }
  }

 private:
  size_t hidden_size() const {  // rounded up: the scratch behind it stays 64-byte aligned
    return static_cast<size_t>((chunk_rows_ * fc1_.n + 15) / 16 * 16);
  }
  size_t gemm_size() const { return std::max(gemm_scratch_size(fc1_), gemm_scratch_size(fc2_)); }

  const KernelTable& table_;
  int threads_;
  int64_t rows_, chunk_rows_;
  GemmArgs fc1_, fc2_;
};

std::unique_ptr<Kernel> make(const OpContext& op) { return std::make_unique<MlpKernel>(op); }

}  // namespace

const Impl kMlpPhased{"cpu:mlp_phased", can_run, make};

}  // namespace vitro::cpu
