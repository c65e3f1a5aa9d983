#include "backends/cuda/kernels/local_mixer.h"

#include <algorithm>

#include "backends/cuda/kernels/local_mixer_tile.cuh"

namespace vitro::cuda {
namespace {

using namespace mixer;

struct TilePlace {
  int64_t image;  // the first element of its image
  int y, x;
};

/// A CTA takes tiles of all images in turn; their weights stay in its shared memory.
template <typename Tile, typename T>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kCtasPerSm)
    local_mixer_kernel(LocalMixerArgs args) {
  constexpr int C = Tile::C, kStride = Tile::kStride;
  const int lane = threadIdx.x % 32;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  T* first = reinterpret_cast<T*>(shared_bytes);
  T* z = first + Tile::kFirst;
  T* conv1 = z + Tile::kZ;
  T* conv2 = conv1 + Tile::kMatrix;
  float* pos_weight = reinterpret_cast<float*>(conv2 + Tile::kMatrix);
  float* spatial_weight = pos_weight + 9 * C;
  float* pos_bias = spatial_weight + 25 * C;
  float* conv1_bias = pos_bias + C;
  float* conv2_bias = conv1_bias + C;

  load_floats<Tile, 9 * C>(pos_weight, args.pos_weight);
  load_floats<Tile, 25 * C>(spatial_weight, args.spatial_weight);
  load_floats<Tile, C>(pos_bias, args.pos_bias);
  load_floats<Tile, C>(conv1_bias, args.conv1_bias);
  load_floats<Tile, C>(conv2_bias, args.conv2_bias);
  load_matrix<Tile>(conv1, args.conv1_weight);
  load_matrix<Tile>(conv2, args.conv2_weight);
  const int tiles_x = (args.w + Tile::kOutW - 1) / Tile::kOutW;
  const int image_tiles = (args.h + Tile::kOutH - 1) / Tile::kOutH * tiles_x;
  const int tiles = image_tiles * args.n;
  const auto place_of = [&](int tile) {
    const int image = tile / image_tiles, row = tile % image_tiles / tiles_x;
    return TilePlace{static_cast<int64_t>(image) * args.h * args.w * C, row * Tile::kOutH,
                     (tile % image_tiles - row * tiles_x) * Tile::kOutW};
  };
  const auto load_tile = [&](const TilePlace& place) {
    load_x<Tile>(first, static_cast<const T*>(args.x) + place.image, place.y, place.x, args.h,
                 args.w);
    cp_async_commit();
  };
  TilePlace place = place_of(blockIdx.x);
  wait_for_previous();
  allow_next();

  load_tile(place);
  for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const int y0 = place.y, x0 = place.x;
    T* y = static_cast<T*>(args.y) + place.image;
    cp_async_wait<0>();
    __syncthreads();
    make_z<Tile>(z, first, pos_weight, pos_bias);
    __syncthreads();
    product<Tile, T, Tile::kZRows, Tile::kM1, Tile::kN1>(
        z, conv1, conv1_bias, [&](int row, int column, const float2(&sums)[4]) {
          uint32_t words[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            // The padding of the 5x5 convolution is zero, not what conv1 makes of nothing.
            const int pixel = row + lane / 4 + i % 2 * 8;
            const int map_y = y0 - 2 + pixel / Tile::kZW, map_x = x0 - 2 + pixel % Tile::kZW;
            const bool inside = map_y >= 0 && map_y < args.h && map_x >= 0 && map_x < args.w;
            words[i] = inside ? pack_2<T>(sums[i].x, sums[i].y) : 0;
          }
          store_16x16<T>([&](int i) { return first + (row + i) * kStride; }, column, words);
        });
    __syncthreads();
    mix<Tile>(first, spatial_weight);
    __syncthreads();
    product<Tile, T, Tile::kOutRows, Tile::kM2, Tile::kN2>(
        first, conv2, conv2_bias, [&](int row, int column, const float2(&sums)[4]) {
          const auto row_at = [&](int i) {
            const int pixel = row + i;
            const int place = (pixel / Tile::kOutW + 2) * Tile::kZW + pixel % Tile::kOutW + 2;
            // Rows without a pixel go where nobody looks.
            return z + (pixel < Tile::kOutPixels ? place : Tile::kZRows) * kStride;
          };
          uint32_t words[4];
          load_16x16<T>(words, row_at, column);
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float2 residual = unpack_2<T>(words[i]);
            words[i] = pack_2<T>(residual.x + sums[i].x, residual.y + sums[i].y);
          }
          store_16x16<T>(row_at, column, words);
        });
    __syncthreads();
    if (tile + gridDim.x < tiles) {
      place = place_of(tile + gridDim.x);
      load_tile(place);
    }
    store_y<Tile>(y, z, y0, x0, args.h, args.w);
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
