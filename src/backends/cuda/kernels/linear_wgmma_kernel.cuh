#pragma once

#include <type_traits>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/codes.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear_wgmma_producer.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Products on wgmma: one block for each multiprocessor, which stays and takes every gridDim-th
// tile. A warp of its own keeps the copy engine busy; of two teams of eight warps one multiplies
// while the other finishes its results. Slabs of x and weight come through a ring of places in
// shared memory; a team has a place of its own that residuals come to and results leave from;
// two warps bring norms and biases before it asks for them.
namespace vitro::cuda {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__)

/// Eight warps, which take every second tile.
template <typename T, class Layout>
struct WgmmaTeam {
  static constexpr int kBlockN = Layout::block_n;
  static constexpr bool kIntegers = Layout::codes_in && Layout::code_kind == CodeKind::Integer;
  using Sum = std::conditional_t<kIntegers, int, float>;
  const WgmmaArgs& p;
  const Layout& at;
  const WgmmaTiles& tiles;
  char* shared;  // at the address `base`
  uint32_t base;
  int team;

  __device__ __forceinline__ void sync() const {
    asm volatile("bar.sync %0, %1;" ::"r"(team + 1), "n"(kTeamThreads) : "memory");
  }
  __device__ __forceinline__ float* vectors_at(VectorsPlace place) const {
    return reinterpret_cast<float*>(shared + (at.vectors - base) +
                                    place.index * Layout::vectors_bytes);
  }
  /// The other team has waited for every slab of tile i - 1: a place that it has not seen full
  /// would look full to this one, whose turn there has the same parity as the one before.
  __device__ __forceinline__ void wait_turn(int i) const {
    if (i > 0) barrier_wait(at.turns + team * 8, (i - 1) / kTeams & 1);
  }
  __device__ __forceinline__ void give_turn() const {
    if (threadIdx.x % 32 == 0) barrier_arrive(at.turns + (team ^ 1) * 8);
  }
  /// Says that this warp has left a place of the ring.
  __device__ __forceinline__ void leave(int slot) const {
    if (threadIdx.x % 32 == 0) barrier_arrive(at.empty + slot * 8);
  }
  __device__ __forceinline__ void multiply(Sum (&sums)[kBlockN / 2], RingPlace& place) const {
    const uint32_t group = uniform(threadIdx.x / 128) % 2 * 64 * 128;
    int last = place.slot;
    for (int s = 0; s < p.slabs; ++s) {
      const uint32_t slot = at.ring + place.slot * at.slot_bytes;
      barrier_wait(at.full + place.slot * 8, place.parity);
      if (s + 1 == p.slabs) give_turn();
      const uint64_t a = wgmma_operand(slot + group),
                     b = wgmma_operand(at.weights + (p.resident ? s : place.slot) * at.weight_step);
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        if constexpr (kIntegers)
          wgmma_64x32_codes<kBlockN>(sums, a + k * 2, b + k * 2, k > 0 ? 1 : s);
        else if constexpr (Layout::codes_in)
          wgmma_64x32_e4m3<kBlockN>(sums, a + k * 2, b + k * 2, k > 0 ? 1 : s);
        else
          wgmma_64x16<T, kBlockN>(sums, a + k * 2, b + k * 2, k > 0 ? 1 : s);
      }
      wgmma_commit();
      wgmma_wait<1>();
      if (s > 0) leave(last);
      last = place.slot;
      place.next(p.stages);
    }
    wgmma_wait<0>();
    leave(last);
  }
  /// One, before residual and activation; `scale` is the sum of a weight's row where rows are
  /// normalised.
  __device__ __forceinline__ static float result(Sum sum, float2 norm, float scale, float bias) {
    if constexpr (Layout::codes_in)
      return fmaf(static_cast<float>(sum), scale, bias);
    else
      return fmaf(sum, norm.x, fmaf(norm.y, scale, bias));
  }
  /// From sums to results: norm, bias, residual, activation, and the sums of the results' rows. A
  /// thread has row `local` of the tile and the one 8 below it. Results stand where their residuals
  /// stood, in rows of 128 bytes swizzled by 128 bytes. Without kMore there are neither residuals
  /// nor sums.
  template <bool kMore, class Act>
  __device__ __forceinline__ void finish(const Sum (&sums)[kBlockN / 2], int local, char* results,
                                         const float* vectors, float2 (&row_sums)[2],
                                         Act act) const {
    const auto* norms = reinterpret_cast<const float2*>(vectors + Layout::norms_at / 4);
    const int lane = threadIdx.x % 32, quad = lane % 4;
    float2 norm[2]{};
    if constexpr (!Layout::codes_in) norm[0] = norms[local], norm[1] = norms[local + 8];
    // A lane names a row of one of the four matrices that are stored at a time.
    char* const row = results + (local - lane / 4 + lane % 16) * 128;
    const int swizzle = (lane / 16 ^ lane % 8) << 4;
    float2 bias[2], total[2];
    const auto load = [&](int column) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float* v = vectors + column + i * 8 + quad * 2;
        bias[i] = *reinterpret_cast<const float2*>(v);
        total[i] = *reinterpret_cast<const float2*>(v + kBlockN);
      }
    };
    load(0);
