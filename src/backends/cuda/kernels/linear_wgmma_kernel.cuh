#pragma once

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/gelu.cuh"
#include "backends/cuda/kernels/linear_wgmma_layout.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/row_norm.cuh"
#include "backends/cuda/kernels/tma.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Products on wgmma: one block for each multiprocessor, which stays and takes every gridDim-th
// tile. A warp of its own keeps the copy engine busy; of two teams of eight warps one multiplies
// while the other finishes its results. Slabs of x and weight come through a ring of places in
// shared memory; a team has a place of its own that residuals come to and results leave from.
namespace vitro::cuda {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__)

/// One thread: brings what the teams work on, in their order.
template <int kBlockN>
struct WgmmaProducer {
  using Layout = WgmmaLayout<kBlockN>;
  const WgmmaArgs& p;
  const Layout& at;
  const WgmmaTiles& tiles;

  /// Weights from column k of k on.
  __device__ __forceinline__ void weights(int column, int k, int slot) const {
    const uint32_t barrier = at.full + slot * 8;
    barrier_arrive_expect(barrier, Layout::weight_bytes + p.rows * 128);
    copy_box(at.ring + slot * Layout::slot_bytes + Layout::box_bytes, &p.weight, k,
             column * kBlockN, barrier);
  }
  /// Slab s of the rows of x.
  __device__ __forceinline__ void rows(int row, int s, int slot) const {
    const uint32_t dst = at.ring + slot * Layout::slot_bytes, barrier = at.full + slot * 8;
    if (p.line_slabs == 0) {
      copy_box(dst, &p.x, s * kWgmmaColumns, row * kWgmmaRows, barrier);
    } else {
      const int line = s / p.line_slabs;
      copy_box(dst, &p.x, (s - line * p.line_slabs) * kWgmmaColumns, 0, line, row * p.lines,
               barrier);
    }
  }
  /// The weights that go to the first turn of the ring; they depend on no kernel.
  __device__ __forceinline__ void start() const {
    WgmmaTiles tile = tiles;
    for (int i = 0, slot = 0; i < tiles.count && slot < p.stages; ++i, tile.next())
      for (int s = 0; s < p.slabs && slot < p.stages; ++s, ++slot)
        weights(tile.column, s * kWgmmaColumns, slot);
  }
  __device__ __forceinline__ void work() const {
    start();
    wait_for_previous();
    WgmmaTiles tile = tiles;
    RingPlace place;
    int left = p.stages;  // of the first turn
    for (int i = 0; i < tiles.count; ++i, tile.next())
      for (int s = 0; s < p.slabs; ++s, place.next(p.stages)) {
        if (--left < 0) {
          barrier_wait(at.empty + place.slot * 8, place.parity ^ 1);
          weights(tile.column, s * kWgmmaColumns, place.slot);
        }
        rows(tile.row, s, place.slot);
      }
  }
  /// Of another thread: brings residuals to where the results of two tiles ago have left.
  __device__ __forceinline__ void bring_residuals() const {
    wait_for_previous();
    WgmmaTiles tile = tiles;
    for (int i = 0; i < tiles.count; ++i, tile.next()) {
      const int team = i % kTeams, turn = i / kTeams;
      const uint32_t barrier = at.residuals + team * 8;
      if (turn > 0) barrier_wait(at.results_read + team * 8, turn - 1 & 1);
      barrier_arrive_expect(barrier, Layout::boxes * p.rows * 128);
#pragma unroll
      for (int box = 0; box < Layout::boxes; ++box)
        copy_box(at.results + team * Layout::result_bytes + box * Layout::box_bytes, &p.residual,
                 tile.column * kBlockN + box * 64, tile.row * p.rows, barrier);
    }
  }
};

/// Eight warps, which take every second tile.
template <typename T, int kBlockN>
struct WgmmaTeam {
  using Layout = WgmmaLayout<kBlockN>;
  const WgmmaArgs& p;
  const Layout& at;
  const WgmmaTiles& tiles;
  char* shared;  // at the address `base`
  uint32_t base;
  int team;

