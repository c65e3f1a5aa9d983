#pragma once

#include "backends/cpu/kernels/activation_impl.h"

namespace vitro::cpu {
namespace {

/// One call of the micro-kernel: kRows rows by kVecs registers, which cover the columns.
struct MicroTile {
  int64_t k;
  const float* a;
  int64_t lda;
  const float* b;
  ptrdiff_t panel_stride;
  ptrdiff_t row_stride;
  const float* bias;
  const float* partial;  // the sums so far, instead of bias, or null
  int64_t ldp;
  const float* residual;
  int64_t ldr;
  float* c;
  int64_t ldc;
  bool clamp;  // of the result, to [low, high]
  float low;
  float high;
  int columns;               // valid columns, masked where they do not fill kVecs registers
  const uint16_t* bfloat16;  // what a kernel that expands reads instead of b
  float* expanded;           // and where it leaves the float32 panels
  const char* prefetch;      // what a later call reads, or null
  int64_t prefetch_step;     // bytes, for each of the k steps
};

/// Accumulators stay in registers for the whole of k, in order: that is what makes results
/// independent of the tiling. The kernel that expands reads bfloat16 weights and leaves float32
/// ones for the next calls: the stores overlap with its multiply-adds.
template <class V, int kRows, int kVecs, bool kTail, bool kExpand>
[[gnu::noinline]] void micro_kernel(const MicroTile& t) {
  using Reg = typename V::Reg;
  constexpr int kPerPanel = 16 / V::kWidth;
  typename V::Mask masks[kVecs];
  if constexpr (kTail) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) masks[v] = V::tail(t.columns - v * V::kWidth);
  }
  const auto read = [&](const float* p, [[maybe_unused]] int v) {
    if constexpr (kTail)
      return V::load_tail(p + v * V::kWidth, masks[v]);
    else
      return V::load(p + v * V::kWidth);
  };
  Reg acc[kRows][kVecs];
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
    const Reg first = t.bias ? read(t.bias, v) : V::zero();
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) acc[r][v] = t.partial ? read(t.partial + r * t.ldp, v) : first;
  }
  const float* a = t.a;
  [[maybe_unused]] const float* b = t.b;
  [[maybe_unused]] const uint16_t* bfloat16 = t.bfloat16;
  [[maybe_unused]] float* expanded = t.expanded;
  const char* prefetch = t.prefetch;
  const int64_t prefetch_step = t.prefetch_step;
  const int64_t lda = t.lda;
  const ptrdiff_t panel_stride = t.panel_stride;
  const ptrdiff_t row_stride = t.row_stride;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) __builtin_prefetch(t.c + r * t.ldc, 1);
  for (int64_t k = t.k; k > 0; --k) {
    Reg row[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const ptrdiff_t at = v / kPerPanel * panel_stride + v % kPerPanel * V::kWidth;
      if constexpr (kExpand) {
        row[v] = V::load_bfloat16(bfloat16 + at);
        V::store(expanded + at, row[v]);
      } else if constexpr (kTail) {
        row[v] = V::load_tail(b + at, masks[v]);
      } else {
        row[v] = V::load(b + at);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Reg x = V::set1(a[r * lda]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[r][v] = V::fma(x, row[v], acc[r][v]);
    }
    if (prefetch) {
      __builtin_prefetch(prefetch, 0, 2);
      prefetch += prefetch_step;
    }
    ++a;
    if constexpr (kExpand) {
      bfloat16 += row_stride;
      expanded += row_stride;
    } else {
      b += row_stride;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      Reg result = acc[r][v];
      const int column = v * V::kWidth;
      if (t.residual) result = V::add(result, read(t.residual + r * t.ldr, v));
      if (t.clamp) result = V::min(V::set1(t.high), V::max(V::set1(t.low), result));
      float* dst = t.c + r * t.ldc + column;
      if constexpr (kTail)
        V::store_tail(dst, result, masks[v]);
      else
        V::store(dst, result);
    }
  }
}

using MicroKernel = void (*)(const MicroTile&);

/// The micro-kernels by [rows - 1][registers - 1][tail][expand].
template <class V>
struct MicroTable {
  static constexpr int kMaxVecs = V::kGemmPanels * 16 / V::kWidth;
  MicroKernel entry[V::kGemmRows][kMaxVecs][2][2];

  constexpr MicroTable() : entry{} { fill<1>(); }
  template <int kRows, int kVecs = 1>
  constexpr void fill() {
    if constexpr (kRows > V::kGemmRows) {
      return;
    } else if constexpr (kVecs > kMaxVecs) {
      fill<kRows + 1>();
    } else {
      auto& kernels = entry[kRows - 1][kVecs - 1];
      kernels[0][0] = micro_kernel<V, kRows, kVecs, false, false>;
      kernels[0][1] = micro_kernel<V, kRows, kVecs, false, true>;
      kernels[1][0] = micro_kernel<V, kRows, kVecs, true, false>;
      kernels[1][1] = micro_kernel<V, kRows, kVecs, true, true>;
      fill<kRows, kVecs + 1>();
    }
  }
};

template <class V>
MicroKernel micro_kernel_for(int rows, int columns, bool expand) {
  static constexpr MicroTable<V> kTable;
  const int vecs = (columns + V::kWidth - 1) / V::kWidth;
  return kTable.entry[rows - 1][vecs - 1][columns % V::kWidth != 0][expand];
}

/// Tiles, one below the other, whose activation cannot be done in registers: their products go to a
/// buffer in L1 first, so that one compact loop applies it with enough independent work in flight.
/// At the end of a single tile the long chains of a function would wait for themselves.
template <class V>
class ActivatedTiles {
 public:
  explicit ActivatedTiles(const Activation& activation) : activation_(activation) {}
  bool is_full() const { return rows_.rows + V::kGemmRows > kRows; }
  void multiply(MicroKernel kernel, const MicroTile& tile, int rows) {
    if (rows_.rows == 0)
      rows_ = {buffer_, kColumns, tile.residual, tile.ldr, tile.c, tile.ldc, 0, tile.columns};
    MicroTile product = tile;
    product.residual = nullptr;
    product.c = buffer_ + rows_.rows * kColumns;
    product.ldc = kColumns;
    for (int r = 0; r < rows; ++r) __builtin_prefetch(tile.c + r * tile.ldc, 1);
    kernel(product);
    rows_.rows += rows;
  }
  void activate_all() {
    activate<V>(activation_, rows_);
    rows_.rows = 0;
  }

 private:
  static constexpr int kColumns = 16 * V::kGemmPanels;
  static constexpr int kFloats = 1536;
  static constexpr int kRows = kFloats / (V::kGemmRows * kColumns) * V::kGemmRows;

  const Activation& activation_;
  ActivationRows rows_{.rows = 0};
  alignas(64) float buffer_[kRows * kColumns];
};

}  // namespace
}  // namespace vitro::cpu
