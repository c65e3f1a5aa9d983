#pragma once

#include <cuda.h>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/local_block.h"
#include "backends/cuda/kernels/local_mixer_memory.cuh"
#include "backends/cuda/kernels/mma_slab.cuh"
#include "backends/cuda/kernels/tma.cuh"

// What a CTA of local_block holds, and the mlp behind the mixer's steps (local_mixer_memory.cuh).
namespace vitro::cuda::block {

/// The weights of a block are 10 matrices of C x C: conv1, conv2, and of each C hidden columns
/// their part of fc1 and of fc2. The copy engine brings them in the order of their use.
inline constexpr int kMatrices = 10;

struct BlockParams {
  LocalMixerArgs mixer;
  MlpArgs mlp;
  CUtensorMap conv1, conv2, fc1, fc2;  // [slab of 64 columns][row][64]; a box is a matrix
};

/// A tile of the mixer and how its warps share the mlp. Of kMatrices kPlaces fit at once: with all
/// of them a CTA takes tile after tile, else one. kJoin matrices of fc1, then as many of fc2 are
/// used at a time. A warp's piece has kM1 m16 tiles of rows by kN1 n8 tiles of hidden columns, then
/// kM2 by kN2 tiles of results, whose hidden columns are split over kSplits warps.
template <class Mixer_, int kPlaces_, int kJoin_, int kM1_, int kN1_, int kM2_, int kN2_,
          int kSplits_>
struct BlockTile {
  using Mixer = Mixer_;
  static constexpr int C = Mixer::C, kWarps = Mixer::kWarps, kRows = Mixer::kOutRows;
  static constexpr int kPlaces = kPlaces_, kJoin = kJoin_, kM1 = kM1_, kN1 = kN1_, kM2 = kM2_,
                       kN2 = kN2_, kSplits = kSplits_;
  static constexpr bool kResident = kPlaces == kMatrices;
  static constexpr bool kOnWgmma = kRows == 64 && kM1 == 1 && kM2 == 1 && kSplits == 1;
  static constexpr int kTurns = 4 / kJoin, kHidden = kJoin * C;  // columns at a time
  static constexpr int kHiddenStride = kHidden + 8;
  static constexpr int kPartStride = C + 8;  // of sums: eight rows lie in different banks
  static constexpr int kSlab = C * kSlabBytes, kMatrix = C / 64 * kSlab;
  static constexpr int kPartBytes = 4 * kSplits * kRows * kPartStride;
  // Where matrices come through, sums lie where the last ones used do not.
  static constexpr int kPartPlace = kMatrices % kPlaces;
  static constexpr int kXBytes = kResident ? 2 * Mixer::kXH * Mixer::kXW * C : 0;
  static constexpr int kMapsAt = kPlaces * kMatrix, kFloatsAt = kMapsAt + Mixer::kMapBytes,
                       kBiasesAt = kFloatsAt + Mixer::kFloatBytes, kXAt = kBiasesAt + 4 * 5 * C,
                       kPartsAt = kXAt + kXBytes,
                       kBarriersAt = kPartsAt + (kResident ? kPartBytes : 0),
                       kSharedBytes = kBarriersAt + 8 * kMatrices;
  static_assert(kRows / 16 / kM1 * (kHidden / 8 / kN1) == kWarps);
  static_assert(kRows / 16 / kM2 * (C / 8 / kN2) * kSplits == kWarps);
  static_assert(kRows * kHiddenStride <= Mixer::kFirst && kHidden / kSplits % 16 == 0);
  static_assert(kResident ||
                (kPartPlace + kJoin <= kPlaces && kPartBytes <= (kPlaces - kPartPlace) * kMatrix));
  static_assert(kSharedBytes <= 227 * 1024);
};

/// A matrix as the copy engine leaves it.
template <class Tile>
struct Slabs {
  static constexpr bool kOnWgmma = true;
  uint32_t start;
  __device__ __forceinline__ uint32_t operator()(int n, int k) const {
    return start + k / 64 * Tile::kSlab + swizzled(n, k % 64 / 8);
  }
  /// From row n and column k on; multiples of 8 and 16.
  __device__ __forceinline__ uint64_t operand(int n, int k) const {
    return wgmma_operand(start + k / 64 * Tile::kSlab + n * kSlabBytes) + k % 64 / 16 * 2;
  }
};

template <class Tile, typename T>
struct BlockMemory {
  using Mixer = typename Tile::Mixer;
  static constexpr int C = Tile::C, kRows = Tile::kRows;
  char* shared;
  mixer::MixerMemory<Mixer, T> mixer;
  float *fc1_bias, *fc2_bias, *parts;
  T* hidden;

