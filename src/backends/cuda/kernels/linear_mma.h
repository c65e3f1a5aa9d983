#pragma once

#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/windows.h"

namespace vitro::cuda {

/// Where the rows of the left operand come from.
enum class RowSource {
  Rows,        // x[m, k]
  NormedRows,  // the same, each row normalised
  Windows,     // windows of x[n, h, w, c]: k is (ky, kx, c)
  Image,       // windows of float32 x[n, c, h, w]: k is (c, ky, kx)
};

/// A matrix product with its ends, as the kernels of linear_kernel.cuh see it.
struct MmaArgs {
  const void* x;
  const void* weight;    // [n, k], or the parts of float32 ones on tiles of Tf32x3: [2, n, k]
  const float* bias;     // [n] or null
  const void* residual;  // [m, n] or null
  const float* gamma;    // [n]; of the layer norm over each row of results, or null for none
  const float* beta;     // [n]
  void* y;               // [m, n]
  int m, n, k;
  float scale_k;             // 1 / k
  const float* weight_sums;  // [n], with row_sums
  const float2* row_sums;    // [m, row_parts]: of the rows to normalise, or null; as in LinearArgs
  float2* result_sums;       // [m, columns] or null
  int row_parts;
  float eps;  // of any norm
  Activation activation;
  int slabs;              // of 128 bytes of k
  Windows windows;        // of Windows and Image
  bool pixels;            // an Image is one of uint8 [n, h, w, c]: k is (ky, kx, c)
  bool image_is_aligned;  // is_aligned_image(windows)
  // Set by the launch:
  int columns;       // blocks beside each other
  int norms_offset;  // in shared memory, of what load_norms makes
  bool next_early;
};

/// Those of a product of rows on a tile of that kind.
MmaArgs mma_args(const LinearArgs& args, LinearKind kind);

/// The tiles of linear_mma.cuh by index; `product` is of float16, bfloat16 or float (as tf32).
struct MmaTile {
  const char* name;
  int block_m, block_n, stages;
};
inline constexpr MmaTile kMmaTiles[] = {{"mma_16x16", 16, 16, 32},  {"mma_16x32", 16, 32, 20},
                                        {"mma_16x64", 16, 64, 8},   {"mma_32x32", 32, 32, 8},
                                        {"mma_32x64", 32, 64, 8},   {"mma_64x64", 64, 64, 5},
                                        {"mma_128x64", 128, 64, 4}, {"mma_128x128", 128, 128, 3}};
/// In linear_tiles() they follow the one on FFMA.
inline constexpr int kFirstMmaTile = 1;
inline constexpr int kMmaTileCount = static_cast<int>(sizeof(kMmaTiles) / sizeof(kMmaTiles[0]));

/// Slabs of k that are rows.
inline int mma_slabs(Element element, int k) {
  return (k * static_cast<int>(element_size(element)) + 127) / 128;
}
/// Bytes of shared memory that a product of so many slabs takes.
size_t mma_shared_bytes(Element element, int tile, RowSource source, int slabs);

/// Launches tile `tile`. The caller has checked extents and alignment. With gamma, n must be
/// block_n times a cluster of at most 8 blocks.
void launch_mma(Element element, int tile, RowSource source, const MmaArgs& args,
                const Launch& launch);

}  // namespace vitro::cuda