#pragma unroll
    for (int column = 0; column < kBlockN; column += 16) {
      char* const place = row + column / 64 * Layout::box_bytes + (column % 64 * 2 ^ swizzle);
      uint32_t words[4];
      if (kMore && p.has_residual) ldmatrix_x4(words, place);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int half = i % 2;
        const Sum* sum = sums + column / 2 + i * 2;
        const float2 b = bias[i / 2], t = total[i / 2];
        float first = result(sum[0], norm[half], t.x, b.x),
              second = result(sum[1], norm[half], t.y, b.y);
        if (kMore) {
          const float2 r = p.has_residual ? unpack_2<T>(words[i]) : float2{};
          first += r.x, second += r.y;
        }
        first = act.template apply<T>(first), second = act.template apply<T>(second);
        if (kMore) {
          row_sums[half].x += first + second;
          row_sums[half].y = fmaf(first, first, fmaf(second, second, row_sums[half].y));
        }
        words[i] = pack_2<T>(first, second);
      }
      if (column + 16 < kBlockN) load(column + 16);
      stmatrix_x4(place, words);
    }
  }
  /// The same to codes, which have neither residuals nor sums.
  template <class Act>
  __device__ __forceinline__ void finish_codes(const Sum (&sums)[kBlockN / 2], int local,
                                               char* results, const float* vectors, Act act) const {
    const int quad = threadIdx.x % 4, swizzle = local % 8 << 4;
    char* const row = results + local * 128 + quad * 2;
#pragma unroll
    for (int column = 0; column < kBlockN; column += 8) {
      float2 v[4]{};  // bias, scale, factor, offset
#pragma unroll
      for (int i = 0; i < Layout::column_vectors; ++i)
        v[i] = *reinterpret_cast<const float2*>(vectors + i * kBlockN + column + quad * 2);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Sum* sum = sums + column / 2 + half * 2;
        const float first = act.template apply<T>(result(sum[0], {}, v[1].x, v[0].x)),
                    second = act.template apply<T>(result(sum[1], {}, v[1].y, v[0].y));
        *reinterpret_cast<uint16_t*>(row + half * 8 * 128 + (column / 16 * 16 ^ swizzle) +
                                     column % 16) =
            static_cast<uint16_t>(code_pair<Layout::code_kind>({first, second}, v[2], v[3]));
      }
    }
  }
  __device__ __forceinline__ void finish(const Sum (&sums)[kBlockN / 2], int local, char* results,
                                         const float* vectors, float2 (&row_sums)[2]) const {
    if constexpr (Layout::codes_out)
      return with_activation(p.activation, [&](auto activation) {
        finish_codes(sums, local, results, vectors, activation);
      });
    const bool more = p.has_residual || p.result_sums != nullptr;
    with_activation(p.activation, [&](auto activation) {
      more ? finish<true>(sums, local, results, vectors, row_sums, activation)
           : finish<false>(sums, local, results, vectors, row_sums, activation);
    });
  }
  __device__ __forceinline__ void store_sums(float2 (&row_sums)[2], int first_row, int local,
                                             int column) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float2 all{sum_lanes<4>(row_sums[half].x), sum_lanes<4>(row_sums[half].y)};
      const int row = first_row + local + half * 8;
      if (threadIdx.x % 4 == 0 && row < p.m)
        p.result_sums[static_cast<int64_t>(row) * p.columns + column] = all;
    }
  }
  /// One thread: sends the results on their way.
  __device__ __forceinline__ void store(const WgmmaTiles& tile) const {
#pragma unroll
    for (int box = 0; box < Layout::boxes; ++box)
      store_box(&p.y, tile.column * kBlockN + box * Layout::box_columns, tile.row * kWgmmaRows,
                at.results + team * Layout::result_bytes + box * Layout::box_bytes);
    store_commit();
  }
  /// The same thread: until they have left.
  __device__ __forceinline__ void wait_stored() const {
    store_wait_read();
    barrier_arrive(at.results_read + team * 8);
  }

  __device__ __forceinline__ void work() const {
    const int thread = threadIdx.x % kTeamThreads;
    const int local = thread / 32 * 16 + thread % 32 / 4;
    char* const results = shared + (at.results - base) + team * Layout::result_bytes;
    WgmmaTiles tile = tiles;
    RingPlace place;
    if (team == 1) {
      tile.next();
      place.skip(p.slabs, p.stages);
    }
    wait_for_previous();
    if (!Layout::codes_in && team < tiles.count)
      load_norms<kWgmmaRows, kTeamThreads>(
          p.row_sums, p.row_parts, tile.row * kWgmmaRows, p.m, p.scale_k, p.eps, thread,
          reinterpret_cast<float2*>(vectors_at({team, 0}) + Layout::norms_at / 4));
    for (int i = team, turn = 0; i < tiles.count; i += kTeams, ++turn) {
      if (turn > 0 && thread == 0) wait_stored();
      Sum sums[kBlockN / 2];
      wait_turn(i);
      multiply(sums, place);
      float2 row_sums[2] = {};
      const VectorsPlace vectors_place(team, turn);
      const float* vectors = vectors_at(vectors_place);
      if (turn == 0) sync();  // all have made their norms
      barrier_wait(at.vectors_full + vectors_place.index * 8, vectors_place.parity);
      if (p.has_residual)
        barrier_wait(at.residuals + team * 8, turn & 1);
      else if (turn > 0)
        barrier_wait(at.results_read + team * 8, turn - 1 & 1);
      finish(sums, local, results, vectors, row_sums);
      __syncwarp();
      if (thread % 32 == 0) barrier_arrive(at.vectors_empty + vectors_place.index * 8);
      fence_for_async();
      sync();
      if (thread == 0) store(tile);
      if (p.result_sums != nullptr) store_sums(row_sums, tile.row * kWgmmaRows, local, tile.column);
      place.skip(p.slabs, p.stages);
      tile.next(), tile.next();
    }
    if (thread == 0) store_wait_read();
  }
};

