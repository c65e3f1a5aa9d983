#include <fmt/core.h>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/parallel_gemm.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kTileRows = 6;  // of the micro-kernels: bands of whole tiles waste nothing
// The hidden activations of a band should still be in a thread's second-level cache when fc2 reads
// them.
constexpr int64_t kHiddenBytes = 512 << 10;
constexpr int64_t kMinBandRows = 56, kMaxBandRows = 224;
// Bands of variants are whole tiles of AVX-512 (6 rows) as well as of AMX (16).
constexpr int64_t kVariantRows = 48;

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  return needs_panels(op, 3);
}

/// Fewer rows than this would make every thread stream all weights for little work.
std::optional<Refusal> can_band(const OpContext& op) {
  if (auto refusal = can_run(op)) return refusal;
  const int64_t rows = num_rows(op.input(0)), needed = kMinBandRows * op.threads;
  if (rows >= needed) return std::nullopt;
  return Refusal{fmt::format("{} rows, needs {} for {} threads", rows, needed, op.threads)};
}

template <int64_t rows>
std::optional<Refusal> can_band_by(const OpContext& op) {
  if (auto refusal = can_band(op)) return refusal;
  if (num_rows(op.input(0)) >= rows * op.threads) return std::nullopt;
  return Refusal{fmt::format("{} rows are no {} for each of {} threads", num_rows(op.input(0)),
                             rows, op.threads)};
}

/// y = x + fc2(gelu(fc1(x'))), x' = x or layer_norm(x): two products, the rest in their prologues
/// and epilogues.
class MlpKernel : public Kernel {
 public:
  enum Phase { kFc1, kFc2 };
  explicit MlpKernel(const OpContext& op, const Variant& variant)
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        rows_(num_rows(op.input(0))),
        operands1_(op, 1, 5),
        operands2_(op, 3, 8) {
    const auto& attrs = op.node.as<MlpAttrs>();
    const int64_t channels = op.input(0).dims.back(), hidden = op.input(1).dims[0];
    fc1_.n = fc1_.ldc = hidden;
    fc1_.k = fc1_.lda = channels;
    operands1_.describe(fc1_);
    fc1_.activation.kind = Activation::Kind::Gelu;
    fc1_.layer_norm = attrs.layer_norm;
    fc1_.eps = attrs.eps;
    fc2_.n = fc2_.ldc = fc2_.ldr = channels;
    fc2_.k = fc2_.lda = hidden;
    operands2_.describe(fc2_);
    if (hands_codes()) fc1_.ldc = fc2_.lda = code_stride(hidden);
    if (hands_bfloat16()) fc1_.ldc = fc2_.lda = bfloat16_stride(hidden);
  }
  int in_place_operand() const override { return 0; }
  std::vector<Section> sections() const override {
    const double flops = 2.0 * static_cast<double>(rows_ * fc1_.n * fc1_.k);
    std::vector<size_t> first = operands1_.indices();
    first.insert(first.begin(), 0);
    return {{"fc1", flops, first, true}, {"fc2", flops, operands2_.indices(), true}};
  }

 protected:
  /// The two products over rows [row, row + count), with `hidden` between them.
  std::pair<GemmArgs, GemmArgs> products(const KernelArgs& args, int64_t row, int64_t count,
                                         float* hidden) const {
    GemmArgs fc1 = fc1_, fc2 = fc2_;
    fc1.m = fc2.m = count;
    fc1.a = fc2.residual = args.in<float>(0) + row * fc1.k;
    operands1_.bind(fc1, args);
    operands2_.bind(fc2, args);
    if (hands_codes()) {
      auto* codes = reinterpret_cast<uint8_t*>(hidden);
      fc1.result_codes = codes;
      fc1.result = operands2_.rows(args);
      fc2.codes = codes;
    } else if (hands_bfloat16()) {
      fc1.c_bfloat16 = reinterpret_cast<uint16_t*>(hidden);
      fc2.a_bfloat16 = fc1.c_bfloat16;
    } else {
      fc1.c = hidden;
      fc2.a = hidden;
    }
    fc2.c = args.out<float>() + row * fc2.n;
    return {fc1, fc2};
  }

