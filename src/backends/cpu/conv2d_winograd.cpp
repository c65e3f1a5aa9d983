#include <fmt/core.h>

#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/conv2d.h"
#include "backends/cpu/conv_groups.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro::cpu {
namespace {

/// Panels of a weight -> [products][points][panels][in][16] of F(tile x tile, 3x3). There is no
/// exact inverse, so that plans store what it is made of.
template <int64_t tile>
constexpr PackedForm transformed_form(const char* id, const PackedForm& from) {
  return {id,
          [](const TensorType& type) {
            const GroupProducts products = group_products(type);
            return Dims{products.count, winograd_points(tile), num_panels(products.out),
                        products.in, kPanelWidth};
          },
          [](const TensorType& type, const std::byte* src, std::byte* dst) {
            const GroupProducts products = group_products(type);
            const auto* panels = reinterpret_cast<const float*>(src);
            auto* weights = reinterpret_cast<float*>(dst);
            for (int64_t i = 0; i < products.count; ++i) {
              winograd_weights(tile, panels, products.out, products.in, weights);
              panels += panel16_size(products.out, 9 * products.in);
              weights += winograd_weights_size(tile, products.out, products.in);
            }
          },
          nullptr, &from};
}

constexpr PackedForm kWinograd2x2 = transformed_form<2>("cpu:winograd2x2", kPanel16);
constexpr PackedForm kWinograd4x4 = transformed_form<4>("cpu:winograd4x4", kPanel16);
constexpr PackedForm kGroupWinograd2x2 =
    transformed_form<2>("cpu:group_winograd2x2", kGroupPanel16);
constexpr PackedForm kGroupWinograd4x4 =
    transformed_form<4>("cpu:group_winograd4x4", kGroupPanel16);

Constant take_weights(const OpContext& op, int64_t tile) {
  if (op.node.as<ConvAttrs>().groups == 1)
    return op.packed(1, tile == 2 ? kWinograd2x2 : kWinograd4x4);
  return group_packed(op, tile == 2 ? kGroupWinograd2x2 : kGroupWinograd4x4);
}

int64_t tiles_of(const OpContext& op, int64_t tile) {
  const Dims& y = op.output().dims;
  return y[0] * ((y[1] + tile - 1) / tile) * ((y[2] + tile - 1) / tile);
}

// What a convolution costs, in multiply-adds of the micro-kernel, which are 16 in a cycle of AVX2.
// A weight comes from the last-level cache or memory while it is used, for so many at least.
constexpr double kWeightCost = 24;
// The way of a value through a transform, and the end of a sum, in whole panels of channels.
constexpr double kTransformCost = 15;
// Patches of the direct sum, where they are gathered: floats, and runs of pixels side by side.
constexpr double kGatherCost = 4;
constexpr double kRunCost = 200;

double cost_of_weights(const GroupProducts& products, int64_t uses) {
  return static_cast<double>(products.count * products.in * products.out) *
         std::max(static_cast<double>(uses), kWeightCost);
}

double direct_cost(const OpContext& op) {
  const GroupProducts products = group_products(op);
  const int64_t pixels = num_rows(op.output()), in = op.input(0).dims[3];
  if (!can_conv2d_direct(op))  // each float is copied once, groups are not joined
    return static_cast<double>(pixels) * (9 * static_cast<double>(op.input(1).dims[3]) *
                                              static_cast<double>(op.output().dims[3]) +
                                          kGatherCost * static_cast<double>(in));
  const int64_t runs = op.node.as<ConvAttrs>().groups == 1 ? 3 : 9 * products.count;
  return 9 * cost_of_weights(products, pixels) +
         static_cast<double>(pixels) *
             (9 * kGatherCost * static_cast<double>(in) + kRunCost * static_cast<double>(runs));
}

double cost_of_tiles(const OpContext& op, int64_t tile) {
  const int64_t tiles = tiles_of(op, tile);
  const int64_t panels = num_panels(op.input(0).dims[3]) + num_panels(op.output().dims[3]);
  return static_cast<double>(winograd_points(tile)) *
         (cost_of_weights(group_products(op), tiles) +
          kTransformCost * static_cast<double>(tiles * panels * kPanelWidth));
}

int64_t best_tile(const OpContext& op) {
  return cost_of_tiles(op, 2) < cost_of_tiles(op, 4) ? 2 : 4;
}

/// Of the time of the direct sum.
double expected_ratio(const OpContext& op) {
  return cost_of_tiles(op, best_tile(op)) / direct_cost(op);
}

std::optional<Refusal> can_transform(const OpContext& op) {
  if (auto refusal = can_conv2d(op)) return refusal;
  if (op.precision == Precision::BFloat16) return Refusal{"it multiplies float32, not bf16"};
  if (op.input(1).dims[3] == 1) return Refusal{"its sums are over one channel"};
  if (op.input(1).dtype != DType::Float32)
    return Refusal{fmt::format("its weight is {}, not F32", dtype_name(op.input(1).dtype))};
  for (const WindowAxis& axis : conv_windows(op.node, op.input(1).dims))
    if (axis.kernel != 3 || axis.stride != 1 || axis.dilation != 1)
      return Refusal{fmt::format("an axis has {} taps, stride {} and dilation {}, not 3, 1 and 1",
                                 axis.kernel, axis.stride, axis.dilation)};
  return std::nullopt;
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = can_transform(op)) return refusal;
  const double ratio = expected_ratio(op);
  if (ratio < 1) return std::nullopt;
  return Refusal{fmt::format("its tiles are expected to take {:.2f} times the direct sum", ratio)};
}

