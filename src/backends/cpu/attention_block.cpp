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
              op.threads),
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
    return (aligned_floats(rows_ * qkv_.n) + aligned_floats(rows_ * proj_.n) + shared_size()) *
           sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    auto* qkv = reinterpret_cast<float*>(args.scratch);
    float* context = qkv + aligned_floats(rows_ * qkv_.n);
    float* shared = context + aligned_floats(rows_ * proj_.n);
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
      const int64_t offset = chunk * rows_ * proj_.n;
      GemmArgs project = qkv_;
      project.a = args.in<float>(0) + offset;
      qkv_operands_.bind(project, args);
      project.c = qkv;
      team_of(args).begin_section(kQkv);
      parallel_gemm(table_, project, team_of(args), shared);
      team_of(args).begin_section(kCore);
      core_.run(qkv, context, shared, team_of(args));
      GemmArgs merge = proj_;
      merge.a = context;
      proj_operands_.bind(merge, args);
      merge.residual = args.in<float>(0) + offset;
      merge.c = args.out<float>() + offset;
      team_of(args).begin_section(kProj);
      parallel_gemm(table_, merge, team_of(args), shared);
    }
  }

 private:
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