  /// Whether what is between the products is what fc2 multiplies, codes or bfloat16: never as
  /// floats in memory.
  bool hands_codes() const { return operands1_.quantized() && operands2_.quantized(); }
  bool hands_bfloat16() const { return operands1_.in_bfloat16() && operands2_.in_bfloat16(); }
  /// Bytes of a hidden row.
  int64_t hidden_bytes() const { return fc1_.ldc * (hands_codes() ? 1 : hands_bfloat16() ? 2 : 4); }
  size_t hidden_size(int64_t rows) const { return aligned_floats(rows * hidden_bytes() / 4); }

  size_t product_scratch() const {
    return std::max(table_.gemm_scratch_size(fc1_), table_.gemm_scratch_size(fc2_));
  }

  const KernelTable& table_;
  int threads_;
  int64_t rows_;
  ProductOperands operands1_, operands2_;
  GemmArgs fc1_, fc2_;
};

/// Each thread takes bands of rows through both products on its own.
class MlpBanded final : public MlpKernel {
 public:
  explicit MlpBanded(const OpContext& op, const Variant& variant = {}) : MlpKernel(op, variant) {
    const int64_t fitting = kHiddenBytes / hidden_bytes() / kTileRows * kTileRows;
    bands_ = variant.rows > 0
                 ? make_bands(rows_, kVariantRows, variant.rows, threads_)
                 : make_bands(rows_, kTileRows, std::clamp(fitting, kMinBandRows, kMaxBandRows),
                              threads_);
    hidden_size_ = hidden_size(bands_.max_size());
    thread_size_ = hidden_size_ + product_scratch();
  }
  size_t scratch_bytes() const override {
    return thread_size_ * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int thread) {
      float* hidden =
          reinterpret_cast<float*>(args.scratch) + thread_size_ * static_cast<size_t>(thread);
      auto [fc1, fc2] = products(args, bands_.begin(band), bands_.size(band), hidden);
      fc1.scratch = fc2.scratch = hidden + hidden_size_;
      team_of(args).mark(thread, kFc1);
      table_.gemm_tile(fc1, 0, fc1.m, 0, num_panels(fc1.n));
      team_of(args).mark(thread, kFc2);
      table_.gemm_tile(fc2, 0, fc2.m, 0, num_panels(fc2.n));
    });
  }

 private:
  Bands bands_;
  size_t hidden_size_, thread_size_;
};

/// All threads share each product: few rows, so that the weights are what there is to split.
class MlpPhased final : public MlpKernel {
 public:
  explicit MlpPhased(const OpContext& op, const Variant& variant = {})
      : MlpKernel(op, variant), hidden_size_(hidden_size(rows_)) {}
  size_t scratch_bytes() const override {
    return (hidden_size_ + product_scratch() * static_cast<size_t>(threads_)) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    auto* hidden = reinterpret_cast<float*>(args.scratch);
    const auto [fc1, fc2] = products(args, 0, rows_, hidden);
    parallel_gemm(table_, fc1, team_of(args), hidden + hidden_size_);
    team_of(args).begin_section(kFc2);
    parallel_gemm(table_, fc2, team_of(args), hidden + hidden_size_);
  }

 private:
  size_t hidden_size_;
};

template <int64_t rows>
constexpr Impl banded_by(const char* id) {
  return variant_of<MlpBanded, can_band_by<rows>, Variant{.rows = rows}>(id);
}

}  // namespace

const Impl kMlpBanded{"cpu:mlp_banded", can_band, make_kernel<MlpBanded>};
const Impl kMlpPhased{"cpu:mlp_phased", can_run, make_kernel<MlpPhased>};
const std::array<Impl, 6> kMlpVariants{
    banded_by<48>("cpu:mlp_banded/48"),
    banded_by<96>("cpu:mlp_banded/96"),
    banded_by<192>("cpu:mlp_banded/192"),
    banded_by<384>("cpu:mlp_banded/384"),
    variant_of<MlpBanded, can_band, Variant{.vector_product = true}>("cpu:mlp_banded/avx512"),
    variant_of<MlpPhased, can_run, Variant{.vector_product = true}>("cpu:mlp_phased/avx512")};

}  // namespace vitro::cpu
