#include <fmt/core.h>

#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro::cpu {
namespace {

/// kPanel16 of a weight [out, 3, 3, in] -> [products][panels][in][16] of F(tile x tile, 3x3). There
/// is no exact inverse, so that plans store the panels it is made of.
template <int64_t tile>
constexpr PackedForm transformed_form(const char* id) {
  return {
      id,
      [](const TensorType& type) {
        return Dims{winograd_products(tile), num_panels(type.dims[0]), type.dims[3], kPanelWidth};
      },
      [](const TensorType& type, const std::byte* panels, std::byte* dst) {
        winograd_weights(tile, reinterpret_cast<const float*>(panels), type.dims[0], type.dims[3],
                         reinterpret_cast<float*>(dst));
      },
      nullptr, &kPanel16};
}

constexpr PackedForm kWinograd2x2 = transformed_form<2>("cpu:winograd2x2");
constexpr PackedForm kWinograd4x4 = transformed_form<4>("cpu:winograd4x4");

int64_t tiles_of(const OpContext& op, int64_t tile) {
  const Dims& y = op.output().dims;
  return y[0] * ((y[1] + tile - 1) / tile) * ((y[2] + tile - 1) / tile);
}

// What a convolution costs, in multiply-adds of the micro-kernel: products, the way of each value
// through a transform, and of each weight from the last-level cache or memory.
constexpr double kTransformCost = 12;
constexpr double kWeightCost = 12;

double cost_of(const OpContext& op, int64_t tile) {
  const Dims& w = op.input(1).dims;
  const auto out = static_cast<double>(w[0]), in = static_cast<double>(w[3]);
  const auto cost = [&](double rows, double products, double transforms) {
    return products * (out * in * std::max(rows, kWeightCost) + rows * transforms * (out + in));
  };
  if (tile == 0) return cost(static_cast<double>(num_rows(op.output())), 9, 0);
  return cost(static_cast<double>(tiles_of(op, tile)), static_cast<double>(winograd_products(tile)),
              kTransformCost);
}

/// The tile that is expected to be fastest; 0: the direct sum.
int64_t best_tile(const OpContext& op) {
  int64_t best = 0;
  for (int64_t tile : {2, 4})
    if (cost_of(op, tile) < cost_of(op, best)) best = tile;
  return best;
}

std::optional<Refusal> can_transform(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  if (op.precision == Precision::BFloat16) return Refusal{"it multiplies float32, not bf16"};
  if (op.input(1).dtype != DType::Float32)
    return Refusal{fmt::format("its weight is {}, not F32", dtype_name(op.input(1).dtype))};
  const Dims& w = op.input(1).dims;
  if (w.size() != 4 || w[1] != 3 || w[2] != 3)
    return Refusal{
        fmt::format("its kernel is {}, not 3x3", to_string(Dims(w.begin() + 1, w.end() - 1)))};
  for (const WindowAxis& axis : conv_windows(op.node, w))
    if (axis.stride != 1 || axis.dilation != 1)
      return Refusal{fmt::format("an axis has stride {} and dilation {}, not 1 and 1", axis.stride,
                                 axis.dilation)};
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  if (groups != 1) return Refusal{fmt::format("it has {} groups", groups)};
  return std::nullopt;
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = can_transform(op)) return refusal;
  if (best_tile(op) != 0) return std::nullopt;
  return Refusal{fmt::format("its transforms and weights cost {:.2f} times the direct sum",
                             std::min(cost_of(op, 2), cost_of(op, 4)) / cost_of(op, 0))};
}

template <int64_t tile>
std::optional<Refusal> can_tile_by(const OpContext& op) {
  if (auto refusal = can_transform(op)) return refusal;
  if (best_tile(op) != tile) return std::nullopt;
  return Refusal{"its tiles are the usual ones"};
}

// Points and sums of the tiles that one thread takes through all products stay in its second-level
// cache; fewer tiles would not repay reading the weights, which then are shared out instead.
constexpr int64_t kBlockFloats = 96 * 1024;
constexpr int64_t kMinTiles = 12;
constexpr int64_t kMinTilesOfThread = 8;

