#include "backends/cpu/kernels/gemm_amx.h"

#include <algorithm>

#include "backends/cpu/kernels/gemm_rows_impl.h"
#include "backends/cpu/kernels/math_impl.h"
#include "backends/cpu/kernels/row_tiles.h"
#include "backends/cpu/kernels/vec_avx512.h"

namespace vitro::cpu {
namespace {

using V = VecAvx512;

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileDepth = 32;    // k's that one tile instruction multiplies
constexpr int64_t kTileBytes = 1024;  // 16 rows of 16 pairs of bf16
constexpr int64_t kParts = 3;
constexpr int64_t kBlockBytes = kParts * kTileBytes;  // the parts of one tile, one after the other
constexpr int64_t kGroupPanels = 2;                   // columns: two tiles, 32
constexpr int64_t kGroupColumns = 16 * kGroupPanels;
// A chunk of B is made into tiles right behind the instructions that multiply the one before it,
// which it overlaps with. The two and the tiles of A that pass stay in the first-level cache.
constexpr int64_t kMaxChunkBytes = 12 << 10;
// The parts of a block of rows of A take half of the second-level cache at most.
constexpr int64_t kRowBlockBytes = 1 << 20;
constexpr int64_t kMaxRowBlock = 256;

int64_t depth_blocks(int64_t k) { return (k + kTileDepth - 1) / kTileDepth; }

int64_t row_block(int64_t k) {
  const int64_t pairs = kRowBlockBytes / (2 * depth_blocks(k) * kBlockBytes);
  return std::clamp(2 * kTileRows * pairs, 2 * kTileRows, kMaxRowBlock);
}

/// Where a call works: all private to the thread.
struct Workspace {
  char* a;     // [row tile][k block][part][16 rows][32 k's]
  char* b[2];  // two chunks: [k block][panel][part][16 pairs of k's][16 columns]
  float* c;    // [rows][kGroupColumns], sums so far
  float* row;  // one prepared row of A

