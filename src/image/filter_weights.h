#pragma once

#include <cstdint>
#include <vector>

#include "vitro/image.h"

namespace vitro::image {

/// Which source pixels make one output pixel, along one axis.
struct Window {
  int begin = 0;       ///< first source pixel
  int taps = 0;        ///< source pixels used; 0 when none is inside the picture
  size_t weights = 0;  ///< index of the first of `taps` weights
};

/// The resampling of one axis as fixed-point sums.
struct FilterWeights {
  static constexpr int kFractionBits = 22;  ///< 8 bits for the pixel and 2 for overshoot are left

  std::vector<Window> windows;   ///< one per computed output pixel
  std::vector<int32_t> weights;  ///< scaled by 2^kFractionBits
};

/// Weights of output pixels [first, first + count) when `src_size` pixels become `dst_size`:
/// Pillow's rules, including the order of the double-precision operations. All sizes are at
/// least 1.
FilterWeights make_filter_weights(Interpolation interpolation, int64_t src_size, int64_t dst_size,
                                  int64_t first, int64_t count);

}  // namespace vitro::image
