#pragma once

#include <algorithm>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

// What a CTA of local_mixer or local_block does with one tile in shared memory, phase by phase.
namespace vitro::cuda::mixer {

constexpr int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// What a CTA holds and how its warps share the work. kR and kP of a depthwise convolution: a unit
/// of a warp is kR rows of kP pixels for 64 channels, two a lane; they divide the region exactly.
/// kM m16 tiles by kN n8 tiles are one warp's piece of a product.
template <int C_, int kHeight, int kWidth, int kWarps_, int kZR_, int kZP_, int kOutR_, int kOutP_,
          int kM1_, int kN1_, int kM2_, int kN2_>
struct MixerTile {
  static constexpr int C = C_, kOutH = kHeight, kOutW = kWidth, kWarps = kWarps_;
  static constexpr int kZR = kZR_, kZP = kZP_, kOutR = kOutR_, kOutP = kOutP_;
  static constexpr int kM1 = kM1_, kN1 = kN1_, kM2 = kM2_, kN2 = kN2_;
  static constexpr int kThreads = kWarps * 32;
  static constexpr int kXH = kOutH + 6, kXW = kOutW + 6, kZH = kOutH + 4, kZW = kOutW + 4;
  static constexpr int kZPixels = kZH * kZW, kOutPixels = kOutH * kOutW;
  static constexpr int kZRows = round_up(kZPixels, 16 * kM1),
                       kOutRows = round_up(kOutPixels, 16 * kM2);
  static constexpr int kStride =
      C + 8;  // odd in units of 16 bytes: rows of an ldmatrix in different banks
  // In elements of 16 bits. x, then conv1's result, then the 5x5 convolution's lie in one place.
  static constexpr int kFirst = std::max({kXH * kXW * C, kZRows* kStride, kOutRows* kStride});
  // z has one row more than it needs, for rows of a product without a pixel.
  static constexpr int kZ = (kZRows + 1) * kStride, kMatrix = C * kStride;
  static constexpr int kFloats = (9 + 25 + 3) * C;
  static constexpr int kMapBytes = 2 * (kFirst + kZ), kFloatBytes = 4 * kFloats;
  static constexpr int kSharedBytes = kMapBytes + kFloatBytes + 2 * 2 * kMatrix;
  static constexpr int kCtasPerSm = std::min(kSharedBytes <= 113 * 1024 ? 2 : 1, 1024 / kThreads);
  static_assert(C % 64 == 0 && kSharedBytes <= 227 * 1024);
};

template <typename Tile, typename T>
__device__ __forceinline__ void load_matrix(T* shared, const void* weight) {
  constexpr int kChunks = Tile::C / 8, kStep = Tile::kThreads / kChunks;
  const int row = threadIdx.x / kChunks, column = threadIdx.x % kChunks * 8;
  const T* src = static_cast<const T*>(weight) + threadIdx.x * 8;
#pragma unroll
  for (int i = 0; i < Tile::C; i += kStep)
    cp_async_16(shared + (row + i) * Tile::kStride + column, src + i * Tile::C);
}

template <typename Tile, int kCount>
__device__ __forceinline__ void load_floats(float* shared, const float* values) {
#pragma unroll
  for (int i = 0; i < kCount; i += Tile::kThreads * 4) {
    const int j = i + threadIdx.x * 4;
    if (j < kCount) cp_async_16(shared + j, values + j);
  }
}

/// x and a border of 3 pixels, zeros outside the image. A row of it lies in one piece.
template <typename Tile, typename T>
__device__ __forceinline__ void load_x(T* shared, const T* x, int y0, int x0, int h, int w) {
  constexpr int kChunks = Tile::C / 8, kRowChunks = Tile::kXW * kChunks;
  const int lane = threadIdx.x % 32;
  for (int row = threadIdx.x / 32; row < Tile::kXH; row += Tile::kWarps) {
    const bool row_inside = y0 - 3 + row >= 0 && y0 - 3 + row < h;
    const T* src = x + (static_cast<int64_t>(y0 - 3 + row) * w + x0 - 3) * Tile::C + lane * 8;
    T* dst = shared + row * Tile::kXW * Tile::C + lane * 8;
#pragma unroll
    for (int i = 0; i < kRowChunks; i += 32) {
      const int column = x0 - 3 + (i + lane) / kChunks;
      if (i + 32 <= kRowChunks || i + lane < kRowChunks)
        cp_async_16(dst + i * 8, src + i * 8, row_inside && column >= 0 && column < w);
    }
  }
}

template <typename Tile, typename T>
__device__ __forceinline__ void store_y(T* y, const T* z, int y0, int x0, int h, int w) {
  constexpr int kChunks = Tile::C / 8, kRowChunks = Tile::kOutW * kChunks;
  const int lane = threadIdx.x % 32;
  for (int row = threadIdx.x / 32; row < Tile::kOutH && y0 + row < h; row += Tile::kWarps) {
    T* dst = y + (static_cast<int64_t>(y0 + row) * w + x0) * Tile::C;
    const T* src = z + ((row + 2) * Tile::kZW + 2) * Tile::kStride;
#pragma unroll
    for (int i = 0; i < kRowChunks; i += 32) {
      const int pixel = (i + lane) / kChunks, channel = (i + lane) % kChunks * 8;
      if (i + lane < kRowChunks && x0 + pixel < w)
        *reinterpret_cast<uint4*>(dst + pixel * Tile::C + channel) =
            *reinterpret_cast<const uint4*>(src + pixel * Tile::kStride + channel);
    }
  }
}

/// A warp's sums of one unit of a depthwise K x K convolution of a map of kWidth outputs a row.
/// Each pixel of src, which starts (K - 1) / 2 before the unit, is read once.
template <typename T, int K, int R, int P>
struct DepthwiseUnit {
  float2 sums[R][P];

