#pragma once

#include "backends/cuda/kernels/linear_wgmma_finish.cuh"
#include "backends/cuda/kernels/linear_wgmma_producer.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Products on wgmma whose tiles are far fewer than multiprocessors: the blocks of a cluster share a
// tile and take parts of k. Sums go to the block whose rows they are through its shared memory.
namespace vitro::cuda {

inline constexpr int kSplitTeamThreads = 256;  // that multiply; a warp more brings slabs

/// What lies where in shared memory, from a multiple of 1024 bytes on. Of kSplit blocks each
/// finishes as many rows of a tile.
template <int kSplit, WgmmaForm kForm>
struct SplitLayout {
  static constexpr bool codes_in = false, codes_out = false, tf32 = kForm == WgmmaForm::Tf32;
  static constexpr int block_n = 64, team_columns = block_n;
  static constexpr int slab_columns = tf32 ? kTf32Columns : kWgmmaColumns,
                       box_columns = slab_columns;          // of results
  static constexpr CodeKind code_kind = CodeKind::Integer;  // of no account without codes
  static constexpr int split = kSplit, rows = kWgmmaRows / kSplit;
  static constexpr int owners = rows / 16;  // warps whose rows stay in their block
  static constexpr int box_bytes = rows * 128;
  static constexpr int boxes = block_n / box_columns, result_bytes = boxes * box_bytes;
  static constexpr int slab_bytes = kWgmmaRows * 128, slot_bytes = slab_bytes + block_n * 128;
  static constexpr int share_bytes = owners * 4096;  // of sums that come from another block
  static constexpr int shares_bytes = (kSplit - 1) * share_bytes;
  static constexpr int columns_bytes = 2 * block_n * 4;
  static constexpr int barrier_bytes = (2 * kMaxStages + 2) * 8;
  static constexpr int fixed_bytes =
      result_bytes + shares_bytes + columns_bytes + rows * 8 + barrier_bytes + 1024;
  uint32_t ring, results, shares;
  uint32_t vectors, norms;  // of columns, of rows
  uint32_t full, empty;     // places of the ring
  uint32_t residual, shares_full;

  __device__ __forceinline__ SplitLayout(uint32_t base, int stages) {
    ring = base;
    results = ring + stages * slot_bytes;
    shares = results + result_bytes;
    vectors = shares + shares_bytes;
    norms = vectors + columns_bytes;
    full = norms + rows * 8;
    empty = full + kMaxStages * 8;
    residual = empty + kMaxStages * 8;
    shares_full = residual + 8;
  }
};

/// A block's tile and its part of k: slabs first .. end - 1.
struct SplitPart {
  int row, column, rank, first, end;
  __device__ __forceinline__ SplitPart(const WgmmaArgs& p, int split) {
    const int tile = blockIdx.x / split;
    rank = blockIdx.x % split;
    row = tile / p.columns, column = tile % p.columns;
    first = rank * p.slabs / split, end = (rank + 1) * p.slabs / split;
  }
};

/// One thread: brings the slabs of a part, and the residuals of the rows that the block finishes.
template <class Layout, bool kWindows>
struct SplitProducer {
  using Slabs = WgmmaSlabs<Layout, kWindows>;
  using Slab = typename Slabs::Slab;
  const WgmmaArgs& p;
  const Layout& at;
  const SplitPart& part;

  __device__ __forceinline__ void weights(const Slab& slab, int slot) const {
    const uint32_t barrier = at.full + slot * 8;
    barrier_arrive_expect(barrier, Layout::slot_bytes);
    Slabs{p}.weights(part.column, slab, at.ring + slot * Layout::slot_bytes + Layout::slab_bytes,
                     barrier);
  }
  __device__ __forceinline__ void residuals() const {
    if (!p.has_residual) return;
    barrier_arrive_expect(at.residual, Layout::result_bytes);
#pragma unroll
    for (int box = 0; box < Layout::boxes; ++box)
      copy_box(at.results + box * Layout::box_bytes, &p.residual,
               part.column * Layout::block_n + box * Layout::box_columns,
               part.row * kWgmmaRows + part.rank * Layout::rows, at.residual);
  }
  __device__ __forceinline__ void work() const {
    Slab begin;
    while (begin.index != part.first) begin.next(p);
    Slab slab = begin;  // weights depend on no kernel
    for (int slot = 0; slab.index != part.end && slot < p.stages; ++slot, slab.next(p))
      weights(slab, slot);
    const typename Slabs::Corner corner(p, part.row * kWgmmaRows);
    wait_for_previous();
    RingPlace place;
    int left = p.stages;  // of the first turn
    for (slab = begin; slab.index != part.end; slab.next(p), place.next(p.stages)) {
      if (--left < 0) {
        barrier_wait(at.empty + place.slot * 8, place.parity ^ 1);
        weights(slab, place.slot);
      }
      Slabs{p}.rows(corner, part.row, slab, at.ring + place.slot * Layout::slot_bytes,
                    at.full + place.slot * 8);
      if (slab.index == part.first) residuals();
    }
  }
};

/// The warps that multiply.
template <typename T, class Layout>
struct SplitTeam {
  const WgmmaArgs& p;
  const Layout& at;
  const SplitPart& part;
  char* shared;  // at the address `base`
  uint32_t base;

