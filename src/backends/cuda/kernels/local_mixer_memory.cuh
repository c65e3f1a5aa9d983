#pragma once

#include "backends/cuda/kernels/local_mixer.h"
#include "backends/cuda/kernels/local_mixer_product.cuh"
#include "backends/cuda/kernels/local_mixer_tile.cuh"

// The tiles of a local mixer and its steps on one of them.
namespace vitro::cuda::mixer {

struct TilePlace {
  int64_t image;  // the first element of its image
  int y, x;
};

/// The tiles of all images.
template <typename Tile>
struct TileGrid {
  int columns, image_tiles, tiles;
  int64_t image_size;

  __device__ __forceinline__ explicit TileGrid(const LocalMixerArgs& args)
      : columns((args.w + Tile::kOutW - 1) / Tile::kOutW),
        image_tiles((args.h + Tile::kOutH - 1) / Tile::kOutH * columns),
        tiles(image_tiles * args.n),
        image_size(static_cast<int64_t>(args.h) * args.w * Tile::C) {}
  __device__ __forceinline__ TilePlace place(int tile) const {
    const int image = tile / image_tiles, row = tile % image_tiles / columns;
    return {image * image_size, row * Tile::kOutH,
            (tile % image_tiles - row * columns) * Tile::kOutW};
  }
};

/// A tile's maps in shared memory, kMapBytes, beside the floats of all tiles, kFloatBytes, and the
/// four steps from x to the result, with a barrier before and behind each.
template <typename Tile, typename T>
struct MixerMemory {
  static constexpr int C = Tile::C, kStride = Tile::kStride;
  T *x, *map, *z;  // x and the map that conv1 makes lie in one place, unless one is moved
  float *pos_weight, *spatial_weight, *pos_bias, *conv1_bias, *conv2_bias;

  __device__ __forceinline__ MixerMemory(char* maps, char* floats)
      : x(reinterpret_cast<T*>(maps)),
        map(x),
        z(x + Tile::kFirst),
        pos_weight(reinterpret_cast<float*>(floats)),
        spatial_weight(pos_weight + 9 * C),
        pos_bias(spatial_weight + 25 * C),
        conv1_bias(pos_bias + C),
        conv2_bias(conv1_bias + C) {}

  __device__ __forceinline__ void load_taps(const LocalMixerArgs& args) const {
    load_floats<Tile, 9 * C>(pos_weight, args.pos_weight);
    load_floats<Tile, 25 * C>(spatial_weight, args.spatial_weight);
    load_floats<Tile, C>(pos_bias, args.pos_bias);
  }
  __device__ __forceinline__ void load_biases(const LocalMixerArgs& args) const {
    load_floats<Tile, C>(conv1_bias, args.conv1_bias);
    load_floats<Tile, C>(conv2_bias, args.conv2_bias);
  }
  __device__ __forceinline__ void load_x(const LocalMixerArgs& args, const TilePlace& place) const {
    mixer::load_x<Tile>(x, static_cast<const T*>(args.x) + place.image, place.y, place.x, args.h,
                        args.w);
  }
  /// Where z and later the result of an output pixel begins.
  __device__ __forceinline__ T* out_row(int pixel) const {
    const int place = (pixel / Tile::kOutW + 2) * Tile::kZW + pixel % Tile::kOutW + 2;
    // Rows without a pixel go where nobody looks.
    return z + (pixel < Tile::kOutPixels ? place : Tile::kZRows) * kStride;
  }

  __device__ __forceinline__ Taps<Tile, 3> pos_taps() const { return {pos_weight, pos_bias}; }
  __device__ __forceinline__ Taps<Tile, 5> spatial_taps() const {
    return {spatial_weight, nullptr};
  }
  __device__ __forceinline__ void make_z(const Taps<Tile, 3>& taps) const {
    mixer::make_z<Tile>(z, x, taps);
  }
  /// weight(n, k): where eight elements from k on of a row lie.
  template <typename Weight>
  __device__ __forceinline__ void conv1(const LocalMixerArgs& args, const TilePlace& place,
                                        const Weight& weight) const {
    const int lane = threadIdx.x % 32;
    product<Tile, T, Tile::kZRows, Tile::kM1, Tile::kN1>(
        z, weight, conv1_bias, [&](int row, int column, const float2(&sums)[4]) {
          uint32_t words[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            // The padding of the 5x5 convolution is zero, not what conv1 makes of nothing.
            const int pixel = row + lane / 4 + i % 2 * 8;
            const int map_y = place.y - 2 + pixel / Tile::kZW,
                      map_x = place.x - 2 + pixel % Tile::kZW;
            const bool inside = map_y >= 0 && map_y < args.h && map_x >= 0 && map_x < args.w;
            words[i] = inside ? pack_2<T>(sums[i].x, sums[i].y) : 0;
          }
          store_16x16<T>([&](int i) { return map + (row + i) * kStride; }, column, words);
        });
  }
  __device__ __forceinline__ void mix(const Taps<Tile, 5>& taps) const {
    mixer::mix<Tile>(map, taps);
  }
  /// The result takes z's place.
  template <typename Weight>
  __device__ __forceinline__ void conv2(const Weight& weight) const {
    product<Tile, T, Tile::kOutRows, Tile::kM2, Tile::kN2>(
        map, weight, conv2_bias, [&](int row, int column, const float2(&sums)[4]) {
          const auto row_at = [&](int i) { return out_row(row + i); };
          uint32_t words[4];
          load_16x16<T>(words, row_at, column);
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float2 residual = unpack_2<T>(words[i]);
            words[i] = pack_2<T>(residual.x + sums[i].x, residual.y + sums[i].y);
          }
          store_16x16<T>(row_at, column, words);
        });
  }
};

}  // namespace vitro::cuda::mixer
