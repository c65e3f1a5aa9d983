#include "backends/cpu/bands.h"
#include "backends/cpu/depthwise_conv2d.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/fused_ops.h"

namespace vitro::cpu {
namespace {

// Rows of the products in one band: enough for full tiles, few enough to stay in the caches between
// the depthwise convolution and the product next to it.
constexpr int64_t kBandRows = 224;

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 3)) return refusal;
  return needs_panels(op, 6);
}

/// Bands of whole image rows that have about `rows` pixels.
Bands image_bands(const OpContext& op, int64_t rows) {
  const Dims& x = op.input(0).dims;
  return make_bands(x[1], 1, std::max<int64_t>(1, rows / x[2]), op.threads);
}

template <int64_t rows>
std::optional<Refusal> can_band_by(const OpContext& op) {
  if (auto refusal = can_run(op)) return refusal;
  if (image_bands(op, rows).count != image_bands(op, kBandRows).count) return std::nullopt;
  return Refusal{"its bands are the usual ones"};
}

/// x1 = dw3x3(x); y = x1 + conv2(dw5x5(conv1(x1))). Two phases for each image, split at the 5x5's
/// need of its neighbours; inside a phase every band of image rows goes depth-first.
class LocalMixerPhased final : public Kernel {
 public:
  enum Phase { kPosEmbed, kConv1, kAttn, kConv2 };
  explicit LocalMixerPhased(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        images_(op.input(0).dims[0]),
        operands1_(op, 3, 8),
        operands2_(op, 6, 11) {
    const Dims& x = op.input(0).dims;
    width_ = x[2];
    channels_ = x[3];
    position_ = depthwise_args(x, op.input(1).dims, x, same_padding(op.input(1).dims));
    spatial_ = depthwise_args(x, op.input(5).dims, x, same_padding(op.input(5).dims));
    bands_ = image_bands(op, variant.rows > 0 ? variant.rows : kBandRows);
    image_size_ = x[1] * width_ * channels_;
    conv1_.n = conv1_.ldc = channels_;
    conv1_.k = conv1_.lda = channels_;
    conv2_ = conv1_;
    conv2_.ldr = channels_;
    operands1_.describe(conv1_);
    operands2_.describe(conv2_);
  }
  std::vector<Section> sections() const override {
    const auto elements = static_cast<double>(images_ * image_size_);
    const double product = 2 * elements * static_cast<double>(channels_);
    const auto depthwise = [&](const DepthwiseArgs& args) {
      return 2 * elements * static_cast<double>(args.kernel_h * args.kernel_w);
    };
    return {{"pos_embed", depthwise(position_), {0, 1, 2}},
            {"conv1", product, operands1_.indices(), true},
            {"attn", depthwise(spatial_), {5}},
            {"conv2", product, operands2_.indices(), true}};
  }
  size_t scratch_bytes() const override {
    return (2 * aligned_floats(image_size_) + thread_size() * static_cast<size_t>(threads_)) *
           sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    auto* x1 = reinterpret_cast<float*>(args.scratch);
    float* mixed = x1 + aligned_floats(image_size_);
    float* threads_scratch = mixed + aligned_floats(image_size_);
    const auto scratch = [&](int thread) {
      return threads_scratch + thread_size() * static_cast<size_t>(thread);
    };
    for (int64_t image = 0; image < images_; ++image) {
      const float* x = args.in<float>(0) + image * image_size_;
      float* y = args.out<float>() + image * image_size_;
      team_of(args).begin_section(kPosEmbed);
      team_of(args).parallel_for(bands_.count, [&](int64_t band, int thread) {
        embed_and_project(args, x, x1, mixed, band, thread, scratch(thread));
      });
      team_of(args).begin_section(kAttn);
      team_of(args).parallel_for(bands_.count, [&](int64_t band, int thread) {
        mix_and_project(args, x1, mixed, y, band, thread, scratch(thread));
      });
    }
  }

 private:
  size_t band_size() const { return aligned_floats(bands_.max_size() * width_ * channels_); }
  size_t thread_size() const {
    return band_size() +
           std::max(table_.gemm_scratch_size(conv1_), table_.gemm_scratch_size(conv2_));
  }

  /// conv1 or conv2 over the rows of a band.
  GemmArgs over_band(GemmArgs gemm, int64_t band, float* scratch) const {
    gemm.m = bands_.size(band) * width_;
    gemm.scratch = scratch + band_size();
    return gemm;
  }

  /// Rows of x1 = dw3x3(x) and of mixed = conv1(x1).
  void embed_and_project(const KernelArgs& args, const float* x, float* x1, float* mixed,
                         int64_t band, int thread, float* scratch) const {
    DepthwiseArgs position = position_;
    position.input = x;
    position.weights = args.in<float>(1);
    position.bias = args.in<float>(2);
    position.output = x1;
    team_of(args).mark(thread, kPosEmbed);
    table_.depthwise(position, bands_.begin(band), bands_.begin(band + 1));
    const int64_t offset = bands_.begin(band) * width_ * channels_;
    GemmArgs conv1 = over_band(conv1_, band, scratch);
    conv1.a = x1 + offset;
    operands1_.bind(conv1, args);
    conv1.c = mixed + offset;
    team_of(args).mark(thread, kConv1);
    table_.gemm_tile(conv1, 0, conv1.m, 0, num_panels(conv1.n));
  }

  /// Rows of y = x1 + conv2(dw5x5(mixed)).
  void mix_and_project(const KernelArgs& args, const float* x1, const float* mixed, float* y,
                       int64_t band, int thread, float* scratch) const {
    const int64_t offset = bands_.begin(band) * width_ * channels_;
    DepthwiseArgs spatial = spatial_;
    spatial.input = mixed;
    spatial.weights = args.in<float>(5);
    spatial.output = scratch;  // the rows of this band alone
    spatial.out_y0 = bands_.begin(band);
    team_of(args).mark(thread, kAttn);
    table_.depthwise(spatial, bands_.begin(band), bands_.begin(band + 1));
    GemmArgs conv2 = over_band(conv2_, band, scratch);
    conv2.a = scratch;
    operands2_.bind(conv2, args);
    conv2.residual = x1 + offset;
    conv2.c = y + offset;
    team_of(args).mark(thread, kConv2);
    table_.gemm_tile(conv2, 0, conv2.m, 0, num_panels(conv2.n));
  }

  const KernelTable& table_;
  int threads_;
  int64_t images_, width_ = 0, channels_ = 0, image_size_ = 0;
  ProductOperands operands1_, operands2_;
  DepthwiseArgs position_, spatial_;
  Bands bands_;
  GemmArgs conv1_, conv2_;
};

}  // namespace

const Impl kLocalMixerPhased{"cpu:local_mixer_phased", can_run, make_kernel<LocalMixerPhased>};
const std::array<Impl, 3> kLocalMixerVariants{
    variant_of<LocalMixerPhased, can_band_by<112>, Variant{.rows = 112}>(
        "cpu:local_mixer_phased/112"),
    variant_of<LocalMixerPhased, can_band_by<448>, Variant{.rows = 448}>(
        "cpu:local_mixer_phased/448"),
    variant_of<LocalMixerPhased, can_run, Variant{.vector_product = true}>(
        "cpu:local_mixer_phased/avx512")};

}  // namespace vitro::cpu
