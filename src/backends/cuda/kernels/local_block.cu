#include "backends/cuda/kernels/local_block.h"

#include <algorithm>

#include "backends/cuda/kernels/local_block_tile.cuh"
#include "backends/cuda/kernels/tensor_map.h"

namespace vitro::cuda {
namespace {

using namespace block;

template <class Tile, typename T>
__global__ void __launch_bounds__(Tile::Mixer::kThreads, 1)
    local_block_kernel(const __grid_constant__ BlockParams p) {
  using Mixer = typename Tile::Mixer;
  using Memory = BlockMemory<Tile, T>;
  extern __shared__ __align__(1024) char shared[];
  const Memory memory(shared);
  const auto& mix = memory.mixer;
  if (threadIdx.x == 0) memory.start_weights(p);
  mix.load_biases(p.mixer);
  mixer::load_floats<Mixer, 4 * Tile::C>(memory.fc1_bias, p.mlp.fc1_bias);
  mixer::load_floats<Mixer, Tile::C>(memory.fc2_bias, p.mlp.fc2_bias);
  const mixer::Taps<Mixer, 3> pos(p.mixer.pos_weight, p.mixer.pos_bias);
  const mixer::Taps<Mixer, 5> spatial(p.mixer.spatial_weight, nullptr);
  const mixer::TileGrid<Mixer> grid(p.mixer);
  mixer::TilePlace place = grid.place(blockIdx.x);
  wait_for_previous();
  allow_next();

  mix.load_x(p.mixer, place);
  cp_async_commit();
  for (int tile = blockIdx.x; tile < grid.tiles; tile += gridDim.x) {
    cp_async_wait<0>();
    __syncthreads();
    mix.make_z(pos);
    __syncthreads();
    const mixer::TilePlace current = place;
    if (Tile::kResident && tile + gridDim.x < grid.tiles) {
      place = grid.place(tile + gridDim.x);
      mix.load_x(p.mixer, place);
      cp_async_commit();
    }
    mix.conv1(p.mixer, current, memory.use(0));
    __syncthreads();
    memory.replace(p, 0);
    mix.mix(spatial);
    __syncthreads();
    mix.conv2(memory.use(1));
    __syncthreads();
    memory.replace(p, 1);
    typename Memory::Rows rows;
    memory.keep_rows(rows);
    typename Memory::Sums sums = {};
#pragma unroll 1
    for (int turn = 0; turn < Tile::kTurns; ++turn) {
      memory.make_hidden(rows, turn);
      __syncthreads();
      memory.replace(p, memory.fc1_of(turn), Tile::kJoin);
      memory.add_hidden(sums, turn);
      if (turn + 1 == Tile::kTurns) break;
      __syncthreads();
      memory.replace(p, memory.fc2_of(turn), Tile::kJoin);
    }
    memory.leave_sums(sums);
    __syncthreads();
    memory.store_y(static_cast<T*>(p.mlp.y) + current.image, current, p.mixer.h, p.mixer.w);
    if (!Tile::kResident) break;
  }
}

// The extents of 56 x 56 and 28 x 28 maps are multiples of these tiles'.
using Block64 =
    BlockTile<mixer::MixerTile<64, 4, 8, 8, 2, 6, 1, 4, 3, 2, 1, 2>, kMatrices, 4, 2, 4, 2, 2, 2>;
using Small128 =
    BlockTile<mixer::MixerTile<128, 4, 4, 8, 2, 8, 1, 4, 1, 8, 1, 2>, 5, 2, 1, 4, 1, 8, 4>;
using Medium128 =
    BlockTile<mixer::MixerTile<128, 4, 14, 8, 2, 9, 1, 14, 3, 4, 1, 8>, 3, 1, 1, 8, 1, 8, 1>;

template <class Tile>
int64_t tile_count(const LocalMixerArgs& args) {
  return static_cast<int64_t>((args.h + Tile::Mixer::kOutH - 1) / Tile::Mixer::kOutH) *
         ((args.w + Tile::Mixer::kOutW - 1) / Tile::Mixer::kOutW) * args.n;
}

/// [c rows, columns] as [slab][row][64], whose boxes are matrices of c x c.
CUtensorMap matrices_of(Element element, const void* data, int c, int rows, int columns) {
  const auto extent = [](int value) { return static_cast<uint64_t>(value); };
  return tensor_map<3>(map_type(element), data,
                       {{64, extent(rows), extent(columns / 64)},
                        {extent(columns), 64},
                        {64, static_cast<uint32_t>(c), static_cast<uint32_t>(c / 64)}});
}

template <class Tile>
void launch_tile(const LocalBlockArgs& args, const Launch& launch) {
  constexpr int c = Tile::C;
  const Element element = args.mixer.element;
  const BlockParams params{args.mixer,
                           args.mlp,
                           matrices_of(element, args.mixer.conv1_weight, c, c, c),
                           matrices_of(element, args.mixer.conv2_weight, c, c, c),
                           matrices_of(element, args.mlp.fc1_weight, c, 4 * c, c),
                           matrices_of(element, args.mlp.fc2_weight, c, c, 4 * c)};
  const int64_t tiles = tile_count<Tile>(args.mixer);
  const int64_t ctas = Tile::kResident ? std::min<int64_t>(tiles, multiprocessors()) : tiles;
  const auto run = [&](auto kernel) {
    launch_kernel("local_block", kernel, dim3(static_cast<unsigned>(ctas)),
                  dim3(Tile::Mixer::kThreads), Tile::kSharedBytes, launch, params);
  };
  if (element == Element::Float16) return run(local_block_kernel<Tile, __half>);
  run(local_block_kernel<Tile, __nv_bfloat16>);
}

}  // namespace

std::string local_block_refusal(const LocalBlockArgs& args, int capability) {
  std::string refusal = local_mixer_refusal(args.mixer);
  if (!refusal.empty()) return refusal;
  const MlpArgs& mlp = args.mlp;
  if (mlp.element != args.mixer.element || mlp.c != args.mixer.c)
    return "local_block: the mlp has another type or width than the mixer";
  if (mlp.hidden != 4 * mlp.c)
    return "local_block has 4 hidden values for each channel: " + std::to_string(4 * mlp.c) +
           ", not " + std::to_string(mlp.hidden);
  if (mlp.layer_norm) return "local_block does not normalise rows";
  if (capability != 90) return "local_block asks for sm_90";
  for (const void* pointer :
       {mlp.fc1_weight, mlp.fc2_weight, static_cast<const void*>(mlp.y),
        static_cast<const void*>(mlp.fc1_bias), static_cast<const void*>(mlp.fc2_bias)})
    if (!aligned_16(pointer)) return "local_block needs 16-byte aligned tensors";
  return "";
}

bool prefers_local_block(const LocalBlockArgs& args, int num_sms, int capability) {
  if (!local_block_refusal(args, capability).empty()) return false;
  const bool narrow = args.mixer.c == 64;
  const int64_t tiles =
      narrow ? tile_count<Block64>(args.mixer) : tile_count<Medium128>(args.mixer);
  // A round of tiles takes its time however full it is, and larger batches have larger tiles where
  // the mixer and the mlp are apart. Measured on 132 multiprocessors.
  const int64_t rounds = (tiles + num_sms - 1) / num_sms, in_last = tiles - (rounds - 1) * num_sms;
  return rounds <= (narrow ? 3 : 2) && (rounds == 1 || 5 * in_last >= 2 * num_sms);
}

LocalBlockTile local_block_tile(const LocalBlockArgs& args) {
  const bool small = args.mixer.c == 64 || tile_count<Small128>(args.mixer) <= multiprocessors();
  return small ? LocalBlockTile::Small : LocalBlockTile::Medium;
}

void local_block(const LocalBlockArgs& args, LocalBlockTile tile, const Launch& launch) {
  const std::string refusal = local_block_refusal(args, compute_capability());
  if (!refusal.empty()) throw std::invalid_argument(refusal);
  if (args.mixer.n == 0 || args.mixer.h == 0 || args.mixer.w == 0) return;
  if (args.mixer.c == 64) return launch_tile<Block64>(args, launch);
  tile == LocalBlockTile::Small ? launch_tile<Small128>(args, launch)
                                : launch_tile<Medium128>(args, launch);
}

}  // namespace vitro::cuda
