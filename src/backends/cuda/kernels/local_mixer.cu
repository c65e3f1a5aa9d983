#include "backends/cuda/kernels/local_mixer.h"

#include <algorithm>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// What a CTA holds and how its warps share the work. kP and kR of a depthwise convolution: a unit
/// of a warp is kR rows of kP pixels for 64 channels, two a lane; they divide the region exactly.
/// kM m16 tiles by kN n8 tiles are one warp's piece of a product.
template <int C_, int kHeight, int kWidth, int kWarps_, int kZR_, int kZP_, int kOutR_, int kOutP_,
          int kM1_, int kM2_, int kN_, bool kBothWeights_>
struct MixerTile {
  static constexpr int C = C_, kOutH = kHeight, kOutW = kWidth, kWarps = kWarps_;
  static constexpr int kZR = kZR_, kZP = kZP_, kOutR = kOutR_, kOutP = kOutP_;
  static constexpr int kM1 = kM1_, kM2 = kM2_, kN = kN_;
  static constexpr bool kBothWeights = kBothWeights_;  // conv2's beside conv1's, or in their place
  static constexpr int kThreads = kWarps * 32;
  static constexpr int kXH = kOutH + 6, kXW = kOutW + 6, kZH = kOutH + 4, kZW = kOutW + 4;
  static constexpr int kZPixels = kZH * kZW, kOutPixels = kOutH * kOutW;
  static constexpr int kZRows = round_up(kZPixels, 16 * kM1),
                       kOutRows = round_up(kOutPixels, 16 * kM2);
  static constexpr int kStride =
      C + 8;  // odd in units of 16 bytes: rows of an ldmatrix in different banks
  // In elements of 16 bits. conv1's result takes the place of x.
  static constexpr int kXOrHidden = std::max(kXH * kXW * C, kZPixels* kStride);
  static constexpr int kZ = kZRows * kStride, kMixed = kOutRows * kStride, kMatrix = C * kStride;
  static constexpr int kFloats = (9 + 25 + 3) * C;
  static constexpr int kSharedBytes =
      2 * (kXOrHidden + kZ + kMixed + kMatrix * (kBothWeights ? 2 : 1)) + 4 * kFloats;
  static_assert(kZH % kZR == 0 && kZW % kZP == 0 && kOutH % kOutR == 0 && kOutW % kOutP == 0);
  static_assert(C % 64 == 0 && C % (8 * kN) == 0 && kSharedBytes <= 227 * 1024);
};

template <typename Tile, typename T>
__device__ __forceinline__ void load_matrix(T* shared, const void* weight) {
  constexpr int kChunks = Tile::C / 8;
  for (int i = threadIdx.x; i < Tile::C * kChunks; i += Tile::kThreads)
    cp_async_16(shared + i / kChunks * Tile::kStride + i % kChunks * 8,
                static_cast<const T*>(weight) + i * 8);
}

template <typename Tile>
__device__ __forceinline__ void load_floats(float* shared, const float* values, int count) {
  for (int i = threadIdx.x; i < count / 4; i += Tile::kThreads)
    cp_async_16(shared + i * 4, values + i * 4);
}

/// x and a border of 3 pixels, zeros outside the image.
template <typename Tile, typename T>
__device__ __forceinline__ void load_x(T* shared, const T* x, int y0, int x0, int h, int w) {
  constexpr int kChunks = Tile::C / 8;
  for (int i = threadIdx.x; i < Tile::kXH * Tile::kXW * kChunks; i += Tile::kThreads) {
    const int pixel = i / kChunks;
    const int row = y0 - 3 + pixel / Tile::kXW, column = x0 - 3 + pixel % Tile::kXW;
    const bool inside = row >= 0 && row < h && column >= 0 && column < w;
    cp_async_16(
        shared + i * 8,
        inside ? x + (static_cast<int64_t>(row) * w + column) * Tile::C + i % kChunks * 8 : x,
        inside);
  }
}

