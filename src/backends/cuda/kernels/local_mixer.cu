#include "backends/cuda/kernels/local_mixer.h"

#include <algorithm>

#include "backends/cuda/kernels/local_mixer_memory.cuh"

namespace vitro::cuda {
namespace {

using namespace mixer;

/// A CTA takes tiles of all images in turn; their weights stay in its shared memory.
template <typename Tile, typename T>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kCtasPerSm)
    local_mixer_kernel(LocalMixerArgs args) {
  extern __shared__ __align__(16) char shared[];
  char* const floats = shared + Tile::kMapBytes;
  const MixerMemory<Tile, T> memory(shared, floats);
  T* const conv1 = reinterpret_cast<T*>(floats + Tile::kFloatBytes);
  T* const conv2 = conv1 + Tile::kMatrix;
  memory.load_taps(args);
  memory.load_biases(args);
  load_matrix<Tile>(conv1, args.conv1_weight);
  load_matrix<Tile>(conv2, args.conv2_weight);
  const TileGrid<Tile> grid(args);
  TilePlace place = grid.place(blockIdx.x);
  wait_for_previous();
  allow_next();

  memory.load_x(args, place);
  cp_async_commit();
  for (int tile = blockIdx.x; tile < grid.tiles; tile += gridDim.x) {
    const TilePlace current = place;
    cp_async_wait<0>();
    __syncthreads();
    memory.make_z(memory.pos_taps());
    __syncthreads();
    memory.conv1(args, current, PaddedMatrix<T, Tile::kStride>{conv1});
    __syncthreads();
    memory.mix(memory.spatial_taps());
    __syncthreads();
    memory.conv2(PaddedMatrix<T, Tile::kStride>{conv2});
    __syncthreads();
    if (tile + gridDim.x < grid.tiles) {
      place = grid.place(tile + gridDim.x);
      memory.load_x(args, place);
      cp_async_commit();
    }
    store_y<Tile>(static_cast<T*>(args.y) + current.image, memory.z, current.y, current.x, args.h,
                  args.w);
  }
}

// The extents of 56 x 56 and 28 x 28 maps are multiples of all tiles'.
//                         c, tile, warps, z unit, mix unit, pieces of conv1 and conv2
using Small64 = MixerTile<64, 4, 8, 8, 2, 6, 1, 4, 1, 4, 1, 4>;
using Large64 = MixerTile<64, 8, 14, 8, 3, 9, 2, 7, 2, 8, 1, 8>;
using Small128 = MixerTile<128, 4, 4, 16, 1, 8, 1, 2, 1, 4, 1, 2>;
using Medium128 = MixerTile<128, 4, 14, 16, 2, 9, 1, 7, 3, 4, 1, 4>;
using Large128 = MixerTile<128, 14, 7, 16, 3, 11, 2, 7, 2, 8, 1, 8>;

/// Of the current device.
int attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  check_cuda(cudaGetDevice(&device), "local_mixer");
  check_cuda(cudaDeviceGetAttribute(&value, which, device), "local_mixer");
  return value;
}

template <typename Tile>
int64_t tile_count(const LocalMixerArgs& args) {
  return static_cast<int64_t>((args.h + Tile::kOutH - 1) / Tile::kOutH) *
         ((args.w + Tile::kOutW - 1) / Tile::kOutW) * args.n;
}

template <typename Tile>
int64_t resident_tiles() {
  return attribute(cudaDevAttrMultiProcessorCount) * Tile::kCtasPerSm;
}

template <typename Tile>
bool fits() {
  return Tile::kSharedBytes <= attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
}

template <typename Tile>
void launch_tile(const LocalMixerArgs& args, const Launch& launch) {
  const dim3 grid(static_cast<unsigned>(std::min(tile_count<Tile>(args), resident_tiles<Tile>())));
  const auto run = [&](auto kernel) {
    launch_kernel("local_mixer", kernel, grid, dim3(Tile::kThreads), Tile::kSharedBytes, launch,
                  args);
  };
  if (args.element == Element::Float16) return run(local_mixer_kernel<Tile, __half>);
  run(local_mixer_kernel<Tile, __nv_bfloat16>);
}

}  // namespace

LocalMixerTile local_mixer_tile(const LocalMixerArgs& args) {
  if (args.c == 64)
    return tile_count<Small64>(args) <= resident_tiles<Small64>() ? LocalMixerTile::Small
                                                                  : LocalMixerTile::Large;
  if (tile_count<Small128>(args) <= resident_tiles<Small128>() || !fits<Medium128>())
    return LocalMixerTile::Small;
  const bool medium =
      tile_count<Medium128>(args) <= resident_tiles<Medium128>() || !fits<Large128>();
  return medium ? LocalMixerTile::Medium : LocalMixerTile::Large;
}

bool local_mixer_fits(const LocalMixerArgs& args, LocalMixerTile tile) {
  if (args.c == 64) return tile != LocalMixerTile::Medium;
  if (tile == LocalMixerTile::Small) return true;
  return tile == LocalMixerTile::Medium ? fits<Medium128>() : fits<Large128>();
}

std::string local_mixer_refusal(const LocalMixerArgs& args) {
  if (args.element == Element::Float32)
    return "the fused local_mixer stores float16 or bfloat16, not float32";
  if (args.c != 64 && args.c != 128)
    return "the fused local_mixer has widths 64 and 128, not " + std::to_string(args.c);
  for (const void* pointer :
       {args.x, static_cast<const void*>(args.y), args.conv1_weight, args.conv2_weight,
        static_cast<const void*>(args.pos_weight), static_cast<const void*>(args.spatial_weight)})
    if (!aligned_16(pointer)) return "the fused local_mixer needs 16-byte aligned tensors";
  return "";
}

void local_mixer(const LocalMixerArgs& args, LocalMixerTile tile, const Launch& launch) {
  const std::string refusal = local_mixer_refusal(args);
  if (!refusal.empty()) throw std::invalid_argument("local_mixer: " + refusal);
  if (args.n == 0 || args.h == 0 || args.w == 0) return;
  const bool small = tile == LocalMixerTile::Small;
  if (args.c == 64)
    return small ? launch_tile<Small64>(args, launch) : launch_tile<Large64>(args, launch);
  if (small) return launch_tile<Small128>(args, launch);
  tile == LocalMixerTile::Medium ? launch_tile<Medium128>(args, launch)
                                 : launch_tile<Large128>(args, launch);
}

}  // namespace vitro::cuda
