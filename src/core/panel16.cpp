#include "core/panel16.h"

namespace vitro {

size_t panel16_size(int64_t n, int64_t k) {
  return static_cast<size_t>((n + kPanelWidth - 1) / kPanelWidth * kPanelWidth * k);
}

void pack_panel16(const float* w, int64_t n, int64_t k, float* dst) {
  for (int64_t base = 0; base < n; base += kPanelWidth)
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < kPanelWidth; ++j)
        *dst++ = base + j < n ? w[(base + j) * k + i] : 0.0f;
}

void unpack_panel16(const float* panels, int64_t n, int64_t k, float* w) {
  for (int64_t row = 0; row < n; ++row) {
    const float* panel = panels + row / kPanelWidth * kPanelWidth * k + row % kPanelWidth;
    for (int64_t i = 0; i < k; ++i) w[row * k + i] = panel[i * kPanelWidth];
  }
}

}  // namespace vitro
