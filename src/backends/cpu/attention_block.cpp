#include "backends/cpu/attention.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/parallel_gemm.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

// Token rows that go through the block together: qkv of so many still fits the second-level caches.
constexpr int64_t kChunkRows = 196;

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_scale(op.node.as<AttentionBlockAttrs>().scale)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  return needs_panels(op, 3);
}

/// Of an image: a map [n, h, w, c], or tokens [n, t, c].
int64_t num_tokens(const OpContext& op) {
  const Dims& dims = op.input(0).dims;
  return num_elements(dims) / (dims[0] * dims.back());
}

/// Images of a chunk: the largest divisor of the batch that stays within so many rows, at least 1.
int64_t chunk_images(const OpContext& op, int64_t rows) {
  const int64_t images = op.input(0).dims[0];
  int64_t chunk = std::clamp<int64_t>(rows / num_tokens(op), 1, images);
  while (images % chunk != 0) --chunk;
  return chunk;
}

template <int64_t rows>
std::optional<Refusal> can_chunk_by(const OpContext& op) {
  if (auto refusal = can_run(op)) return refusal;
  if (chunk_images(op, rows) != chunk_images(op, kChunkRows)) return std::nullopt;
  return Refusal{"its chunks are the usual ones"};
}

/// y = x + proj(attention(qkv(layer_norm(x)))), a chunk of images at a time, every phase on all
/// threads.
class AttentionBlockPhased final : public Kernel {
 public:
  enum Phase { kQkv, kCore, kProj };
  explicit AttentionBlockPhased(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        images_(chunk_images(op, variant.rows > 0 ? variant.rows : kChunkRows)),
        chunks_(op.input(0).dims[0] / images_),
        rows_(images_ * num_tokens(op)),
        core_(images_, num_tokens(op), op.node.as<AttentionBlockAttrs>().heads,
              op.node.as<AttentionBlockAttrs>().head_dim, op.node.as<AttentionBlockAttrs>().scale,
              op.threads, core_precision(op)),
        qkv_operands_(op, 1, 5),
        proj_operands_(op, 3, 8) {
    const int64_t channels = op.input(0).dims.back();
    qkv_.m = proj_.m = rows_;
    qkv_.n = qkv_.ldc = 3 * channels;
    qkv_.k = qkv_.lda = channels;
    qkv_operands_.describe(qkv_);
    qkv_.layer_norm = true;
    qkv_.eps = op.node.as<AttentionBlockAttrs>().eps;
    proj_.n = proj_.ldc = proj_.ldr = channels;
    proj_.k = proj_.lda = channels;
    proj_operands_.describe(proj_);
    if (core_.in_bfloat16()) qkv_.ldc = bfloat16_stride(qkv_.n);
    if (hands_bfloat16()) proj_.lda = bfloat16_stride(channels);
  }
  int in_place_operand() const override { return 0; }
  std::vector<Section> sections() const override {
    const auto product = [&](const GemmArgs& gemm) {
      return 2.0 * static_cast<double>(chunks_ * rows_ * gemm.n * gemm.k);
    };
    std::vector<size_t> first = qkv_operands_.indices();
    first.insert(first.begin(), 0);
    return {{"qkv", product(qkv_), first, true},
            {"core", static_cast<double>(chunks_) * core_.flops(), {}},
            {"proj", product(proj_), proj_operands_.indices(), true}};
  }
  size_t scratch_bytes() const override {
    return (aligned_floats(rows_ * qkv_row()) + aligned_floats(rows_ * context_row()) +
            shared_size()) *
           sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    auto* qkv = reinterpret_cast<float*>(args.scratch);
    float* context = qkv + aligned_floats(rows_ * qkv_row());
    float* shared = context + aligned_floats(rows_ * context_row());
    auto* rounded = hands_bfloat16() ? reinterpret_cast<uint16_t*>(context) : nullptr;
    if (rounded) fill_blocks(rounded);
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
      const int64_t offset = chunk * rows_ * proj_.n;
      GemmArgs project = qkv_;
      project.a = args.in<float>(0) + offset;
      qkv_operands_.bind(project, args);
      if (core_.in_bfloat16())
        project.c_bfloat16 = reinterpret_cast<uint16_t*>(qkv);
      else
        project.c = qkv;
      team_of(args).begin_section(kQkv);
      parallel_gemm(table_, project, team_of(args), shared);
      team_of(args).begin_section(kCore);
      if (core_.in_bfloat16())
        core_.run(project.c_bfloat16, rounded ? nullptr : context, rounded, shared, team_of(args));
      else
        core_.run(qkv, context, shared, team_of(args));
      GemmArgs merge = proj_;
      merge.a = context;
      merge.a_bfloat16 = rounded;
      proj_operands_.bind(merge, args);
      merge.residual = args.in<float>(0) + offset;
      merge.c = args.out<float>() + offset;
      team_of(args).begin_section(kProj);
      parallel_gemm(table_, merge, team_of(args), shared);
    }
  }

 private:
  /// In bf16 only between products in bf16: 8 bits keep the attention in float32.
  static Precision core_precision(const OpContext& op) {
    return op.constant(1)->type.dtype == DType::Int8 ? Precision::Float32 : op.precision;
  }
  /// Whether what is between the core and proj is what proj multiplies.
  bool hands_bfloat16() const { return core_.in_bfloat16() && proj_operands_.in_bfloat16(); }
  /// Floats of memory that a row takes.
  int64_t qkv_row() const { return core_.in_bfloat16() ? qkv_.ldc / 2 : qkv_.ldc; }
  int64_t context_row() const { return hands_bfloat16() ? proj_.lda / 2 : proj_.lda; }

  /// The zeros behind the channels of every row, which the core does not write.
  void fill_blocks(uint16_t* context) const {
    const int64_t end = (proj_.k + kBFloat16Block - 1) / kBFloat16Block * kBFloat16Block;
    for (int64_t row = 0; row < rows_; ++row, context += proj_.lda)
      std::fill(context + proj_.k, context + end, uint16_t{0});
  }

  /// The products and the attention never run at the same time.
  size_t shared_size() const {
    const size_t product =
        std::max(table_.gemm_scratch_size(qkv_), table_.gemm_scratch_size(proj_));
    return std::max(core_.scratch_size(), product * static_cast<size_t>(threads_));
  }

  const KernelTable& table_;
  int threads_;
  int64_t images_, chunks_, rows_;
  AttentionCore core_;
  ProductOperands qkv_operands_, proj_operands_;
  GemmArgs qkv_, proj_;
};

}  // namespace

const Impl kAttentionBlockPhased{"cpu:attention_block_phased", can_run,
                                 make_kernel<AttentionBlockPhased>};
const std::array<Impl, 3> kAttentionBlockVariants{
    variant_of<AttentionBlockPhased, can_chunk_by<392>, Variant{.rows = 392}>(
        "cpu:attention_block_phased/392"),
    variant_of<AttentionBlockPhased, can_chunk_by<784>, Variant{.rows = 784}>(
        "cpu:attention_block_phased/784"),
    variant_of<AttentionBlockPhased, can_run, Variant{.vector_product = true}>(
        "cpu:attention_block_phased/avx512")};

}  // namespace vitro::cpu