  Workspace(float* scratch, int64_t k) {
    a = reinterpret_cast<char*>(scratch);
    b[0] = a + row_block(k) / kTileRows * depth_blocks(k) * kBlockBytes;
    b[1] = b[0] + kMaxChunkBytes;
    c = reinterpret_cast<float*>(b[1] + kMaxChunkBytes);
    row = c + row_block(k) * kGroupColumns;
  }
};

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

/// A row of A into row `index` of its tiles: pairs are k's 16 apart, as in load_weights().
void split_row(const float* row, int64_t k, int64_t index, char* tiles) {
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

/// The weights of a chunk into tiles.
template <class W>
void load_weights(const GemmArgs& g, const Chunk<W>& chunk, char* dst) {
  for (int64_t p = 0; p < chunk.panels; ++p, dst += kWeightBytes<W>) {
    const int64_t panel = chunk.panel + p;
    const auto* src = W::data(g.b) + panel * g.b.panel_stride + chunk.k * g.b.row_stride;
    const auto mask = V::tail(static_cast<int>(std::min<int64_t>(16, g.n - panel * 16)));
    const auto load = [&](int64_t k) {
      return k < chunk.depth ? W::load(src + k * g.b.row_stride, mask) : W::zero();
    };
    for (int64_t block = 0; block < depth_blocks(chunk.depth); ++block) {
      char* tiles = dst + block * kGroupPanels * kWeightBytes<W>;
      for (int64_t pair = 0; pair < 16; ++pair) {
        const int64_t k = block * kTileDepth + pair;
        W::store(load(k), load(k + 16), tiles + pair * 64);
      }
    }
  }
}

/// The shapes of the tile registers 0 to 7, as LDTILECFG reads them.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  /// Registers 0 to 3 hold C, 4 and 5 hold A, all `height` rows high; 6 and 7 hold B.
  explicit TileConfig(int64_t height) {
    for (int i = 0; i < 8; ++i) {
      row_bytes[i] = 64;
      rows[i] = static_cast<uint8_t>(i < 6 ? height : kTileRows);
    }
  }
};

struct TileProduct {
  const char* a;          // the first k block of the chunk
  int64_t a_tile_stride;  // from one row tile to the next, bytes
  const char* b;
  int64_t blocks;  // of the chunk
  float* c;        // [kRowTiles * height][kGroupColumns]
  int64_t height;
  bool first;            // C starts at zero
  const char* prefetch;  // weights of the next group of columns
  int64_t lines;         // of them, for each product of parts
};

template <int kRowTiles>
inline void load_a(const TileProduct& t, int64_t offset) {
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
template <int kRowTiles, int kPanels>
inline void multiply(TileProduct& t) {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (kPanels > 1) _tile_dpbf16ps(1, 4, 7);
  if constexpr (kRowTiles > 1) _tile_dpbf16ps(2, 5, 6);
  if constexpr (kRowTiles > 1 && kPanels > 1) _tile_dpbf16ps(3, 5, 7);
  for (int64_t i = 0; i < t.lines; ++i, t.prefetch += 64) __builtin_prefetch(t.prefetch, 0, 2);
}

/// C += A B over one chunk of k for up to two row tiles and two panels.
template <class W, int kRowTiles, int kPanels>
void tile_product(TileProduct& t) {
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
    load_a<kRowTiles>(t, a);
    load_b<W, kPanels>(b);
    multiply<kRowTiles, kPanels>(t);
    if constexpr (kSplit) {
      load_b<W, kPanels>(b + 2 * kTileBytes);
      multiply<kRowTiles, kPanels>(t);
      load_b<W, kPanels>(b + kTileBytes);
      multiply<kRowTiles, kPanels>(t);
    }
    load_a<kRowTiles>(t, a + kTileBytes);
    multiply<kRowTiles, kPanels>(t);
    if constexpr (kSplit) {
      load_b<W, kPanels>(b);
      multiply<kRowTiles, kPanels>(t);
    }
    load_a<kRowTiles>(t, a + 2 * kTileBytes);
    multiply<kRowTiles, kPanels>(t);
    b += kGroupPanels * kWeightBytes<W>;
  }
  _tile_stored(0, t.c, kStride);
  if constexpr (kPanels > 1) _tile_stored(1, t.c + 16, kStride);
  if constexpr (kRowTiles > 1) _tile_stored(2, second, kStride);
  if constexpr (kRowTiles > 1 && kPanels > 1) _tile_stored(3, second + 16, kStride);
}

/// Rows [row, row + rows) of the columns of a chunk: bias, GELU, residual.
template <class W>
void finish(const GemmArgs& g, const float* sums, int64_t row, int64_t rows,
            const Chunk<W>& chunk) {
  const int64_t column = chunk.panel * 16;
  const auto columns = static_cast<int>(std::min(g.n - column, chunk.panels * 16));
  const Gelu<V> gelu;
  for (int v = 0; v < columns; v += 16) {
    const auto mask = V::tail(columns - v);
    const __m512 bias = g.bias ? V::load_tail(g.bias + column + v, mask) : V::zero();
    for (int64_t r = 0; r < rows; ++r) {
      __m512 y = V::add(V::load(sums + r * kGroupColumns + v), bias);
      if (g.gelu) y = gelu(y);
      if (g.residual)
        y = V::add(y, V::load_tail(g.residual + (row + r) * g.ldr + column + v, mask));
      V::store_tail(g.c + (row + r) * g.ldc + column + v, y, mask);
    }
  }
}

/// Rows [row, row + rows) of A, at most row_block(k), against panels [begin, end).
template <class W>
class RowBlock {
 public:
  RowBlock(const GemmArgs& g, int64_t row, int64_t rows)
      : g_(g),
        work_(g.scratch, g.k),
        row_(row),
        rows_(rows),
        tiles_(even_tiles(rows)),
        height_((rows + tiles_ - 1) / tiles_),
        tile_stride_(depth_blocks(g.k) * kBlockBytes) {
    const TileConfig config(height_);
    _tile_loadconfig(&config);
    for (int64_t i = 0; i < rows; ++i) {
      const float* src = g.a + (row + i) * g.lda;
      if (gemm_copies_rows(g)) {
        prepare_rows<V>(g, row + i, row + i + 1, work_.row, 0);
        src = work_.row;
      }
      split_row(src, g.k, i % height_, work_.a + i / height_ * tile_stride_);
    }
  }

