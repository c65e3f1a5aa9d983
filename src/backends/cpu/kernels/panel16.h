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

}  // namespace vitro::cpu