  __device__ __forceinline__ void run(const T* src, int src_width, int src_stride,
                                      const float2 (&w)[K * K], float2 bias) {
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int p = 0; p < P; ++p) sums[r][p] = bias;
#pragma unroll
    for (int row = 0; row < R + K - 1; ++row)
#pragma unroll
      for (int column = 0; column < P + K - 1; ++column) {
        const float2 v = unpack_2<T>(
            *reinterpret_cast<const uint32_t*>(src + (row * src_width + column) * src_stride));
#pragma unroll
        for (int r = 0; r < R; ++r) {
          if (row - r < 0 || row - r >= K) continue;
#pragma unroll
          for (int b = 0; b < K; ++b) {
            if (column - b < 0 || column - b >= P) continue;
            const float2 tap = w[(row - r) * K + b];
            float2& sum = sums[r][column - b];
            sum.x = fmaf(tap.x, v.x, sum.x);
            sum.y = fmaf(tap.y, v.y, sum.y);
          }
        }
      }
  }
  __device__ __forceinline__ void store(T* dst, int width, int stride) const {
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int p = 0; p < P; ++p)
        *reinterpret_cast<uint32_t*>(dst + (r * width + p) * stride) =
            pack_2<T>(sums[r][p].x, sums[r][p].y);
  }
};

/// The two channels of a thread of a depthwise K x K convolution; `weight` and `bias`, which may be
/// null, are in shared or global memory.
template <typename Tile, int K>
struct Taps {
  static constexpr int kSlices = Tile::C / 64;
  float2 w[K * K], bias{0, 0};

  __device__ __forceinline__ static int channel() {
    return threadIdx.x / 32 % kSlices * 64 + threadIdx.x % 32 * 2;
  }
  __device__ __forceinline__ Taps(const float* weight, const float* start) {
#pragma unroll
    for (int i = 0; i < K * K; ++i)
      w[i] = *reinterpret_cast<const float2*>(weight + i * Tile::C + channel());
    if (start != nullptr) bias = *reinterpret_cast<const float2*>(start + channel());
  }
};

/// z = dw3x3(x) + bias
template <typename Tile, typename T>
__device__ __forceinline__ void make_z(T* z, const T* x, const Taps<Tile, 3>& taps) {
  constexpr int kSlices = Tile::C / 64, kR = Tile::kZR, kP = Tile::kZP, kColumns = Tile::kZW / kP;
  static_assert(Tile::kZH % kR == 0 && Tile::kZW % kP == 0 && Tile::kWarps % kSlices == 0);
  const int channel = taps.channel();
  for (int unit = threadIdx.x / 32 / kSlices; unit < Tile::kZH / kR * kColumns;
       unit += Tile::kWarps / kSlices) {
    const int row = unit / kColumns * kR, column = unit % kColumns * kP;
    DepthwiseUnit<T, 3, kR, kP> sums;
    sums.run(x + (row * Tile::kXW + column) * Tile::C + channel, Tile::kXW, Tile::C, taps.w,
             taps.bias);
    sums.store(z + (row * Tile::kZW + column) * Tile::kStride + channel, Tile::kZW, Tile::kStride);
  }
}

/// dw5x5(conv1's result) in its place: every warp has read its unit before one writes.
template <typename Tile, typename T>
__device__ __forceinline__ void mix(T* map, const Taps<Tile, 5>& taps) {
  constexpr int kSlices = Tile::C / 64, kR = Tile::kOutR, kP = Tile::kOutP,
                kColumns = Tile::kOutW / kP;
  constexpr int kUnits = Tile::kOutH / kR * kColumns;
  static_assert(Tile::kOutH % kR == 0 && Tile::kOutW % kP == 0 && kUnits * kSlices <= Tile::kWarps);
  const int unit = threadIdx.x / 32 / kSlices, channel = Taps<Tile, 5>::channel();
  const int row = unit / kColumns * kR, column = unit % kColumns * kP;
  DepthwiseUnit<T, 5, kR, kP> sums;
  if (unit < kUnits)
    sums.run(map + (row * Tile::kZW + column) * Tile::kStride + channel, Tile::kZW, Tile::kStride,
             taps.w, taps.bias);
  __syncthreads();
  if (unit < kUnits)
    sums.store(map + (row * Tile::kOutW + column) * Tile::kStride + channel, Tile::kOutW,
               Tile::kStride);
}

}  // namespace vitro::cuda::mixer
