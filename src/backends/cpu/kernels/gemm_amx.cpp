#include "backends/cpu/kernels/gemm_amx.h"

#include "backends/cpu/kernels/amx_tiles_impl.h"
#include "backends/cpu/kernels/gemm_rows_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

// The parts of a block of rows of A take half of the second-level cache at most.
constexpr int64_t kRowBlockBytes = 1 << 20;
constexpr int64_t kMaxRowBlock = 256;

int64_t row_block(int64_t k) {
  const int64_t pairs = kRowBlockBytes / (2 * depth_blocks(k) * kBlockBytes);
  return std::clamp(2 * kTileRows * pairs, 2 * kTileRows, kMaxRowBlock);
}

/// Where a call works: all private to the thread.
struct Workspace {
  char* a;      // [row tile][k block][part][16 rows][32 k's]
  char* b[2];   // two chunks: [k block][panel][part][16 pairs of k's][16 columns]
  float* c[2];  // of two groups of columns: [rows][kGroupColumns]
  float* row;   // one prepared row of A

  Workspace(float* scratch, int64_t k) {
    a = reinterpret_cast<char*>(scratch);
    b[0] = a + row_block(k) / kTileRows * depth_blocks(k) * kBlockBytes;
    b[1] = b[0] + kMaxChunkBytes;
    c[0] = reinterpret_cast<float*>(b[1] + kMaxChunkBytes);
    c[1] = c[0] + row_block(k) * kGroupColumns;
    row = c[1] + row_block(k) * kGroupColumns;
  }
};

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
    const TileConfig config(height_, height_);
    _tile_loadconfig(&config);
    for (int64_t i = 0; i < rows; ++i) {
      const float* src = g.a + (row + i) * g.lda;
      if (gemm_copies_rows(g)) {
        prepare_rows<V>(g, row + i, row + i + 1, 0, g.k, work_.row, 0);
        src = work_.row;
      }
      split_row(src, g.k, i % height_, work_.a + i / height_ * tile_stride_);
    }
  }

  void run(int64_t begin, int64_t end) const {
    Finisher finisher;
    int group = 0;
    Chunk<W> chunk(g_, begin, end, 0);
    WeightLoader<W> first(g_, chunk, work_.b[0]);
    first.step(first.left());
    for (int i = 0; chunk.panels > 0; i ^= 1) {
      const Chunk<W> next = chunk.next(g_, end);
      WeightLoader<W> loader(g_, next, work_.b[i ^ 1]);
      if (chunk.panels == 1)
        multiply_chunk<1>(chunk, end, work_.b[i], work_.c[group], finisher, loader);
      else
        multiply_chunk<2>(chunk, end, work_.b[i], work_.c[group], finisher, loader);
      loader.step(loader.left());
      if (chunk.last_of_group(g_)) {
        finisher.step(finisher.left());
        finisher = Finisher(g_, work_.c[group], row_, rows_, chunk.panel, chunk.panels);
        group ^= 1;
      }
      chunk = next;
    }
    finisher.step(finisher.left());
  }

 private:
  /// Pairs of row tiles keep four sums in flight; one tile alone would wait for its own.
  static int64_t even_tiles(int64_t rows) {
    return rows <= kTileRows ? 1 : (rows + 2 * kTileRows - 1) / (2 * kTileRows) * 2;
  }

  template <int kPanels>
  void multiply_chunk(const Chunk<W>& chunk, int64_t end, const char* b, float* c,
                      Finisher& finisher, WeightLoader<W>& loader) const {
    const int64_t pairs = (tiles_ + 1) / 2;
    TileProduct<W> t;
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
    t.finisher = &finisher;
    t.loader = &loader;
    t.loaded = (loader.left() + calls * t.blocks - 1) / (calls * t.blocks);
    const int64_t slots = calls * depth_blocks(g_.k);  // of a whole group
    t.finished = (rows_ + slots - 1) / slots;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      t.a = work_.a + 2 * pair * tile_stride_ + chunk.k / kTileDepth * kBlockBytes;
      t.c = c + 2 * pair * height_ * kGroupColumns;
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
         static_cast<size_t>(2 * row_block(g.k) * kGroupColumns + row);
}

float product_probe_amx(int64_t iterations) {
  alignas(64) uint16_t ones[kTileRows * kTileDepth];
  std::fill_n(ones, kTileRows * kTileDepth, uint16_t{0x3f80});  // as bf16
  alignas(64) float sums[kTileRows * 16];
  const TileConfig config(kTileRows, kTileRows);
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
