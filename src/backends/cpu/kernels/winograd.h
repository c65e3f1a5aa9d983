#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/activation.h"

namespace vitro::cpu {

/// Convolutions of 3x3 taps and stride 1 by Winograd's minimal filtering, F(2x2, 3x3) and
/// F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015). The
/// result is cut into tiles of 2x2 or 4x4 pixels. A tile is, transposed, a product of polynomials
/// that is computed by their values at tile + 2 points of each axis: instead of nine multiply-adds
/// for each pixel and pair of channels there is one for each tile and pair of points, 4 of a pixel
/// of 2x2 and 2.25 of one of 4x4. Those of all tiles and channels at one pair of points are a
/// product of matrices, [tiles, channels] * [channels, out_channels].
///
/// The points of 2x2 are 0, 1, -1 and infinity; those of 4x4 are 0, +-kWinogradNear, +-kWinogradFar
/// and infinity. With the usual 1 and 2 the error would be five times as large (nmse of 512
/// channels behind a ReLU: 1.3e-11 instead of 2.4e-12; the direct sum has 7e-13). All factors that
/// follow from these two are exact in float32.
inline constexpr float kWinogradNear = 0.6875f;
inline constexpr float kWinogradFar = 1.5f;

/// Pairs of points, one of each axis: the products of F(tile x tile, 3x3).
constexpr int64_t winograd_points(int64_t tile) { return (tile + 2) * (tile + 2); }

/// A convolution between two transforms, and where the tiles [first_tile, ...) lie between them.
/// Tiles are counted in row-major order of (image, y, x); those at the lower and right end may
/// reach beyond the result.
struct WinogradArgs {
  const float* input = nullptr;  ///< [n, in_h, in_w, channels], zeros outside
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t channels = 0;
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int64_t out_h = 0;
  int64_t out_w = 0;
  int64_t out_channels = 0;

  int64_t first_tile = 0;
  float* values = nullptr;      ///< of the input at the points: [points][tiles, channels]
  ptrdiff_t values_stride = 0;  ///< floats from one point's to the next's
  float* sums = nullptr;        ///< of the result: [points][tiles, out_channels]
  ptrdiff_t sums_stride = 0;

  const float* bias = nullptr;      ///< [out_channels] or null
  const float* residual = nullptr;  ///< [n, out_h, out_w, out_channels] or null; not output itself
  float* output = nullptr;          ///< [n, out_h, out_w, out_channels]
  Activation activation;
};

/// Tiles [begin, end), begin >= first_tile.
using WinogradTransform = void (*)(const WinogradArgs& args, int64_t begin, int64_t end);

/// The two ends of F(tile x tile, 3x3).
struct WinogradKernel {
  int64_t tile = 0;
  WinogradTransform input = nullptr;   ///< input -> values
  WinogradTransform output = nullptr;  ///< sums -> activation(... + bias + residual)
};

/// Floats of the weights of out_channels * channels kernels.
size_t winograd_weights_size(int64_t tile, int64_t out_channels, int64_t channels);
/// Panels of pack_panel16() of the weight [out_channels, 3, 3, channels] -> dst
/// [points][panels][channels][16], which panel16_matrix() reads; computed in double precision and
/// rounded once.
void winograd_weights(int64_t tile, const float* panels, int64_t out_channels, int64_t channels,
                      float* dst);

}  // namespace vitro::cpu
