#pragma once

#include "backends/cuda/kernels/linear_wgmma_layout.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/row_norm.cuh"
#include "backends/cuda/kernels/tma.cuh"

// The warps of linear_wgmma_kernel.cuh that bring what its teams work on.
namespace vitro::cuda {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__)

/// One thread: brings what the teams work on, in their order.
template <int kBlockN>
struct WgmmaProducer {
  using Layout = WgmmaLayout<kBlockN>;
  const WgmmaArgs& p;
  const Layout& at;
  const WgmmaTiles& tiles;

  /// Slab s of the weights, unless tile i finds it there.
  __device__ __forceinline__ void weights(int i, int column, int s, int slot) const {
    const uint32_t barrier = at.full + slot * 8, bytes = p.rows * 128;
    if (p.resident && i > 0) return barrier_arrive_expect(barrier, bytes);
    barrier_arrive_expect(barrier, Layout::weight_bytes + bytes);
    copy_box(at.weights + (p.resident ? s : slot) * at.weight_step, &p.weight, s * kWgmmaColumns,
             column * kBlockN, barrier);
  }
  /// Slab s of the rows of x.
  __device__ __forceinline__ void rows(int row, int s, int slot) const {
    const uint32_t dst = at.ring + slot * at.slot_bytes, barrier = at.full + slot * 8;
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
      for (int s = 0; s < p.slabs && slot < p.stages; ++s, ++slot) weights(i, tile.column, s, slot);
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
          weights(i, tile.column, s, place.slot);
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

/// Two warps: bring the vectors of every tile, but for the norms of a team's first one, which the
/// team makes sooner.
template <int kBlockN>
struct WgmmaVectors {
  using Layout = WgmmaLayout<kBlockN>;
  static constexpr int kThreads = 64, kRows = kWgmmaRows / kThreads;  // of a thread
  const WgmmaArgs& p;
  const Layout& at;
  char* vectors;  // of all teams
  int thread;

  __device__ __forceinline__ void load_columns(const WgmmaTiles& tile, float* to) const {
#pragma unroll
    for (int c = thread; c < kBlockN; c += kThreads) {
      const int column = tile.column * kBlockN + c;
      const bool inside = column < p.n;
      to[c] = p.bias != nullptr && inside ? p.bias[column] : 0.0f;
      to[kBlockN + c] = p.row_sums != nullptr && inside ? p.weight_sums[column] : 0.0f;
    }
  }
  __device__ __forceinline__ void load_rows(const WgmmaTiles& tile, float2* norms) const {
    float2 sums[kRows]{};
#pragma unroll 4
    for (int part = 0; part < p.row_parts; ++part)
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int row = min(tile.row * p.rows + i * kThreads + thread, p.m - 1);
        const float2 one = __ldcg(p.row_sums + static_cast<int64_t>(row) * p.row_parts + part);
        sums[i].x += one.x, sums[i].y += one.y;
      }
#pragma unroll
    for (int i = 0; i < kRows; ++i)
      norms[i * kThreads + thread] =
          p.row_sums != nullptr ? norm_of(sums[i], p.scale_k, p.eps) : float2{1.0f, 0.0f};
  }
  __device__ __forceinline__ void work(WgmmaTiles tile) const {
    wait_for_previous();
    for (int i = 0; i < tile.count; ++i, tile.next()) {
      const VectorsPlace place(i % kTeams, i / kTeams);
      if (i >= 2 * kTeams) barrier_wait(at.vectors_empty + place.index * 8, place.parity ^ 1);
      char* const to = vectors + place.index * Layout::vectors_bytes;
      load_columns(tile, reinterpret_cast<float*>(to));
      if (i >= kTeams) load_rows(tile, reinterpret_cast<float2*>(to + 2 * kBlockN * 4));
      __syncwarp();
      if (thread % 32 == 0) barrier_arrive(at.vectors_full + place.index * 8);
    }
  }
};

#endif

}  // namespace vitro::cuda