  __device__ __forceinline__ void sync() const {
    asm volatile("bar.sync %0, %1;" ::"r"(team + 1), "n"(kTeamThreads) : "memory");
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
  /// Biases of a tile, then the sums of its weights' rows.
  __device__ __forceinline__ void load_vectors(float* vectors, int column0) const {
    for (int c = threadIdx.x % kTeamThreads; c < kBlockN; c += kTeamThreads) {
      const bool inside = column0 + c < p.n;
      vectors[c] = p.bias != nullptr && inside ? p.bias[column0 + c] : 0.0f;
      vectors[kBlockN + c] = p.row_sums != nullptr && inside ? p.weight_sums[column0 + c] : 0.0f;
    }
  }
  __device__ __forceinline__ void multiply(float (&sums)[kBlockN / 2], RingPlace& place) const {
    const uint32_t group = threadIdx.x / 128 % 2 * 64 * 128;
    int last = place.slot;
    for (int s = 0; s < p.slabs; ++s) {
      const uint32_t slot = at.ring + place.slot * Layout::slot_bytes;
      barrier_wait(at.full + place.slot * 8, place.parity);
      if (s + 1 == p.slabs) give_turn();
      const uint64_t a = wgmma_operand(slot + group), b = wgmma_operand(slot + Layout::box_bytes);
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; ++k) wgmma_64x16<T, kBlockN>(sums, a + k * 2, b + k * 2, s + k);
      wgmma_commit();
      wgmma_wait<1>();
      if (s > 0) leave(last);
      last = place.slot;
      place.next(p.stages);
    }
    wgmma_wait<0>();
    leave(last);
  }
  /// From sums to results: norm, bias, GELU, residual, and the sums of the results' rows. A thread
  /// has row `local` of the tile and the one 8 below it. Two results stand where their residuals
  /// stood, in rows of 128 bytes swizzled by 128 bytes.
  __device__ __forceinline__ void finish(const float (&sums)[kBlockN / 2], int local, char* results,
                                         const float2* norms, const float* vectors,
                                         float2 (&row_sums)[2]) const {
    const int quad = threadIdx.x % 4;
    const float2 norm[2] = {norms[local], norms[local + 8]};
    char* const row = results + local * 128 + quad * 4;
#pragma unroll
    for (int group = 0; group < kBlockN / 8; ++group) {
      const int column = group * 8 + quad * 2;
      const float2 bias = *reinterpret_cast<const float2*>(vectors + column),
                   total = *reinterpret_cast<const float2*>(vectors + kBlockN + column);
      char* const at_row = row + group / 8 * Layout::box_bytes + ((group % 8 ^ local % 8) << 4);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float* sum = sums + group * 4 + half * 2;
        float first = fmaf(sum[0], norm[half].x, fmaf(norm[half].y, total.x, bias.x)),
              second = fmaf(sum[1], norm[half].x, fmaf(norm[half].y, total.y, bias.y));
        if (p.gelu) first = gelu<T>(first), second = gelu<T>(second);
        auto* const word = reinterpret_cast<uint32_t*>(at_row + half * 8 * 128);
        if (p.has_residual) {
          const float2 r = unpack_2<T>(*word);
          first += r.x, second += r.y;
        }
        if (p.result_sums != nullptr) {
          row_sums[half].x += first + second;
          row_sums[half].y = fmaf(first, first, fmaf(second, second, row_sums[half].y));
        }
        *word = pack_2<T>(first, second);
      }
    }
  }
  __device__ __forceinline__ void store_sums(float2 (&row_sums)[2], int first_row, int local,
                                             int column) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float2 all{sum_lanes<4>(row_sums[half].x), sum_lanes<4>(row_sums[half].y)};
      const int row = first_row + local + half * 8;
      if (threadIdx.x % 4 == 0 && row < p.m && local + half * 8 < p.rows)
        p.result_sums[static_cast<int64_t>(row) * p.columns + column] = all;
    }
  }
  /// One thread: sends the results on their way.
  __device__ __forceinline__ void store(const WgmmaTiles& tile) const {
#pragma unroll
    for (int box = 0; box < Layout::boxes; ++box)
      store_box(&p.y, tile.column * kBlockN + box * 64, tile.row * p.rows,
                at.results + team * Layout::result_bytes + box * Layout::box_bytes);
    store_commit();
  }
  /// The same thread: until they have left.
  __device__ __forceinline__ void wait_stored() const {
    store_wait_read();
    barrier_arrive(at.results_read + team * 8);
  }

  __device__ __forceinline__ void work() const {
    auto* const vectors =
        reinterpret_cast<float*>(shared + (at.vectors - base)) + team * 2 * kBlockN;
    auto* const norms = reinterpret_cast<float2*>(shared + (at.norms - base)) + team * kWgmmaRows;
    const int thread = threadIdx.x % kTeamThreads;
    const int local = thread / 32 * 16 + thread % 32 / 4;
    WgmmaTiles tile = tiles;
    RingPlace place;
    if (team == 1) {
      tile.next();
      place.skip(p.slabs, p.stages);
    }
    wait_for_previous();
    for (int i = team; i < tiles.count; i += kTeams) {
      const int first_row = tile.row * p.rows;
      sync();  // the vectors of the tile before have been read
      load_vectors(vectors, tile.column * kBlockN);
      load_norms<kWgmmaRows, kTeamThreads>(p.row_sums, p.row_parts, first_row, p.m, p.k, p.eps,
                                           thread, norms);
      if (i >= kTeams && thread == 0) wait_stored();
      float sums[kBlockN / 2];
      wait_turn(i);
      multiply(sums, place);
      sync();
      float2 row_sums[2] = {};
      if (p.has_residual) barrier_wait(at.residuals + team * 8, i / kTeams & 1);
      finish(sums, local, shared + (at.results - base) + team * Layout::result_bytes, norms,
             vectors, row_sums);
      fence_for_async();
      sync();
      if (thread == 0) store(tile);
      if (p.result_sums != nullptr) store_sums(row_sums, first_row, local, tile.column);
      place.skip(p.slabs, p.stages);
      tile.next(), tile.next();
    }
    if (thread == 0) store_wait_read();
  }
};

template <typename T, int kBlockN>
__global__ void __launch_bounds__(kWgmmaThreads, 1)
    linear_wgmma_kernel(const __grid_constant__ WgmmaArgs p) {
  extern __shared__ char unaligned[];
  char* const shared = unaligned + (-shared_address(unaligned) & 1023);
  const uint32_t base = shared_address(shared);
  const WgmmaLayout<kBlockN> at(base, p);
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
    }
    barrier_init_fence();
  }
  __syncthreads();
  if (p.next_early) allow_next();
  const int team = threadIdx.x / kTeamThreads;
  if (team == kTeams) {
    release_registers<kProducerRegisters>();
    const WgmmaProducer<kBlockN> producer{p, at, tiles};
    if (threadIdx.x % 128 == 0) producer.work();
    if (threadIdx.x % 128 == 32 && p.has_residual) producer.bring_residuals();
  } else {
    take_registers<kTeamRegisters>();
    WgmmaTeam<T, kBlockN>{p, at, tiles, shared, base, team}.work();
  }
}

#else

template <typename T, int kBlockN>
__global__ void linear_wgmma_kernel(const __grid_constant__ WgmmaArgs) {}

#endif

}  // namespace vitro::cuda
