#include "backends/cuda/local_mixer.h"

#include <fmt/core.h>

#include <algorithm>

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/depthwise_conv2d.h"
#include "backends/cuda/product.h"

namespace vitro::cuda {
namespace {

LocalMixerArgs args_of(const OpContext& op) {
  LocalMixerArgs args;
  args.element = element_of(op);
  args.pos_weight = take_floats(op, 1);
  args.pos_bias = take_floats(op, 2);
  args.conv1_weight = take_elements(op, 3);
  args.conv1_bias = take_floats(op, 4);
  args.spatial_weight = take_floats(op, 5);
  args.conv2_weight = take_elements(op, 6);
  args.conv2_bias = take_floats(op, 7);
  args.n = extent(op.input(0), 0), args.h = extent(op.input(0), 1);
  args.w = extent(op.input(0), 2), args.c = extent(op.input(0), 3);
  return args;
}

std::optional<Refusal> can_fuse(const OpContext& op) {
  if (auto refusal = needs_weights(op)) return refusal;
  const auto is_square = [&](size_t i, int64_t size) {
    return op.input(i).dims[0] == size && op.input(i).dims[1] == size;
  };
  if (!is_square(1, 3) || !is_square(5, 5))
    return Refusal{"the fused local_mixer is for windows of 3x3 and 5x5"};
  const std::string refusal = local_mixer_refusal(args_of(op));
  if (!refusal.empty()) return Refusal{refusal};
  return std::nullopt;
}

std::string key_of(const LocalMixerArgs& a) {
  return fmt::format("cuda:local_mixer({} {}x{}x{}x{})", name_of(a.element, false), a.n, a.h, a.w,
                     a.c);
}

std::vector<std::pair<std::string, LocalMixerTile>> ranked(const LocalMixerArgs& args) {
  const LocalMixerTile usual = local_mixer_tile(args);
  std::vector<std::pair<std::string, LocalMixerTile>> tiles{{"small", LocalMixerTile::Small},
                                                            {"medium", LocalMixerTile::Medium},
                                                            {"large", LocalMixerTile::Large}};
  std::stable_partition(tiles.begin(), tiles.end(),
                        [&](const auto& tile) { return tile.second == usual; });
  std::erase_if(tiles, [&](const auto& tile) { return !local_mixer_fits(args, tile.second); });
  return tiles;
}

/// The depthwise convolution of operand 0 with the weight and bias (-1: none) at these operands.
DepthwiseConv2dArgs depthwise_args(const OpContext& op, size_t weight, int bias) {
  const TensorType& x = op.input(0);
  DepthwiseConv2dArgs args;
  args.element = element_of(op);
  args.weight = take_floats(op, weight);
  if (bias >= 0) args.bias = take_floats(op, static_cast<size_t>(bias));
  args.n = extent(x, 0), args.h = args.oh = extent(x, 1), args.w = args.ow = extent(x, 2);
  args.c = extent(x, 3);
  args.kh = extent(op.input(weight), 0), args.kw = extent(op.input(weight), 1);
  args.pad_top = args.kh / 2, args.pad_left = args.kw / 2;
  return args;
}

/// One launch for each of the four convolutions.
class LocalMixerLaunches final : public Kernel {
 public:
  enum Phase { kPosEmbed, kConv1, kAttn, kConv2 };
  explicit LocalMixerLaunches(const OpContext& op)
      : pos_embed_(depthwise_args(op, 1, 2)),
        attn_(depthwise_args(op, 5, -1)),
        conv1_(op, product_args(op, 3, 4, num_rows(op.input(0)))),
        conv2_(op, product_args(op, 6, 7, num_rows(op.input(0)))) {}
  size_t scratch_bytes() const override {
    return aligned_bytes(conv1_.result_bytes()) + conv1_.result_bytes();
  }
  std::vector<Section> sections() const override {
    return {{"pos_embed", flops(pos_embed_), {0, 1, 2}},
            {"conv1", conv1_.flops(), {3, 4}, true},
            {"attn", flops(attn_), {5}},
            {"conv2", conv2_.flops(), {6, 7}, true}};
  }
  std::vector<TunableOp> tunables() const override { return {conv1_.tunable(), conv2_.tunable()}; }
  std::string choices() const override {
    return fmt::format("conv1 {}, conv2 {}", conv1_.tile_name(), conv2_.tile_name());
  }
  void run(const KernelArgs& args) const override {
    const Launch launch = launch_of(args);
    std::byte* const z = args.scratch;
    std::byte* const mixed = args.scratch + aligned_bytes(conv1_.result_bytes());
    lane_of(args).begin_section(kPosEmbed);
    convolve(pos_embed_, args.inputs[0], z, launch);
    lane_of(args).begin_section(kConv1);
    conv1_.run(z, nullptr, args.outputs[0], launch);  // where the result will be
    lane_of(args).begin_section(kAttn);
    convolve(attn_, args.outputs[0], mixed, launch);
    lane_of(args).begin_section(kConv2);
    conv2_.run(mixed, z, args.outputs[0], launch);
  }

 private:
  static double flops(const DepthwiseConv2dArgs& a) {
    return 2.0 * a.n * a.oh * a.ow * a.c * a.kh * a.kw;
  }
  static void convolve(DepthwiseConv2dArgs args, const void* x, void* y, const Launch& launch) {
    args.x = x, args.y = y;
    depthwise_conv2d(args, launch);
  }

  DepthwiseConv2dArgs pos_embed_, attn_;
  Product conv1_, conv2_;
};

}  // namespace

LocalMixerFused::LocalMixerFused(const OpContext& op)
    : args_(args_of(op)), tile_(choose(key_of(args_), ranked(args_), op.tactics)) {}

void LocalMixerFused::run(const KernelArgs& args) const {
  LocalMixerArgs mixer_args = args_;
  mixer_args.x = args.inputs[0];
  mixer_args.y = args.outputs[0];
  local_mixer(mixer_args, tile_.value, launch_of(args));
}

const Impl kLocalMixerFused{"cuda:local_mixer_fused", can_fuse, make_kernel<LocalMixerFused>};
const Impl kLocalMixerLaunches{"cuda:local_mixer_launches", needs_weights,
                               make_kernel<LocalMixerLaunches>};

}  // namespace vitro::cuda