  template <typename V>
  __device__ __forceinline__ V* pointer(uint32_t address) const {
    return reinterpret_cast<V*>(shared + (address - base));
  }
  /// Bias and sums of the weights' rows.
  __device__ __forceinline__ void load_vectors(int thread) const {
    if (thread >= 2 * Layout::block_n) return;
    const float* const from = p.vectors[thread / Layout::block_n];
    const int column = part.column * Layout::block_n + thread % Layout::block_n;
    pointer<float>(at.vectors)[thread] = from != nullptr && column < p.n ? from[column] : 0.0f;
  }
  __device__ __forceinline__ void multiply(float (&sums)[32], int group) const {
    RingPlace place;
    const bool speaks = threadIdx.x % 32 == 0;
    int last = 0;
    for (int s = part.first; s < part.end; ++s) {
      const uint32_t slot = at.ring + place.slot * Layout::slot_bytes;
      barrier_wait(at.full + place.slot * 8, place.parity);
      const uint64_t a = wgmma_operand(slot + group * 64 * 128),
                     b = wgmma_operand(slot + Layout::slab_bytes);
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int accumulate = k > 0 ? 1 : s - part.first;
        if constexpr (Layout::tf32)
          wgmma_64x8_tf32<64>(sums, a + k * 2, b + k * 2, accumulate);
        else
          wgmma_64x16<T, 64>(sums, a + k * 2, b + k * 2, accumulate);
      }
      wgmma_commit();
      wgmma_wait<1>();
      if (s > part.first && speaks) barrier_arrive(at.empty + last * 8);
      last = place.slot;
      place.next(p.stages);
    }
    wgmma_wait<0>();
  }
  /// Gives sums to the block whose rows they are, where this is another one; else adds what the
  /// others have of them. Returns whether the rows are this block's.
  __device__ __forceinline__ bool share(float (&sums)[32], int warp) const {
    constexpr int kSplit = Layout::split;
    const int owner = warp / Layout::owners, lane = threadIdx.x % 32;
    const uint32_t mine = at.shares + warp % Layout::owners * 4096 + lane * 16;
    if (owner != part.rank) {
      const int place = part.rank - (part.rank > owner);
      const uint32_t to = cluster_address(mine + place * Layout::share_bytes, owner),
                     barrier = cluster_address(at.shares_full, owner);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        store_cluster(to + i * 512,
                      {sums[i * 4], sums[i * 4 + 1], sums[i * 4 + 2], sums[i * 4 + 3]}, barrier);
      return false;
    }
    barrier_wait_cluster(at.shares_full, 0);
#pragma unroll
    for (int other = 0; other < kSplit - 1; ++other)
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const float4 v = *pointer<float4>(mine + other * Layout::share_bytes + i * 512);
        sums[i * 4] += v.x, sums[i * 4 + 1] += v.y, sums[i * 4 + 2] += v.z, sums[i * 4 + 3] += v.w;
      }
    return true;
  }
  __device__ __forceinline__ void work() const {
    const int thread = threadIdx.x, warp = uniform(thread / 32), lane = thread % 32;
    const int first_row = part.row * kWgmmaRows + part.rank * Layout::rows;
    load_vectors(thread);
    wait_for_previous();
    load_norms<Layout::rows, kSplitTeamThreads>(p.row_sums, p.row_parts, first_row, p.m, p.scale_k,
                                                p.eps, thread, pointer<float2>(at.norms));
    asm volatile("bar.sync 1, %0;" ::"n"(kSplitTeamThreads) : "memory");
    float sums[32];
    multiply(sums, warp / 4);
    cluster_wait();  // all blocks have their barriers
    if (!share(sums, warp)) return;
    const int local = warp % Layout::owners * 16 + lane / 4;
    const WgmmaFinish<T, Layout> finish{p};
    float2 row_sums[2] = {};
    if (p.has_residual) barrier_wait(at.residual, 0);
    finish(sums, local, pointer<char>(at.results), pointer<float>(at.vectors),
           pointer<float2>(at.norms), row_sums);
    fence_for_async();
    asm volatile("bar.sync 2, %0;" ::"n"(Layout::owners * 32) : "memory");
    const bool stores = lane == 0 && warp % Layout::owners == 0;
    if (stores) {
#pragma unroll
      for (int box = 0; box < Layout::boxes; ++box)
        store_box(&p.y, part.column * Layout::block_n + box * Layout::box_columns, first_row,
                  at.results + box * Layout::box_bytes);
      store_commit();
    }
    if (p.result_sums != nullptr) finish.store_sums(row_sums, first_row + local, part.column);
    if (stores) store_wait_read();
  }
};

template <typename T, class Layout>
__global__ void __launch_bounds__(kSplitTeamThreads + 32, 1)
    linear_split_kernel(const __grid_constant__ WgmmaArgs p) {
  extern __shared__ char unaligned[];
  char* const shared = unaligned + (-shared_address(unaligned) & 1023);
  const uint32_t base = shared_address(shared);
  const Layout at(base, p.stages);
  const SplitPart part(p, Layout::split);
  const bool produces = threadIdx.x >= kSplitTeamThreads;
  if (threadIdx.x == kSplitTeamThreads) {
    prefetch_tensor_map(&p.weight);
    prefetch_tensor_map(&p.x);
    for (int s = 0; s < p.stages; ++s) {
      barrier_init(at.full + s * 8, 1);
      barrier_init(at.empty + s * 8, kSplitTeamThreads / 32);
    }
    barrier_init(at.residual, 1);
    barrier_init(at.shares_full, 1);
    barrier_init_fence();
    barrier_arrive_expect(at.shares_full, Layout::shares_bytes);
  }
  __syncthreads();
  cluster_arrive();
  if (p.next_early) allow_next();
  if (!produces) return SplitTeam<T, Layout>{p, at, part, shared, base}.work();
  if (threadIdx.x != kSplitTeamThreads) return;
  if (p.has_windows)
    SplitProducer<Layout, true>{p, at, part}.work();
  else
    SplitProducer<Layout, false>{p, at, part}.work();
}

}  // namespace vitro::cuda
