#include "backends/cpu/kernels/winograd.h"

#include <vector>

#include "backends/cpu/kernels/panel16.h"

namespace vitro::cpu {
namespace {

/// What the taps of one axis are multiplied by: a row for each point.
using Factors = std::vector<double>;  // [tile + 2, 3]

Factors factors_of(int64_t tile) {
  if (tile == 2) return {1, 0, 0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0, 0, 1};
  constexpr double a = kWinogradNear, b = kWinogradFar;
  constexpr double near = 1 / (2 * a * a * (a * a - b * b)),
                   far = 1 / (2 * b * b * (b * b - a * a));
  return {1 / (a * a * b * b),
          0,
          0,  //
          near,
          a * near,
          a * a * near,  //
          near,
          -a * near,
          a * a * near,  //
          far,
          b * far,
          b * b * far,  //
          far,
          -b * far,
          b * b * far,  //
          0,
          0,
          1};
}

/// One channel of a panel: taps [3, 3], `tap_stride` floats apart, to points, `stride` apart.
void transform_panel_row(const Factors& factors, int64_t points, const float* taps,
                         int64_t tap_stride, float* dst, int64_t stride) {
  double columns[6][3][kPanelWidth];
  for (int64_t i = 0; i < points; ++i)
    for (int64_t x = 0; x < 3; ++x)
      for (int64_t j = 0; j < kPanelWidth; ++j) {
        const float* tap = taps + x * tap_stride + j;
        const double* f = &factors[static_cast<size_t>(i * 3)];
        columns[i][x][j] = f[0] * tap[0] + f[1] * tap[3 * tap_stride] + f[2] * tap[6 * tap_stride];
      }
  for (int64_t i = 0; i < points; ++i)
    for (int64_t k = 0; k < points; ++k, dst += stride) {
      const double* f = &factors[static_cast<size_t>(k * 3)];
      for (int64_t j = 0; j < kPanelWidth; ++j)
        dst[j] = static_cast<float>(f[0] * columns[i][0][j] + f[1] * columns[i][1][j] +
                                    f[2] * columns[i][2][j]);
    }
}

}  // namespace

size_t winograd_weights_size(int64_t tile, int64_t out_channels, int64_t channels) {
  return static_cast<size_t>(winograd_points(tile)) * panel16_size(out_channels, channels);
}

void winograd_weights(int64_t tile, const float* panels, int64_t out_channels, int64_t channels,
                      float* dst) {
  const Factors factors = factors_of(tile);
  const auto stride = static_cast<int64_t>(panel16_size(out_channels, channels));
  const int64_t tap_stride = channels * kPanelWidth;
  for (int64_t panel = 0; panel < num_panels(out_channels); ++panel, panels += 9 * tap_stride)
    for (int64_t channel = 0; channel < channels; ++channel, dst += kPanelWidth)
      transform_panel_row(factors, tile + 2, panels + channel * kPanelWidth, tap_stride, dst,
                          stride);
}

}  // namespace vitro::cpu
