#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/activation.h"

namespace vitro::cpu {

/// The right-hand matrix [k, n] of a product, seen as panels of 16 columns:
/// element (i, j) is data[(j / 16) * panel_stride + i * row_stride + j % 16], or that of bfloat16.
struct PanelMatrix {
  const float* data = nullptr;
  ptrdiff_t panel_stride = 0;  ///< elements
  ptrdiff_t row_stride = 0;    ///< elements
  /// Instead of data, packed: weights that are stored in half the memory and multiplied as the
  /// float32 numbers they stand for. (Those of a product in bfloat16 are GemmArgs::pairs.)
  const uint16_t* bfloat16 = nullptr;
};

/// Weights packed with pack_panel16 (backends/cpu/kernels/panel16.h).
inline PanelMatrix panel16_matrix(const float* packed, int64_t k) { return {packed, 16 * k, 16}; }
/// The same, rounded to bfloat16 after packing.
inline PanelMatrix panel16_matrix(const uint16_t* packed, int64_t k) {
  return {nullptr, 16 * k, 16, packed};
}
/// A plain row-major matrix; columns past n are never read.
inline PanelMatrix row_major_matrix(const float* data, int64_t ld) { return {data, 16, ld}; }

/// How numbers become codes: clamp(round(fma(x, factor[i], offset[i])), 0, 255), halves to even;
/// NaN becomes 0.
struct Quantizer {
  const float* factor = nullptr;
  const float* offset = nullptr;
};

/// A right-hand matrix [n, k] of int8, by which codes are multiplied: exactly, in int32. The
/// product is fma(float(sum), scale[n], bias[n]).
struct QuantizedMatrix {
  const int8_t* data = nullptr;  ///< packed with pack_panel16x4
  const float* scale = nullptr;  ///< [n]
  Quantizer rows;                ///< [k], of the rows of A
};
/// No greater k is taken: the sum of so many products of 255 and 127 is below 2^31.
inline constexpr int64_t kMaxQuantizedDepth = 66311;
/// From one row of k codes to the next. Products read whole blocks of 64, whatever lies behind the
/// k codes; an odd number of cache lines spreads rows over all cache sets.
inline int64_t code_stride(int64_t k) { return ((k + 63) / 64 | 1) * 64; }
/// The same of rows of bfloat16, which products read in whole blocks: what fills the last one is 0.
inline constexpr int64_t kBFloat16Block = 32;
inline int64_t bfloat16_stride(int64_t k) { return code_stride(2 * k) / 2; }

/// Images whose kernel_h x kernel_w patches are the rows of A, in row-major order of (image, out_y,
/// out_x), zeros outside of an image. k = kernel_h * kernel_w * channels, ordered (kernel_y,
/// kernel_x, channel).
struct PatchSource {
  const float* input = nullptr;  ///< [n, h, w, pixel_stride], of each pixel the first channels
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t channels = 0;
  int64_t kernel_h = 0;
  int64_t kernel_w = 0;
  int64_t out_h = 0;
  int64_t out_w = 0;
  int64_t stride_h = 1;
  int64_t stride_w = 1;
  int64_t pixel_stride = 0;  ///< floats
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int64_t dilation_h = 1;
  int64_t dilation_w = 1;
  /// Of a quantized product, instead of input: its codes, and [channels] those of 0.
  const uint8_t* codes = nullptr;
  const uint8_t* outside = nullptr;
};

/// C[m, n] = activation(normalise(A)[m, k] * B[k, n] + bias + residual), each step optional. With
/// `quantized` or `pairs` in the place of b, rows of A become codes or bfloat16, or are that
/// already, and C may be made of what the next product reads.
struct GemmArgs {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const float* a = nullptr;  ///< [m, lda]; unused when patches is set
  int64_t lda = 0;
  const PatchSource* patches = nullptr;  ///< gathers A on the fly; excludes layer_norm
  PanelMatrix b;
  QuantizedMatrix quantized;             ///< instead of b where its data is set
  const uint8_t* codes = nullptr;        ///< [m, lda] instead of a; lda = code_stride(k)
  const uint16_t* pairs = nullptr;       ///< instead of b: bfloat16, packed with pack_panel16x2
  const uint16_t* a_bfloat16 = nullptr;  ///< [m, lda] instead of a; lda = bfloat16_stride(k)
  const float* bias = nullptr;           ///< [n] or null
  /// [m, ldr] or null; may be c itself, but with patches, and never partly overlap it.
  const float* residual = nullptr;
  int64_t ldr = 0;
  float* c = nullptr;  ///< [m, ldc]
  int64_t ldc = 0;
  uint8_t* result_codes = nullptr;  ///< [m, ldc] of a quantized product, instead of c
  Quantizer result;                 ///< [n], with result_codes
  /// [m, ldc] of a product in bfloat16, instead of c; ldc = bfloat16_stride(n).
  uint16_t* c_bfloat16 = nullptr;
  Activation activation;
  bool layer_norm = false;  ///< rows of A become (x - mean) / sqrt(var + eps)
  float eps = 0;
  float* scratch = nullptr;  ///< GemmKernel::scratch_size floats, private to the thread
};

/// Codes of x [rows, channels].
using QuantizeRows = void (*)(const float* x, int64_t rows, int64_t channels, const Quantizer& q,
                              uint8_t* dst);

/// Computes rows [m_begin, m_end) of panels [panel_begin, panel_end), a panel being 16 columns.
/// Results are the same bits however a product is cut into such calls.
using GemmTile = void (*)(const GemmArgs& args, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                          int64_t panel_end);

/// Floats of scratch that one call of GemmTile may need, whatever the range: a multiple of 16.
/// Depends on k, layer_norm, the extents of patches and the kinds of a and b only.
using GemmScratchSize = size_t (*)(const GemmArgs& args);

/// What the parts of a product cost, for cutting it between threads: in calls of the micro-kernel,
/// which takes `rows` rows and `panels` panels.
struct GemmCosts {
  int64_t rows = 6;
  int64_t panels = 4;
  double per_rows = 0.05;   ///< reading (and normalising) `rows` rows
  double per_panels = 0.1;  ///< reading `panels` panels
};

/// A product on one instruction set.
struct GemmKernel {
  GemmTile tile = nullptr;
  GemmScratchSize scratch_size = nullptr;
  GemmCosts costs;
  /// Multiply-adds in registers only, probe_multiply_adds per iteration: what tile cannot exceed.
  float (*probe)(int64_t iterations) = nullptr;
  double probe_multiply_adds = 0;
};

/// How to cut a product between threads: call (i, j) computes rows [i * rows, min(m, (i + 1) *
/// rows)) and panels [j * panels, min(ceil(n / 16), (j + 1) * panels)).
struct GemmGrid {
  int64_t rows = 0;
  int64_t panels = 0;
  int64_t row_tiles = 0;
  int64_t panel_tiles = 0;
  int64_t count() const { return row_tiles * panel_tiles; }
};
/// At most `threads` calls of nearly equal length, fewer when the product is small. m, n, k >= 1.
GemmGrid gemm_grid(int64_t m, int64_t n, int64_t k, int threads, const GemmCosts& costs = {});

}  // namespace vitro::cpu