template <typename T, class Layout>
__global__ void __launch_bounds__(kWgmmaThreads, 1)
    linear_wgmma_kernel(const __grid_constant__ WgmmaArgs p) {
  extern __shared__ char unaligned[];
  char* const shared = unaligned + (-shared_address(unaligned) & 1023);
  const uint32_t base = shared_address(shared);
  const Layout at(base, p);
  const WgmmaTiles tiles(p);
  if (threadIdx.x == 0) {
    prefetch_tensor_map(&p.weight);
    prefetch_tensor_map(&p.x);
    for (int s = 0; s < p.stages; ++s) {
      barrier_init(at.full + s * 8, 1);
      barrier_init(at.empty + s * 8, kTeamThreads / 32);
    }
    for (int t = 0; t < kTeams; ++t) {
      barrier_init(at.turns + t * 8, kTeamThreads / 32);
      barrier_init(at.residuals + t * 8, 1);
      barrier_init(at.results_read + t * 8, 1);
      for (int i = t * 2; i < t * 2 + 2; ++i) {
        barrier_init(at.vectors_full + i * 8, 2);
        barrier_init(at.vectors_empty + i * 8, kTeamThreads / 32);
      }
    }
    barrier_init_fence();
  }
  __syncthreads();
  if (p.next_early) allow_next();
  const int team = uniform(threadIdx.x / kTeamThreads);
  if (team == kTeams) {
    release_registers<kProducerRegisters>();
    const int warp = uniform(threadIdx.x / 32) % 4;
    if (warp == 0 && threadIdx.x % 32 == 0) {
      if (!Layout::codes_in && p.has_windows)
        WgmmaProducer<Layout, true>{p, at, tiles}.work();
      else
        WgmmaProducer<Layout, false>{p, at, tiles}.work();
    }
    if (warp == 1 && threadIdx.x % 32 == 0 && p.has_residual)
      WgmmaResiduals<Layout>{p, at, tiles}.work();
    if (warp >= 2)
      WgmmaVectors<Layout>{p, at, shared + (at.vectors - base), static_cast<int>(threadIdx.x % 64)}
          .work(tiles);
  } else {
    take_registers<kTeamRegisters>();
    WgmmaTeam<T, Layout>{p, at, tiles, shared, base, team}.work();
  }
}

#else

template <typename T, class Layout>
__global__ void linear_wgmma_kernel(const __grid_constant__ WgmmaArgs) {}

#endif

}  // namespace vitro::cuda