class WinogradConvKernel final : public Kernel {
 public:
  WinogradConvKernel(const OpContext& op, int64_t tile)
      // Weights in three parts each, as AMX multiplies float32, repay for many rows only.
      : gemm_(product_kernels(op.threads, {.vector_product = true}).gemm),
        winograd_(tile == 2 ? active_kernels().winograd2x2 : active_kernels().winograd4x4),
        threads_(op.threads),
        weights_(op.packed(1, tile == 2 ? kWinograd2x2 : kWinograd4x4)),
        epilogue_(3) {
    const auto axes = conv_windows(op.node, op.input(1).dims);
    const Dims &x = op.input(0).dims, &y = op.output().dims;
    args_.in_h = x[1];
    args_.in_w = x[2];
    args_.channels = x[3];
    args_.pad_top = axes[0].pad_begin;
    args_.pad_left = axes[1].pad_begin;
    args_.out_h = y[1];
    args_.out_w = y[2];
    args_.out_channels = y[3];
    const int64_t floats = num_products() * (args_.channels + args_.out_channels);
    const int64_t tiles = tiles_of(op, tile);
    bands_ = make_bands(tiles, 1, std::max(kMinTiles, kBlockFloats / floats), threads_);
    shares_weights_ = threads_ > 1 && bands_.max_size() < kMinTilesOfThread;
    const int64_t together = shares_weights_ ? tiles : bands_.max_size();
    args_.points_stride = plane_stride(together * args_.channels);
    args_.sums_stride = plane_stride(together * args_.out_channels);
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    return block_size() * static_cast<size_t>(shares_weights_ ? 1 : threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    WinogradArgs all = args_;
    all.input = args.in<float>(0);
    all.bias = args.in<float>(2);
    all.residual = epilogue_.residual(args);
    all.activation = epilogue_.activation();
    all.output = args.out<float>();
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    if (shares_weights_) return run_together(block_in(all, scratch), team_of(args));
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int thread) {
      WinogradArgs block = block_in(all, scratch + block_size() * static_cast<size_t>(thread));
      block.first_tile = bands_.begin(band);
      winograd_.input(block, bands_.begin(band), bands_.begin(band + 1));
      for (int64_t i = 0; i < num_products(); ++i)
        multiply(block, bands_.size(band), i, 0, num_panels(args_.out_channels));
      winograd_.output(block, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  int64_t num_products() const { return winograd_products(winograd_.tile); }
  /// An odd number of cache lines, so that one vector of all products spreads over the cache sets.
  static ptrdiff_t plane_stride(int64_t floats) { return ((floats + 15) / 16 | 1) * 16; }
  size_t block_size() const {
    return static_cast<size_t>(num_products() * (args_.points_stride + args_.sums_stride));
  }
  WinogradArgs block_in(WinogradArgs block, float* scratch) const {
    block.points = scratch;
    block.sums = scratch + num_products() * args_.points_stride;
    return block;
  }
  /// Panels [begin, end) of one product of `tiles` tiles.
  void multiply(const WinogradArgs& block, int64_t tiles, int64_t product, int64_t begin,
                int64_t end) const {
    const auto weight = static_cast<int64_t>(panel16_size(block.out_channels, block.channels));
    GemmArgs gemm;
    gemm.m = tiles;
    gemm.n = gemm.ldc = block.out_channels;
    gemm.k = gemm.lda = block.channels;
    gemm.a = block.points + product * block.points_stride;
    gemm.b = panel16_matrix(
        reinterpret_cast<const float*>(weights_.bytes.data()) + product * weight, gemm.k);
    gemm.c = block.sums + product * block.sums_stride;
    gemm_.tile(gemm, 0, tiles, begin, end);
  }
  /// All tiles at once, each weight being read by one thread only.
  void run_together(const WinogradArgs& block, ThreadTeam& team) const {
    const int64_t panels = num_panels(block.out_channels);
    const Bands columns =
        make_bands(panels, 1, panels, 1 + 4 * threads_ / static_cast<int>(num_products()));
    team.parallel_for(bands_.count, [&](int64_t band, int) {
      winograd_.input(block, bands_.begin(band), bands_.begin(band + 1));
    });
    team.parallel_for(num_products() * columns.count, [&](int64_t task, int) {
      const int64_t share = task % columns.count;
      multiply(block, bands_.total, task / columns.count, columns.begin(share),
               columns.begin(share + 1));
    });
    team.parallel_for(bands_.count, [&](int64_t band, int) {
      winograd_.output(block, bands_.begin(band), bands_.begin(band + 1));
    });
  }

  const GemmKernel& gemm_;
  const WinogradKernel& winograd_;
  int threads_;
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

const Impl kConv2dWinograd{"cpu:conv2d_winograd", can_run, make_usual};
const Impl kConv2dWinograd2x2{"cpu:conv2d_winograd/2x2", can_tile_by<2>, make_tiled<2>,
                              ImplUse::WhenTuned};
const Impl kConv2dWinograd4x4{"cpu:conv2d_winograd/4x4", can_tile_by<4>, make_tiled<4>,
                              ImplUse::WhenTuned};

}  // namespace vitro::cpu
