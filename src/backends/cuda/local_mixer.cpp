#include "backends/cuda/kernels/local_mixer.h"

#include <fmt/core.h>

#include <algorithm>

#include "backends/cuda/choice.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

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

/// One launch; tiles of the image go through all four convolutions on their multiprocessor.
class LocalMixerFused final : public Kernel {
 public:
  explicit LocalMixerFused(const OpContext& op)
      : args_(args_of(op)), tile_(choose(key(), ranked(), op.tactics)) {}
  std::vector<TunableOp> tunables() const override { return {tile_.op}; }
  void run(const KernelArgs& args) const override {
    LocalMixerArgs mixer_args = args_;
    mixer_args.x = args.inputs[0];
    mixer_args.y = args.outputs[0];
    local_mixer(mixer_args, tile_.value, launch_of(args));
  }

 private:
  std::string key() const {
    return fmt::format("cuda:local_mixer({} {}x{}x{}x{})", name_of(args_.element, false), args_.n,
                       args_.h, args_.w, args_.c);
  }
  std::vector<std::pair<std::string, LocalMixerTile>> ranked() const {
    const LocalMixerTile usual = local_mixer_tile(args_);
    std::vector<std::pair<std::string, LocalMixerTile>> tiles{{"small", LocalMixerTile::Small},
                                                              {"medium", LocalMixerTile::Medium},
                                                              {"large", LocalMixerTile::Large}};
    std::stable_partition(tiles.begin(), tiles.end(),
                          [&](const auto& tile) { return tile.second == usual; });
    std::erase_if(tiles, [&](const auto& tile) { return !local_mixer_fits(args_, tile.second); });
    return tiles;
  }

  LocalMixerArgs args_;
  Choice<LocalMixerTile> tile_;
};

}  // namespace

const Impl kLocalMixerFused{"cuda:local_mixer_fused", can_fuse, make_kernel<LocalMixerFused>};

}  // namespace vitro::cuda