  __device__ __forceinline__ explicit BlockMemory(char* start)
      : shared(start),
        mixer(start + Tile::kMapsAt, start + Tile::kFloatsAt),
        fc1_bias(reinterpret_cast<float*>(start + Tile::kBiasesAt)),
        fc2_bias(fc1_bias + 4 * C),
        parts(reinterpret_cast<float*>(
            start + (Tile::kResident ? Tile::kPartsAt : Tile::kPartPlace * Tile::kMatrix))),
        hidden(mixer.map) {
    // The next tile's x comes while this one is under way.
    if (Tile::kResident) mixer.x = reinterpret_cast<T*>(start + Tile::kXAt);
  }
  __device__ __forceinline__ uint32_t barrier(int matrix) const {
    return shared_address(shared + Tile::kBarriersAt) + matrix * 8;
  }
  __device__ __forceinline__ uint32_t place(int matrix) const {
    return shared_address(shared) + matrix % Tile::kPlaces * Tile::kMatrix;
  }
  /// One thread asks for a matrix, whose place nobody needs any more.
  __device__ __forceinline__ void request(const BlockParams& p, int matrix) const {
    const int fc = matrix - 2, part = fc / (2 * Tile::kJoin) * Tile::kJoin + fc % Tile::kJoin;
    const bool second = fc % (2 * Tile::kJoin) >= Tile::kJoin;
    barrier_arrive_expect(barrier(matrix), Tile::kMatrix);
    if (fc < 0)
      copy_box(place(matrix), matrix == 0 ? &p.conv1 : &p.conv2, 0, 0, 0, barrier(matrix));
    else if (second)
      copy_box(place(matrix), &p.fc2, 0, 0, part * (C / 64), barrier(matrix));
    else
      copy_box(place(matrix), &p.fc1, 0, part * C, 0, barrier(matrix));
  }
  /// One thread asks for the first ones.
  __device__ __forceinline__ void start_weights(const BlockParams& p) const {
    for (int m = 0; m < kMatrices; ++m) barrier_init(barrier(m), 1);
    barrier_init_fence();
    for (int m = 0; m < Tile::kPlaces; ++m) request(p, m);
  }
  /// Called by all threads behind a barrier behind the use of `count` matrices: others take their
  /// places.
  __device__ __forceinline__ void replace(const BlockParams& p, int matrix, int count = 1) const {
    if (threadIdx.x != 0) return;
    for (int m = matrix; m < matrix + count && m + Tile::kPlaces < kMatrices; ++m)
      request(p, m + Tile::kPlaces);
  }
  /// A matrix, which has arrived when this returns.
  __device__ __forceinline__ Slabs<Tile> use(int matrix) const {
    barrier_wait(barrier(matrix), 0);
    return {place(matrix)};
  }
  /// The first matrix of fc1 or fc2 in a turn.
  __device__ __forceinline__ static int fc1_of(int turn) { return 2 + turn * 2 * Tile::kJoin; }
  __device__ __forceinline__ static int fc2_of(int turn) { return fc1_of(turn) + Tile::kJoin; }

  /// A warp's rows and columns of fc1, and its rows of the mixer's result.
  static constexpr int kInColumn1 = kRows / 16 / Tile::kM1;
  using Rows = uint32_t[Tile::kM1][C / 16][4];
  __device__ __forceinline__ static int row1() {
    return threadIdx.x / 32 % kInColumn1 * 16 * Tile::kM1;
  }
  __device__ __forceinline__ static int column1() {
    return threadIdx.x / 32 / kInColumn1 * 8 * Tile::kN1;
  }
  __device__ __forceinline__ void load_row(uint32_t (&words)[4], int i, int k) const {
    mixer::load_a(
        words, [&](int row, int k0) { return mixer.out_row(row) + k0; }, row1() + i * 16, k);
  }
  /// For all turns. On wgmma each turn loads them anew: ptxas 13.0 gives registers that it reads in
  /// a later turn to the operands of fc2.
  __device__ __forceinline__ void keep_rows(Rows& rows) const {
    if constexpr (!Tile::kOnWgmma) {
#pragma unroll
      for (int i = 0; i < Tile::kM1; ++i)
#pragma unroll
        for (int k = 0; k < C / 16; ++k) load_row(rows[i][k], i, k * 16);
    }
  }
  /// hidden = gelu(fc1(the mixer's result)) of kHidden columns from `turn` * kHidden on.
  __device__ __forceinline__ void make_hidden(const Rows& rows, int turn) const {
    const Slabs<Tile> weight = use(fc1_of(turn) + column1() / C);
    const float* bias = fc1_bias + turn * Tile::kHidden + column1();
    const int n0 = column1() % C;
    float acc[Tile::kM1][Tile::kN1][4];
    if constexpr (Tile::kOnWgmma) {
      mixer::multiply_64<T, C>(
          acc, [&](uint32_t(&words)[4], int i, int k) { load_row(words, i, k); }, weight, n0, 0, 0);
      mixer::add_bias(acc, bias);
    } else {
      mixer::start_with(acc, bias);
      mixer::multiply<T, C>(
          acc,
          [&](uint32_t(&words)[4], int i, int k) {
#pragma unroll
            for (int w = 0; w < 4; ++w) words[w] = rows[i][k / 16][w];
          },
          [&](int n, int k) { return weight(n0 + n, k); });
    }
    mixer::finish_each(acc, [&](int row, int column, const float2(&sums)[4]) {
      uint32_t words[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) words[i] = pack_2<T>(gelu<T>(sums[i].x), gelu<T>(sums[i].y));
      mixer::store_16x16<T>(
          [&](int i) { return hidden + (row1() + row + i) * Tile::kHiddenStride; },
          column1() + column, words);
    });
  }

