#pragma once

#include <cstddef>
#include <cstdint>

namespace vitro {

/// Columns of a panel: one AVX-512 register of float32, two of AVX2.
inline constexpr int64_t kPanelWidth = 16;

/// The weight layout of matrix products, the same for every instruction set so that a plan can
/// store it: a matrix [n, k] becomes [ceil(n / 16)][k][16], the last panel filled with zeros.
size_t panel16_size(int64_t n, int64_t k);
/// w [n, k] row-major -> dst [panel16_size(n, k)].
void pack_panel16(const float* w, int64_t n, int64_t k, float* dst);
/// The inverse: panels -> w [n, k] row-major.
void unpack_panel16(const float* panels, int64_t n, int64_t k, float* w);

}  // namespace vitro