template <int64_t tile>
std::optional<Refusal> can_tile_by(const OpContext& op) {
  if (auto refusal = can_transform(op)) return refusal;
  if (best_tile(op) != tile || can_run(op)) return std::nullopt;
  return Refusal{"its tiles are the usual ones"};
}

// What lies between the transforms of the tiles that a thread takes at a time stays in its
// second-level cache. Fewer tiles would not repay reading the weights: threads then share these.
constexpr int64_t kBandFloats = 96 * 1024;
constexpr int64_t kMinBandTiles = 32;
constexpr int64_t kMinThreadTiles = 12;

/// Tiles of all groups go through one transform; then there is a product for each pair of points
/// and each of GroupProducts.
class WinogradConvKernel final : public Kernel {
 public:
  WinogradConvKernel(const OpContext& op, int64_t tile)
      // AMX would split the weights in three parts each, for few rows.
      : gemm_(product_kernels(op.threads, {.vector_product = true}).gemm),
        winograd_(tile == 2 ? active_kernels().winograd2x2 : active_kernels().winograd4x4),
        threads_(op.threads),
        products_(group_products(op)),
        weights_(take_weights(op, tile)),
        epilogue_(3) {
    const PatchSource patches = conv2d_patches(op);
    args_.in_h = patches.in_h;
    args_.in_w = patches.in_w;
    args_.channels = op.input(0).dims[3];
    args_.pad_top = patches.pad_top;
    args_.pad_left = patches.pad_left;
    args_.out_h = patches.out_h;
    args_.out_w = patches.out_w;
    args_.out_channels = op.output().dims[3];
    const int64_t floats = winograd_points(tile) * (args_.channels + args_.out_channels);
    const int64_t tiles = tiles_of(op, tile);
    bands_ = make_bands(tiles, 1, std::max(kMinBandTiles, kBandFloats / floats), threads_);
    shares_weights_ = threads_ > 1 && bands_.max_size() < kMinThreadTiles;
    const int64_t together = shares_weights_ ? tiles : bands_.max_size();
    args_.values_stride = stride_of(together * args_.channels);
    args_.sums_stride = stride_of(together * args_.out_channels);
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    return scratch_size() * static_cast<size_t>(shares_weights_ ? 1 : threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    WinogradArgs all = args_;
    all.input = args.in<float>(0);
    all.bias = args.in<float>(2);
    all.residual = epilogue_.residual(args);
    all.activation = epilogue_.activation();
    all.output = args.out<float>();
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    if (shares_weights_) return run_together(with_scratch(all, scratch), team_of(args));
    team_of(args).parallel_for(bands_.count, [&](int64_t i, int thread) {
      WinogradArgs band = with_scratch(all, scratch + scratch_size() * static_cast<size_t>(thread));
      band.first_tile = bands_.begin(i);
      winograd_.input(band, bands_.begin(i), bands_.begin(i + 1));
      for (int64_t product = 0; product < num_products(); ++product)
        multiply(band, bands_.size(i), product, 0, num_panels(products_.out));
      winograd_.output(band, bands_.begin(i), bands_.begin(i + 1));
    });
  }

 private:
  int64_t num_points() const { return winograd_points(winograd_.tile); }
  int64_t num_products() const { return products_.count * num_points(); }
  /// An odd number of cache lines, so that what a tile has at all points spreads over the cache.
  static ptrdiff_t stride_of(int64_t floats) { return ((floats + 15) / 16 | 1) * 16; }
  size_t scratch_size() const {
    return static_cast<size_t>(num_points() * (args_.values_stride + args_.sums_stride));
  }
  WinogradArgs with_scratch(WinogradArgs band, float* scratch) const {
    band.values = scratch;
    band.sums = scratch + num_points() * args_.values_stride;
    return band;
  }
  /// Panels [begin, end) of one product of `tiles` tiles.
  void multiply(const WinogradArgs& band, int64_t tiles, int64_t product, int64_t begin,
                int64_t end) const {
    const int64_t group = product / num_points(), point = product % num_points();
    GemmArgs gemm;
    gemm.m = tiles;
    gemm.n = products_.out;
    gemm.k = products_.in;
    gemm.a = band.values + point * band.values_stride + group * products_.in;
    gemm.lda = band.channels;
    gemm.b = panel16_matrix(
        reinterpret_cast<const float*>(weights_.bytes.data()) +
            product * static_cast<int64_t>(panel16_size(products_.out, products_.in)),
        products_.in);
    gemm.c = band.sums + point * band.sums_stride + group * products_.out;
    gemm.ldc = band.out_channels;
    gemm_.tile(gemm, 0, tiles, begin, end);
  }
  /// All tiles at once, each weight being read by one thread only.
  void run_together(const WinogradArgs& all, ThreadTeam& team) const {
    const int64_t panels = num_panels(products_.out);
    const Bands shares{panels, 1, std::min(panels, 1 + 4 * threads_ / num_products())};
    team.parallel_for(bands_.count, [&](int64_t i, int) {
      winograd_.input(all, bands_.begin(i), bands_.begin(i + 1));
    });
    team.parallel_for(num_products() * shares.count, [&](int64_t i, int) {
      const int64_t share = i % shares.count;
      multiply(all, bands_.total, i / shares.count, shares.begin(share), shares.begin(share + 1));
    });
    team.parallel_for(bands_.count, [&](int64_t i, int) {
      winograd_.output(all, bands_.begin(i), bands_.begin(i + 1));
    });
  }

  const GemmKernel& gemm_;
  const WinogradKernel& winograd_;
  int threads_;
  GroupProducts products_;
  Constant weights_;
  Epilogue epilogue_;
  WinogradArgs args_;
  Bands bands_;  ///< of tiles
  bool shares_weights_ = false;
};

std::unique_ptr<Kernel> make_usual(const OpContext& op) {
  return std::make_unique<WinogradConvKernel>(op, best_tile(op));
}
template <int64_t tile>
std::unique_ptr<Kernel> make_tiled(const OpContext& op) {
  return std::make_unique<WinogradConvKernel>(op, tile);
}

}  // namespace

double winograd_gain(const OpContext& op) { return can_transform(op) ? 0 : 1 / expected_ratio(op); }

const Impl kConv2dWinograd{"cpu:conv2d_winograd", can_run, make_usual};
const Impl kConv2dWinograd2x2{"cpu:conv2d_winograd/2x2", can_tile_by<2>, make_tiled<2>,
                              ImplUse::WhenTuned};
const Impl kConv2dWinograd4x4{"cpu:conv2d_winograd/4x4", can_tile_by<4>, make_tiled<4>,
                              ImplUse::WhenTuned};

}  // namespace vitro::cpu
