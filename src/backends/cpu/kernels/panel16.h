#pragma once

#include <cstddef>
#include <cstdint>

namespace vitro::cpu {

/// Columns of a panel: one AVX-512 register of float32, two of AVX2.
inline constexpr int64_t kPanelWidth = 16;
/// Panels that cover n columns.
inline int64_t num_panels(int64_t n) { return (n + kPanelWidth - 1) / kPanelWidth; }

/// The weight layout of matrix products, the same for every instruction set so that a plan can
/// store it: a matrix [n, k] becomes [ceil(n / 16)][k][16], the last panel filled with zeros.
inline size_t panel16_size(int64_t n, int64_t k) {
  return static_cast<size_t>(num_panels(n) * kPanelWidth * k);
}
/// w [n, k] row-major -> dst [panel16_size(n, k)]. T is float or, for bfloat16, uint16_t.
template <typename T>
void pack_panel16(const T* w, int64_t n, int64_t k, T* dst);
/// The inverse: panels -> w [n, k] row-major.
template <typename T>
void unpack_panel16(const T* panels, int64_t n, int64_t k, T* w);

/// Of a product of codes: [n, k] becomes [ceil(n / 16)][ceil(k / 4)][16][4], zeros where there is
/// nothing. Four values of k lie together because that is what one instruction multiplies and adds.
inline size_t panel16x4_size(int64_t n, int64_t k) {
  return static_cast<size_t>(num_panels(n) * ((k + 3) / 4) * 4 * kPanelWidth);
}
/// w [n, k] row-major -> dst [panel16x4_size(n, k)].
void pack_panel16x4(const int8_t* w, int64_t n, int64_t k, int8_t* dst);
/// The inverse: panels -> w [n, k] row-major.
void unpack_panel16x4(const int8_t* panels, int64_t n, int64_t k, int8_t* w);

/// Of a product in bfloat16: [ceil(n / 16)][ceil(k / 2)][16][2], zeros where there is nothing.
inline size_t panel16x2_size(int64_t n, int64_t k) {
  return static_cast<size_t>(num_panels(n) * ((k + 1) / 2) * 2 * kPanelWidth);
}
/// Panels of pack_panel16() -> dst [panel16x2_size(n, k)]: floats are rounded to nearest, ties to
/// even. T is float or, for bfloat16, uint16_t.
template <typename T>
void pair_panel16(const T* panels, int64_t n, int64_t k, uint16_t* dst);

}  // namespace vitro::cpu