/// dst = depthwise K x K of src, both in shared memory; src starts (K - 1) / 2 pixels before dst.
/// Weights stay in registers and every pixel of src is read once a unit.
template <typename Tile, typename T, int K, int H, int W, int R, int P>
__device__ __forceinline__ void depthwise(T* dst, int dst_stride, const T* src, int src_stride,
                                          const float* weight, const float* bias) {
  constexpr int kSlices = Tile::C / 64, kUnits = (H / R) * (W / P), kSourceW = W + K - 1;
  static_assert(Tile::kWarps % kSlices == 0);
  const int warp = threadIdx.x / 32;
  const int channel = warp % kSlices * 64 + threadIdx.x % 32 * 2;
  float2 w[K * K];
#pragma unroll
  for (int i = 0; i < K * K; ++i)
    w[i] = *reinterpret_cast<const float2*>(weight + i * Tile::C + channel);
  const float2 start =
      bias != nullptr ? *reinterpret_cast<const float2*>(bias + channel) : float2{0, 0};
  for (int unit = warp / kSlices; unit < kUnits; unit += Tile::kWarps / kSlices) {
    const int y0 = unit / (W / P) * R, x0 = unit % (W / P) * P;
    float2 acc[R][P];
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int p = 0; p < P; ++p) acc[r][p] = start;
#pragma unroll
    for (int row = 0; row < R + K - 1; ++row) {
      const T* line = src + ((y0 + row) * kSourceW + x0) * src_stride + channel;
#pragma unroll
      for (int column = 0; column < P + K - 1; ++column) {
        const float2 v =
            unpack_2<T>(*reinterpret_cast<const uint32_t*>(line + column * src_stride));
#pragma unroll
        for (int r = 0; r < R; ++r) {
          if (row - r < 0 || row - r >= K) continue;
#pragma unroll
          for (int b = 0; b < K; ++b) {
            if (column - b < 0 || column - b >= P) continue;
            const float2 tap = w[(row - r) * K + b];
            float2& sum = acc[r][column - b];
            sum.x = fmaf(tap.x, v.x, sum.x);
            sum.y = fmaf(tap.y, v.y, sum.y);
          }
        }
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int p = 0; p < P; ++p)
        *reinterpret_cast<uint32_t*>(dst + ((y0 + r) * W + x0 + p) * dst_stride + channel) =
            pack_2<T>(acc[r][p].x, acc[r][p].y);
  }
}

