#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/amx_config.h"
#include "backends/cpu/kernels/amx_operands_impl.h"

// Tile instructions, and what is done between them.
namespace vitro::cpu {
namespace {

/// Bias, residual and activation of one group of columns, a few rows at a time between the tile
/// instructions of the next group: those leave the vector units idle.
class Finisher {
 public:
  Finisher() = default;
  /// `sums` [rows][kGroupColumns] are those of rows [row, row + rows) and of `panels` panels.
  Finisher(const GemmArgs& g, const float* sums, int64_t row, int64_t rows, int64_t panel,
           int64_t panels)
      : sums_(sums),
        bias_(g.bias ? g.bias + panel * 16 : nullptr),
        residual_(g.residual ? g.residual + row * g.ldr + panel * 16 : nullptr),
        c_(g.c + row * g.ldc + panel * 16),
        ldr_(g.ldr),
        ldc_(g.ldc),
        left_(rows),
        activation_(g.activation),
        columns_(static_cast<int>(std::min(g.n - panel * 16, panels * 16))) {
    for (int v = 0; v < kGroupPanels; ++v) masks_[v] = V::tail(columns_ - 16 * v);
  }

  int64_t left() const { return left_; }
  void step(int64_t rows) {
    for (; rows > 0 && left_ > 0; --rows, --left_) {
#pragma GCC unroll 2
      for (int v = 0; v < kGroupPanels; ++v) {
        __m512 y = V::load(sums_ + 16 * v);
        if (bias_) y = V::add(y, V::load_tail(bias_ + 16 * v, masks_[v]));
        if (residual_) y = V::add(y, V::load_tail(residual_ + 16 * v, masks_[v]));
        V::store_tail(c_ + 16 * v, y, masks_[v]);
      }
      if (activation_.kind != Activation::Kind::None)
        activate<V>(activation_, {.x = c_, .dst = c_, .columns = columns_});
      sums_ += kGroupColumns;
      c_ += ldc_;
      if (residual_) residual_ += ldr_;
    }
  }

 private:
  const float* sums_ = nullptr;
  const float *bias_ = nullptr, *residual_ = nullptr;
  float* c_ = nullptr;
  int64_t ldr_ = 0, ldc_ = 0, left_ = 0;
  Activation activation_;
  int columns_ = 0;
  V::Mask masks_[kGroupPanels] = {};
};

template <class W>
struct TileProduct {
  const char* a;          // the first k block of the chunk
  int64_t a_tile_stride;  // from one row tile to the next, bytes
  const char* b;
  int64_t blocks;  // of the chunk
  float* c;        // [kRowTiles * height][kGroupColumns]
  int64_t height;
  bool first;               // C starts at zero
  const char* prefetch;     // weights of the next group of columns
  int64_t lines;            // of them, for each product of parts
  Finisher* finisher;       // of the group before
  int64_t finished;         // rows of it, for each product of parts
  WeightLoader<W>* loader;  // of the next chunk
  int64_t loaded;           // pairs of it, for each product of parts
};

template <class W, int kRowTiles>
inline void load_a(const TileProduct<W>& t, int64_t offset) {
  _tile_loadd(4, t.a + offset, 64);
  if constexpr (kRowTiles > 1) _tile_loadd(5, t.a + t.a_tile_stride + offset, 64);
}

template <class W, int kPanels>
inline void load_b(const char* b) {
  _tile_loadd(6, b, 64);
  if constexpr (kPanels > 1) _tile_loadd(7, b + kWeightBytes<W>, 64);
}

/// Prefetches go between tile instructions: in a burst they would hold all fill buffers, for which
/// the loads of A then wait.
template <class W, int kRowTiles, int kPanels>
inline void multiply(TileProduct<W>& t) {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (kPanels > 1) _tile_dpbf16ps(1, 4, 7);
  if constexpr (kRowTiles > 1) _tile_dpbf16ps(2, 5, 6);
  if constexpr (kRowTiles > 1 && kPanels > 1) _tile_dpbf16ps(3, 5, 7);
  for (int64_t i = 0; i < t.lines; ++i, t.prefetch += 64) __builtin_prefetch(t.prefetch, 0, 2);
  t.finisher->step(t.finished);
  t.loader->step(t.loaded);
}

/// C += A B over one chunk of k for up to two row tiles and two panels.
template <class W, int kRowTiles, int kPanels>
void tile_product(TileProduct<W>& t) {
  constexpr bool kSplit = W::kParts > 1;
  constexpr int64_t kStride = kGroupColumns * sizeof(float);
  float* second = t.c + t.height * kGroupColumns;
  if (t.first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, t.c, kStride);
    if constexpr (kPanels > 1) _tile_loadd(1, t.c + 16, kStride);
    if constexpr (kRowTiles > 1) _tile_loadd(2, second, kStride);
    if constexpr (kRowTiles > 1 && kPanels > 1) _tile_loadd(3, second + 16, kStride);
  }
  const char* b = t.b;
  for (int64_t block = 0; block < t.blocks; ++block) {
    const int64_t a = block * kBlockBytes;
    load_a<W, kRowTiles>(t, a);
    load_b<W, kPanels>(b);
    multiply<W, kRowTiles, kPanels>(t);
    if constexpr (kSplit) {
      load_b<W, kPanels>(b + 2 * kTileBytes);
      multiply<W, kRowTiles, kPanels>(t);
      load_b<W, kPanels>(b + kTileBytes);
      multiply<W, kRowTiles, kPanels>(t);
    }
    load_a<W, kRowTiles>(t, a + kTileBytes);
    multiply<W, kRowTiles, kPanels>(t);
    if constexpr (kSplit) {
      load_b<W, kPanels>(b);
      multiply<W, kRowTiles, kPanels>(t);
    }
    load_a<W, kRowTiles>(t, a + 2 * kTileBytes);
    multiply<W, kRowTiles, kPanels>(t);
    b += kGroupPanels * kWeightBytes<W>;
  }
  _tile_stored(0, t.c, kStride);
  if constexpr (kPanels > 1) _tile_stored(1, t.c + 16, kStride);
  if constexpr (kRowTiles > 1) _tile_stored(2, second, kStride);
  if constexpr (kRowTiles > 1 && kPanels > 1) _tile_stored(3, second + 16, kStride);
}
}  // namespace
}  // namespace vitro::cpu
