#pragma once

#include "backends/cuda/kernels/linear_wgmma_finish.cuh"
#include "backends/cuda/kernels/linear_wgmma_producer.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Products on wgmma: one block for each multiprocessor, which stays and takes every gridDim-th
// tile. A warp of its own keeps the copy engine busy; of two teams of eight warps one multiplies
// while the other finishes its results. Slabs of x and weight come through a ring of places in
// shared memory; a team has a place of its own that residuals come to and results leave from;
// two warps bring norms and biases before it asks for them.
namespace vitro::cuda {

/// Eight warps, which take every second tile.
template <typename T, class Layout>
struct WgmmaTeam {
  static constexpr int kBlockN = Layout::block_n;
  using Finish = WgmmaFinish<T, Layout>;
  using Sum = typename Finish::Sum;
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
        if constexpr (Finish::kIntegers)
          wgmma_64x32_codes<kBlockN>(sums, a + k * 2, b + k * 2, k > 0 ? 1 : s);
        else if constexpr (Layout::codes_in)
          wgmma_64x32_e4m3<kBlockN>(sums, a + k * 2, b + k * 2, k > 0 ? 1 : s);
        else if constexpr (Layout::tf32)
          wgmma_64x8_tf32<kBlockN>(sums, a + k * 2, b + k * 2, k > 0 ? 1 : s);
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
      const Finish finish{p};
      finish(sums, local, results, vectors,
             reinterpret_cast<const float2*>(vectors + Layout::norms_at / 4), row_sums);
      barrier_arrive(at.vectors_empty + vectors_place.index * 8);
      fence_for_async();
      sync();
      if (thread == 0) store(tile);
      if (p.result_sums != nullptr)
        finish.store_sums(row_sums, tile.row * kWgmmaRows + local, tile.column);
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
        // All threads arrive, not one for each warp: racecheck of compute-sanitizer follows no
        // more.
        barrier_init(at.vectors_full + i * 8, kVectorThreads);
        barrier_init(at.vectors_empty + i * 8, kTeamThreads);
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

}  // namespace vitro::cuda