/// a weight^T for kRows rows of a, piece by piece; finish(row, column, two sums) for each pair of
/// columns.
template <typename Tile, typename T, int kRows, int M, typename Finish>
__device__ __forceinline__ void product(const T* a, const T* weight, Finish&& finish) {
  constexpr int N = Tile::kN, kStride = Tile::kStride, kColumns = Tile::C / (8 * N);
  const int lane = threadIdx.x % 32;
  for (int piece = threadIdx.x / 32; piece < kRows / (16 * M) * kColumns; piece += Tile::kWarps) {
    const int row0 = piece / kColumns * 16 * M, column0 = piece % kColumns * 8 * N;
    const T* a_rows = a + (row0 + lane % 16) * kStride + lane / 16 * 8;
    const T* w_rows = weight + (column0 + lane % 8 + lane / 16 * 8) * kStride + lane / 8 % 2 * 8;
    float acc[M][N][4] = {};
#pragma unroll
    for (int k = 0; k < Tile::C; k += 16) {
      uint32_t fragments[M][4];
#pragma unroll
      for (int i = 0; i < M; ++i) ldmatrix_x4(fragments[i], a_rows + i * 16 * kStride + k);
#pragma unroll
      for (int j = 0; j < N; j += 2) {
        uint32_t b[4];
        ldmatrix_x4(b, w_rows + j * 8 * kStride + k);
#pragma unroll
        for (int i = 0; i < M; ++i) {
          mma_16816<T>(acc[i][j], fragments[i], b[0], b[1]);
          mma_16816<T>(acc[i][j + 1], fragments[i], b[2], b[3]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < M; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < N; ++j)
          finish(row0 + i * 16 + half * 8 + lane / 4, column0 + j * 8 + lane % 4 * 2,
                 float2{acc[i][j][2 * half], acc[i][j][2 * half + 1]});
  }
}

/// grid (tiles of an image, images)
template <typename Tile, typename T>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kSharedBytes <= 113 * 1024 ? 2 : 1)
    local_mixer_kernel(LocalMixerArgs args) {
  constexpr int C = Tile::C, kStride = Tile::kStride;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  T* x = reinterpret_cast<T*>(shared_bytes);
  T* hidden = x;
  T* z = x + Tile::kXOrHidden;
  T* mixed = z + Tile::kZ;
  T* conv1 = mixed + Tile::kMixed;
  T* conv2 = conv1 + (Tile::kBothWeights ? Tile::kMatrix : 0);
  float* pos_weight = reinterpret_cast<float*>(conv2 + Tile::kMatrix);
  float* spatial_weight = pos_weight + 9 * C;
  float* pos_bias = spatial_weight + 25 * C;
  float* conv1_bias = pos_bias + C;
  float* conv2_bias = conv1_bias + C;

  allow_next();
  load_floats<Tile>(pos_weight, args.pos_weight, 9 * C);
  load_floats<Tile>(spatial_weight, args.spatial_weight, 25 * C);
  load_floats<Tile>(pos_bias, args.pos_bias, C);
  load_floats<Tile>(conv1_bias, args.conv1_bias, C);
  load_floats<Tile>(conv2_bias, args.conv2_bias, C);
  load_matrix<Tile>(conv1, args.conv1_weight);
  if (Tile::kBothWeights) load_matrix<Tile>(conv2, args.conv2_weight);
  const int tiles_x = (args.w + Tile::kOutW - 1) / Tile::kOutW;
  const int y0 = static_cast<int>(blockIdx.x) / tiles_x * Tile::kOutH;
  const int x0 = static_cast<int>(blockIdx.x) % tiles_x * Tile::kOutW;
  const int64_t image = static_cast<int64_t>(blockIdx.y) * args.h * args.w * C;
  wait_for_previous();

  load_x<Tile>(x, static_cast<const T*>(args.x) + image, y0, x0, args.h, args.w);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  depthwise<Tile, T, 3, Tile::kZH, Tile::kZW, Tile::kZR, Tile::kZP>(z, kStride, x, C, pos_weight,
                                                                    pos_bias);
  __syncthreads();
  product<Tile, T, Tile::kZRows, Tile::kM1>(z, conv1, [&](int row, int column, float2 sum) {
    const int map_y = y0 - 2 + row / Tile::kZW, map_x = x0 - 2 + row % Tile::kZW;
    // The padding of the 5x5 convolution is zero, not what conv1 makes of nothing.
    const bool inside = map_y >= 0 && map_y < args.h && map_x >= 0 && map_x < args.w;
    const float2 bias = *reinterpret_cast<const float2*>(conv1_bias + column);
    if (row < Tile::kZPixels)
      *reinterpret_cast<uint32_t*>(hidden + row * kStride + column) =
          inside ? pack_2<T>(sum.x + bias.x, sum.y + bias.y) : 0;
  });
  __syncthreads();
  if (!Tile::kBothWeights) {
    load_matrix<Tile>(conv2, args.conv2_weight);
    cp_async_commit();
  }
  depthwise<Tile, T, 5, Tile::kOutH, Tile::kOutW, Tile::kOutR, Tile::kOutP>(
      mixed, kStride, hidden, kStride, spatial_weight, nullptr);
  if (!Tile::kBothWeights) cp_async_wait<0>();
  __syncthreads();
  product<Tile, T, Tile::kOutRows, Tile::kM2>(mixed, conv2, [&](int row, int column, float2 sum) {
    if (row >= Tile::kOutPixels) return;
    const int pixel = (row / Tile::kOutW + 2) * Tile::kZW + row % Tile::kOutW + 2;
    auto* place = reinterpret_cast<uint32_t*>(z + pixel * kStride + column);
    const float2 bias = *reinterpret_cast<const float2*>(conv2_bias + column);
    const float2 residual = unpack_2<T>(*place);
    *place = pack_2<T>(residual.x + (sum.x + bias.x), residual.y + (sum.y + bias.y));
  });
  __syncthreads();
  T* y = static_cast<T*>(args.y) + image;
  for (int i = threadIdx.x; i < Tile::kOutPixels * (C / 8); i += Tile::kThreads) {
    const int row = i / (C / 8) / Tile::kOutW, column = i / (C / 8) % Tile::kOutW,
              channel = i % (C / 8) * 8;
    if (y0 + row < args.h && x0 + column < args.w)
      *reinterpret_cast<uint4*>(y + (static_cast<int64_t>(y0 + row) * args.w + x0 + column) * C +
                                channel) =
          *reinterpret_cast<const uint4*>(z + ((row + 2) * Tile::kZW + column + 2) * kStride +
                                          channel);
  }
}

// The extents of 56 x 56 and 28 x 28 maps are multiples of all tiles'.
//                        c, tile,   warps, z unit, out unit, pieces, both weights
using Small64 = MixerTile<64, 4, 7, 8, 1, 11, 1, 7, 1, 1, 4, true>;
using Large64 = MixerTile<64, 8, 14, 8, 3, 9, 2, 7, 2, 1, 8, true>;
using Small128 = MixerTile<128, 4, 4, 8, 2, 4, 1, 4, 1, 1, 4, true>;
using Large128 = MixerTile<128, 14, 7, 16, 1, 11, 2, 7, 2, 1, 8, false>;

template <typename Tile>
void launch_tile(const LocalMixerArgs& args, const Launch& launch) {
  const dim3 grid(
      ((args.h + Tile::kOutH - 1) / Tile::kOutH) * ((args.w + Tile::kOutW - 1) / Tile::kOutW),
      args.n);
  const auto run = [&](auto kernel) {
    launch_kernel("local_mixer", kernel, grid, dim3(Tile::kThreads), Tile::kSharedBytes, launch,
                  args);
  };
  if (args.element == Element::Float16) return run(local_mixer_kernel<Tile, __half>);
  run(local_mixer_kernel<Tile, __nv_bfloat16>);
}

}  // namespace

LocalMixerTile local_mixer_tile(const LocalMixerArgs& args) {
  const int64_t pixels = static_cast<int64_t>(args.n) * args.h * args.w;
  const int64_t large_tiles = pixels / (args.c == 64 ? 8 * 14 : 14 * 7);
  return large_tiles >= 100 ? LocalMixerTile::Large : LocalMixerTile::Small;
}

std::string local_mixer_refusal(const LocalMixerArgs& args) {
  if (args.element == Element::Float32)
    return "the fused local_mixer stores float16 or bfloat16, not float32";
  if (args.c != 64 && args.c != 128)
    return "the fused local_mixer has widths 64 and 128, not " + std::to_string(args.c);
  if (args.n > 65535) return "at most 65535 images in one launch, not " + std::to_string(args.n);
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
  small ? launch_tile<Small128>(args, launch) : launch_tile<Large128>(args, launch);
}

}  // namespace vitro::cuda