  void run(int64_t begin, int64_t end) const {
    Chunk<W> chunk(g_, begin, end, 0);
    load_weights(g_, chunk, work_.b[0]);
    for (int i = 0; chunk.panels > 0; i ^= 1) {
      if (chunk.panels == 1)
        multiply_chunk<1>(chunk, end, work_.b[i]);
      else
        multiply_chunk<2>(chunk, end, work_.b[i]);
      const Chunk<W> next = chunk.next(g_, end);
      if (next.panels > 0) load_weights(g_, next, work_.b[i ^ 1]);
      if (chunk.last_of_group(g_)) finish(g_, work_.c, row_, rows_, chunk);
      chunk = next;
    }
  }

 private:
  /// Pairs of row tiles keep four sums in flight; one tile alone would wait for its own.
  static int64_t even_tiles(int64_t rows) {
    return rows <= kTileRows ? 1 : (rows + 2 * kTileRows - 1) / (2 * kTileRows) * 2;
  }

  template <int kPanels>
  void multiply_chunk(const Chunk<W>& chunk, int64_t end, const char* b) const {
    const int64_t pairs = (tiles_ + 1) / 2;
    TileProduct t;
    t.a_tile_stride = tile_stride_;
    t.b = b;
    t.blocks = depth_blocks(chunk.depth);
    t.height = height_;
    t.first = chunk.k == 0;
    // Evenly over all the products of this group. Packed weights alone: rows of other matrices are
    // far apart.
    const int64_t next = chunk.panel + kGroupPanels;
    const int64_t calls = pairs * W::kProducts;  // for each k block
    const bool ahead = g_.b.row_stride == 16 && next < end;
    const auto* weights = W::data(g_.b) + (ahead ? next : 0) * g_.b.panel_stride;
    constexpr int64_t kLines = kGroupPanels * kTileDepth * 16 * sizeof(*weights) / 64;
    t.lines = ahead ? (kLines + calls - 1) / calls : 0;
    t.prefetch =
        reinterpret_cast<const char*>(weights) + chunk.k / kTileDepth * calls * t.lines * 64;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      t.a = work_.a + 2 * pair * tile_stride_ + chunk.k / kTileDepth * kBlockBytes;
      t.c = work_.c + 2 * pair * height_ * kGroupColumns;
      if (tiles_ > 1)
        tile_product<W, 2, kPanels>(t);
      else
        tile_product<W, 1, kPanels>(t);
    }
  }

  const GemmArgs& g_;
  Workspace work_;
  int64_t row_, rows_, tiles_, height_, tile_stride_;
};

}  // namespace

void gemm_tile_amx(const GemmArgs& g, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                   int64_t panel_end) {
  if (m_begin >= m_end || panel_begin >= panel_end) return;
  const RowTiles cut(m_begin, m_end, row_block(g.k));
  for (int64_t i = 0; i < cut.count; ++i) {
    if (g.b.bfloat16)
      RowBlock<BFloat16Weights>(g, cut.start(i), cut.rows(i)).run(panel_begin, panel_end);
    else
      RowBlock<Float32Weights>(g, cut.start(i), cut.rows(i)).run(panel_begin, panel_end);
  }
  _tile_release();
}

size_t gemm_scratch_size_amx(const GemmArgs& g) {
  const int64_t parts =
      row_block(g.k) / kTileRows * depth_blocks(g.k) * kBlockBytes + 2 * kMaxChunkBytes;
  // A prepared row may be written one vector beyond its end.
  const int64_t row = (g.k + 15) / 16 * 16 + 16;
  return static_cast<size_t>(parts) / sizeof(float) +
         static_cast<size_t>(row_block(g.k) * kGroupColumns + row);
}

float product_probe_amx(int64_t iterations) {
  alignas(64) uint16_t ones[kTileRows * kTileDepth];
  std::fill_n(ones, kTileRows * kTileDepth, uint16_t{0x3f80});  // as bf16
  alignas(64) float sums[kTileRows * 16];
  const TileConfig config(kTileRows);
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, ones, 64);
  _tile_loadd(5, ones, 64);
  _tile_loadd(6, ones, 64);
  _tile_loadd(7, ones, 64);
  for (int64_t n = 0; n < iterations; ++n) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, 64);
  _tile_release();
  return sums[0];
}

}  // namespace vitro::cpu
