#include "backends/cpu/kernels/panel16.h"

#include <bit>

namespace vitro::cpu {

template <typename T>
void pack_panel16(const T* w, int64_t n, int64_t k, T* dst) {
  for (int64_t base = 0; base < n; base += kPanelWidth)
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < kPanelWidth; ++j) *dst++ = base + j < n ? w[(base + j) * k + i] : T{};
}

template <typename T>
void unpack_panel16(const T* panels, int64_t n, int64_t k, T* w) {
  for (int64_t row = 0; row < n; ++row) {
    const T* panel = panels + row / kPanelWidth * kPanelWidth * k + row % kPanelWidth;
    for (int64_t i = 0; i < k; ++i) w[row * k + i] = panel[i * kPanelWidth];
  }
}

void pack_panel16x4(const int8_t* w, int64_t n, int64_t k, int8_t* dst) {
  for (int64_t base = 0; base < n; base += kPanelWidth)
    for (int64_t i = 0; i < k; i += 4)
      for (int64_t row = base; row < base + kPanelWidth; ++row)
        for (int64_t j = i; j < i + 4; ++j) *dst++ = row < n && j < k ? w[row * k + j] : int8_t{0};
}

void unpack_panel16x4(const int8_t* panels, int64_t n, int64_t k, int8_t* w) {
  const int64_t panel_size = (k + 3) / 4 * 4 * kPanelWidth;
  for (int64_t row = 0; row < n; ++row) {
    const int8_t* panel = panels + row / kPanelWidth * panel_size + row % kPanelWidth * 4;
    for (int64_t i = 0; i < k; ++i) w[row * k + i] = panel[i / 4 * 4 * kPanelWidth + i % 4];
  }
}

namespace {

uint16_t to_bfloat16(uint16_t bits) { return bits; }
/// float32_to_bfloat16() as arithmetic, which compilers turn into vectors.
uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  const uint32_t quiet = bits | 0x400000;
  return static_cast<uint16_t>(((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded) >> 16);
}

}  // namespace

template <typename T>
void pair_panel16(const T* panels, int64_t n, int64_t k, uint16_t* dst) {
  for (int64_t panel = 0; panel < num_panels(n); ++panel)
    for (int64_t i = 0; i < k; i += 2, panels += 2 * kPanelWidth, dst += 2 * kPanelWidth) {
      const bool whole = i + 1 < k;
      for (int64_t j = 0; j < kPanelWidth; ++j) {
        dst[2 * j] = to_bfloat16(panels[j]);
        dst[2 * j + 1] = whole ? to_bfloat16(panels[kPanelWidth + j]) : uint16_t{0};
      }
      if (!whole) panels -= kPanelWidth;
    }
}

template void pair_panel16(const float*, int64_t, int64_t, uint16_t*);
template void pair_panel16(const uint16_t*, int64_t, int64_t, uint16_t*);
template void pack_panel16(const float*, int64_t, int64_t, float*);
template void pack_panel16(const uint16_t*, int64_t, int64_t, uint16_t*);
template void unpack_panel16(const float*, int64_t, int64_t, float*);
template void unpack_panel16(const uint16_t*, int64_t, int64_t, uint16_t*);

}  // namespace vitro::cpu
