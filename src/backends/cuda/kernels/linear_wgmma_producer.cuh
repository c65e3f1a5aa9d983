#pragma once

#include "backends/cuda/kernels/linear_wgmma_layout.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/row_norm.cuh"
#include "backends/cuda/kernels/tap_walk.cuh"
#include "backends/cuda/kernels/tma.cuh"

// The warps of linear_wgmma_kernel.cuh that bring what its teams work on.
namespace vitro::cuda {

/// What one thread asks the copy engine for. With kWindows x has windows.
template <class Layout, bool kWindows>
struct WgmmaSlabs {
  const WgmmaArgs& p;

  struct Slab {
    int index = 0;
    TapWalk tap;
    __device__ __forceinline__ void next(const WgmmaArgs& p) {
      ++index;
      if constexpr (kWindows) tap.next(p.windows, Layout::slab_columns);
    }
  };
  /// The first tap of the window that is row `row`.
  struct Corner {
    int image = 0, y = 0, x = 0;
    __device__ __forceinline__ Corner(const WgmmaArgs& p, int row) {
      const Windows& v = p.windows;
      if (!kWindows) return;
      image = row / (v.out_h * v.out_w);
      const int rest = row - image * v.out_h * v.out_w, line = rest / v.out_w;
      y = line * v.stride_y - v.pad_top, x = (rest - line * v.out_w) * v.stride_x - v.pad_left;
    }
  };
  /// The weights of a slab of the columns of tiles `column`.
  __device__ __forceinline__ void weights(int column, const Slab& slab, uint32_t to,
                                          uint32_t barrier) const {
    if constexpr (kWindows)
      copy_box(to, &p.weight, slab.tap.channel, slab.tap.ky * p.windows.kernel_w + slab.tap.kx,
               column * Layout::block_n, barrier);
    else
      copy_box(to, &p.weight, slab.index * Layout::slab_columns, column * Layout::block_n, barrier);
  }
  /// A slab of the rows of tiles `row`, whose first one has that corner.
  __device__ __forceinline__ void rows(const Corner& corner, int row, const Slab& slab, uint32_t to,
                                       uint32_t barrier) const {
    if constexpr (kWindows)
      copy_windows(to, &p.x, slab.tap.channel, corner.x, corner.y, corner.image,
                   slab.tap.kx * p.windows.dilation_x, slab.tap.ky * p.windows.dilation_y, barrier);
    else
      copy_box(to, &p.x, slab.index * Layout::slab_columns, row * kWgmmaRows, barrier);
  }
};

/// One thread: brings what the teams work on, in their order.
template <class Layout, bool kWindows>
struct WgmmaProducer {
  using Slabs = WgmmaSlabs<Layout, kWindows>;
  using Slab = typename Slabs::Slab;
  const WgmmaArgs& p;
  const Layout& at;
  const WgmmaTiles& tiles;

  /// The weights of a slab of columns `column`, unless tile i finds them there.
  __device__ __forceinline__ void weights(int i, int column, const Slab& slab, int slot) const {
    const uint32_t barrier = at.full + slot * 8;
    if (p.resident && i > 0) return barrier_arrive_expect(barrier, Layout::box_bytes);
    barrier_arrive_expect(barrier, Layout::weight_bytes + Layout::box_bytes);
    const int place = p.resident ? slab.index : slot;
    Slabs{p}.weights(column, slab, at.weights + place * at.weight_step, barrier);
  }
  /// The weights that go to the first turn of the ring; they depend on no kernel.
  __device__ __forceinline__ void start() const {
    WgmmaTiles tile = tiles;
    for (int i = 0, slot = 0; i < tiles.count && slot < p.stages; ++i, tile.next())
      for (Slab slab; slab.index != p.slabs && slot < p.stages; slab.next(p), ++slot)
        weights(i, tile.column, slab, slot);
  }
  __device__ __forceinline__ void work() const {
    start();
    wait_for_previous();
    WgmmaTiles tile = tiles;
    RingPlace place;
    int left = p.stages;  // of the first turn
    for (int i = 0; i < tiles.count; ++i, tile.next()) {
      const typename Slabs::Corner corner(p, tile.row * kWgmmaRows);
      for (Slab slab; slab.index != p.slabs; slab.next(p), place.next(p.stages)) {
        if (--left < 0) {
          barrier_wait(at.empty + place.slot * 8, place.parity ^ 1);
          weights(i, tile.column, slab, place.slot);
        }
        Slabs{p}.rows(corner, tile.row, slab, at.ring + place.slot * at.slot_bytes,
                      at.full + place.slot * 8);
      }
    }
  }
};

/// One thread: brings residuals to where the results of two tiles ago have left.
template <class Layout>
struct WgmmaResiduals {
  const WgmmaArgs& p;
  const Layout& at;
  const WgmmaTiles& tiles;

  __device__ __forceinline__ void work() const {
    wait_for_previous();
    WgmmaTiles tile = tiles;
    for (int i = 0; i < tiles.count; ++i, tile.next()) {
      const int team = i % kTeams, turn = i / kTeams;
      const uint32_t barrier = at.residuals + team * 8;
      if (turn > 0) barrier_wait(at.results_read + team * 8, turn - 1 & 1);
      barrier_arrive_expect(barrier, Layout::boxes * Layout::box_bytes);
#pragma unroll
      for (int box = 0; box < Layout::boxes; ++box)
        copy_box(at.results + team * Layout::result_bytes + box * Layout::box_bytes, &p.residual,
                 tile.column * Layout::block_n + box * Layout::box_columns, tile.row * kWgmmaRows,
                 barrier);
    }
  }
};

/// Two warps: bring the vectors of every tile, but for the norms of a team's first one, which the
/// team makes sooner.
template <class Layout>
struct WgmmaVectors {
  static constexpr int kThreads = kVectorThreads, kRows = kWgmmaRows / kThreads;  // of a thread
  const WgmmaArgs& p;
  const Layout& at;
  char* vectors;  // of all teams
  int thread;

  __device__ __forceinline__ void load_columns(const WgmmaTiles& tile, float* to) const {
#pragma unroll
    for (int c = thread; c < Layout::block_n; c += kThreads) {
      const int column = tile.column * Layout::block_n + c;
#pragma unroll
      for (int i = 0; i < Layout::column_vectors; ++i)
        to[i * Layout::block_n + c] =
            p.vectors[i] != nullptr && column < p.n ? p.vectors[i][column] : 0.0f;
    }
  }
  __device__ __forceinline__ void load_rows(const WgmmaTiles& tile, float2* norms) const {
    float2 sums[kRows]{};
#pragma unroll 4
    for (int part = 0; part < p.row_parts; ++part)
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int row = min(tile.row * kWgmmaRows + i * kThreads + thread, p.m - 1);
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
      if (!Layout::codes_in && i >= kTeams)
        load_rows(tile, reinterpret_cast<float2*>(to + Layout::norms_at));
      barrier_arrive(at.vectors_full + place.index * 8);
    }
  }
};

}  // namespace vitro::cuda
