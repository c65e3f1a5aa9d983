#pragma once

#include <algorithm>

#include "backends/cpu/kernels/amx_config.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/vec_avx512.h"

// The operands of gemm_tile_amx as tiles of bf16 parts.
namespace vitro::cpu {
namespace {

using V = VecAvx512;

constexpr int64_t kTileDepth = 32;    // k's that one tile instruction multiplies
constexpr int64_t kTileBytes = 1024;  // 16 rows of 16 pairs of bf16
constexpr int64_t kParts = 3;
constexpr int64_t kBlockBytes = kParts * kTileBytes;  // the parts of one tile, one after the other
constexpr int64_t kGroupPanels = 2;                   // columns: two tiles, 32
constexpr int64_t kGroupColumns = 16 * kGroupPanels;
// Two chunks of B, one at work and one in the making, and the tiles of A that pass stay in the
// first-level cache.
constexpr int64_t kMaxChunkBytes = 12 << 10;
inline int64_t depth_blocks(int64_t k) { return (k + kTileDepth - 1) / kTileDepth; }

/// The bf16 parts of sixteen pairs of floats: x in the low halves, y in the high ones. Cutting off
/// instead of rounding leaves remainders that the next part begins to hold exactly.
inline void store_parts(__m512 x, __m512 y, char* dst) {
  const __m512i high_half = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
#pragma GCC unroll 3
  for (int64_t part = 0; part < kParts; ++part) {
    const __m512i bits_x = _mm512_castps_si512(x);
    const __m512i high_y = _mm512_and_si512(_mm512_castps_si512(y), high_half);
    _mm512_storeu_si512(dst + part * kTileBytes,
                        _mm512_or_si512(_mm512_srli_epi32(bits_x, 16), high_y));
    x = _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_and_si512(bits_x, high_half)));
    y = _mm512_sub_ps(y, _mm512_castsi512_ps(high_y));
  }
}

/// Weights of float32 are split as the rows of A are.
struct Float32Weights {
  using Row = __m512;
  static constexpr int64_t kParts = 3;
  static constexpr int64_t kChunkBlocks = 2;
  // Of parts, for each k block: (high, high), (high, low), (high, middle), (middle, middle),
  // (middle, high), (low, high).
  static constexpr int64_t kProducts = 6;

  static const float* data(const PanelMatrix& b) { return b.data; }
  static Row load(const float* src, __mmask16 columns) { return V::load_tail(src, columns); }
  static Row zero() { return V::zero(); }
  static void store(Row x, Row y, char* dst) { store_parts(x, y, dst); }
};

/// Weights of bf16 are one part: the products with the three of A are exact.
struct BFloat16Weights {
  using Row = __m512i;  // the bits in the low halves
  static constexpr int64_t kParts = 1;
  static constexpr int64_t kChunkBlocks = 4;
  static constexpr int64_t kProducts = 3;

  static const uint16_t* data(const PanelMatrix& b) { return b.bfloat16; }
  static Row load(const uint16_t* src, __mmask16 columns) {
    return _mm512_maskz_cvtepu16_epi32(columns,
                                       _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src)));
  }
  static Row zero() { return _mm512_setzero_si512(); }
  static void store(Row x, Row y, char* dst) {
    _mm512_storeu_si512(dst, _mm512_or_si512(x, _mm512_slli_epi32(y, 16)));
  }
};

template <class W>
constexpr int64_t kWeightBytes = W::kParts* kTileBytes;  // the parts of one tile of B
template <class W>
constexpr int64_t kChunkBytes = W::kChunkBlocks* kGroupPanels* kWeightBytes<W>;
static_assert(kChunkBytes<Float32Weights> <= kMaxChunkBytes);
static_assert(kChunkBytes<BFloat16Weights> <= kMaxChunkBytes);

/// A row of A into row `index` of its tiles: pairs are k's 16 apart, as those of the weights.
inline void split_row(const float* row, int64_t k, int64_t index, char* tiles) {
  char* dst = tiles + index * 64;
  for (int64_t base = 0; base < k; base += kTileDepth, dst += kBlockBytes) {
    const auto left = static_cast<int>(std::min(k - base, kTileDepth));
    const __m512 x = V::load_tail(row + base, V::tail(left));
    const __m512 y = left > 16 ? V::load_tail(row + base + 16, V::tail(left - 16)) : V::zero();
    store_parts(x, y, dst);
  }
}

/// Two panels (or the last one) of B and some of its k's.
template <class W>
struct Chunk {
  int64_t panel;
  int64_t panels;
  int64_t k;
  int64_t depth;

  Chunk(const GemmArgs& g, int64_t first_panel, int64_t end, int64_t first_k)
      : panel(first_panel),
        panels(std::min(end - first_panel, kGroupPanels)),
        k(first_k),
        depth(std::min(g.k - first_k, W::kChunkBlocks * kTileDepth)) {}

  bool last_of_group(const GemmArgs& g) const { return k + depth == g.k; }
  Chunk next(const GemmArgs& g, int64_t end) const {
    return last_of_group(g) ? Chunk(g, panel + kGroupPanels, end, 0)
                            : Chunk(g, panel, end, k + depth);
  }
};

/// The weights of a chunk into tiles, a few pairs of k's at a time between the tile instructions of
/// the chunk before: those leave the vector units idle.
template <class W>
class WeightLoader {
 public:
  /// Nothing to do for a chunk of no panels.
  WeightLoader(const GemmArgs& g, const Chunk<W>& chunk, char* dst)
      : panel_stride_(g.b.panel_stride),
        row_stride_(g.b.row_stride),
        depth_(chunk.depth),
        panels_(chunk.panels),
        dst_(dst) {
    if (panels_ <= 0) return;
    src_ = W::data(g.b) + chunk.panel * panel_stride_ + chunk.k * row_stride_;
    left_ = depth_blocks(depth_) * panels_ * 16;
    for (int64_t p = 0; p < panels_; ++p)
      masks_[p] = V::tail(static_cast<int>(std::min<int64_t>(16, g.n - (chunk.panel + p) * 16)));
  }

  int64_t left() const { return left_; }
  void step(int64_t pairs) {
    for (; pairs > 0 && left_ > 0; --pairs, --left_) {
      const int64_t k = block_ * kTileDepth + pair_;
      const auto* row = src_ + panel_ * panel_stride_ + k * row_stride_;
      W::store(k < depth_ ? W::load(row, masks_[panel_]) : W::zero(),
               k + 16 < depth_ ? W::load(row + 16 * row_stride_, masks_[panel_]) : W::zero(),
               dst_ + (block_ * kGroupPanels + panel_) * kWeightBytes<W> + pair_ * 64);
      if (++pair_ < 16) continue;
      pair_ = 0;
      if (++panel_ < panels_) continue;
      panel_ = 0;
      ++block_;
    }
  }

 private:
  decltype(W::data(PanelMatrix())) src_ = nullptr;
  int64_t panel_stride_, row_stride_, depth_, panels_;
  char* dst_;
  int64_t left_ = 0, pair_ = 0, panel_ = 0, block_ = 0;
  V::Mask masks_[kGroupPanels] = {};
};
}  // namespace
}  // namespace vitro::cpu