  /// A warp's piece of fc2.
  static constexpr int kInColumn2 = kRows / 16 / Tile::kM2, kPieces2 = Tile::kWarps / Tile::kSplits;
  using Sums = float[Tile::kM2][Tile::kN2][4];
  __device__ __forceinline__ static int row2() {
    return threadIdx.x / 32 % kInColumn2 * 16 * Tile::kM2;
  }
  __device__ __forceinline__ static int column2() {
    return threadIdx.x / 32 % kPieces2 / kInColumn2 * 8 * Tile::kN2;
  }
  __device__ __forceinline__ static int split2() { return threadIdx.x / 32 / kPieces2; }
  /// sums += fc2 of the hidden columns of a turn
  __device__ __forceinline__ void add_hidden(Sums& sums, int turn) const {
    constexpr int kK = Tile::kHidden / Tile::kSplits, kUses = kK > C ? kK / C : 1;
#pragma unroll
    for (int u = 0; u < kUses; ++u) {
      const int k0 = split2() * kK + u * C;
      const Slabs<Tile> weight = use(fc2_of(turn) + k0 / C);
      const auto get_a = [&](uint32_t(&words)[4], int i, int k) {
        mixer::load_a(
            words, [&](int row, int k1) { return hidden + row * Tile::kHiddenStride + k1; },
            row2() + i * 16, k0 + k);
      };
      if constexpr (Tile::kOnWgmma)
        mixer::multiply_64<T, kK>(sums, get_a, weight, column2(), 0, turn);
      else
        mixer::multiply<T, kK / kUses>(
            sums, get_a, [&](int n, int k) { return weight(column2() + n, k0 % C + k); });
    }
  }
  __device__ __forceinline__ void leave_sums(const Sums& sums) const {
    const int lane = threadIdx.x % 32;
    float* dst = parts + (split2() * kRows + row2() + lane / 4) * Tile::kPartStride + column2() +
                 lane % 4 * 2;
    mixer::finish_each(sums, [&](int row, int column, const float2(&pairs)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        *reinterpret_cast<float2*>(dst + (row + i % 2 * 8) * Tile::kPartStride + column +
                                   i / 2 * 8) = pairs[i];
    });
  }
  /// y = the mixer's result + fc2's bias + the sums, four channels a thread.
  __device__ __forceinline__ void store_y(T* y, const mixer::TilePlace& place, int h, int w) const {
    constexpr int kVectors = C / 4;
    for (int i = threadIdx.x; i < Mixer::kOutPixels * kVectors; i += Mixer::kThreads) {
      const int pixel = i / kVectors, channel = i % kVectors * 4;
      const int map_y = place.y + pixel / Mixer::kOutW, map_x = place.x + pixel % Mixer::kOutW;
      if (map_y >= h || map_x >= w) continue;
      float4 v = *reinterpret_cast<const float4*>(fc2_bias + channel);
#pragma unroll
      for (int split = 0; split < Tile::kSplits; ++split) {
        const float4 s = *reinterpret_cast<const float4*>(
            parts + (split * kRows + pixel) * Tile::kPartStride + channel);
        v.x += s.x, v.y += s.y, v.z += s.z, v.w += s.w;
      }
      const uint2 words = *reinterpret_cast<const uint2*>(mixer.out_row(pixel) + channel);
      const float2 low = unpack_2<T>(words.x), high = unpack_2<T>(words.y);
      *reinterpret_cast<uint2*>(y + (static_cast<int64_t>(map_y) * w + map_x) * C + channel) =
          uint2{pack_2<T>(v.x + low.x, v.y + low.y), pack_2<T>(v.z + high.x, v.w + high.y)};
    }
  }
};

}  // namespace vitro::cuda::block
