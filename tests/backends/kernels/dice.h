#pragma once

#include "kernel_test.h"

namespace vitro::cpu {

/// Draws cases and numbers.
class Dice : public Random {
 public:
  using Random::Random;
  /// In [low, high].
  int64_t whole(int64_t low, int64_t high) {
    const float unit = (next() + 1) / 2;
    return std::min(high, low + static_cast<int64_t>(unit * static_cast<float>(high - low + 1)));
  }
  bool coin() { return next() < 0; }
};

inline PatchSource draw_patches(Dice& dice) {
  PatchSource p;
  p.in_h = dice.whole(1, 7);
  p.in_w = dice.whole(1, 7);
  p.channels = dice.whole(1, 9);
  p.pixel_stride = p.channels + (dice.coin() ? 0 : 3);
  p.kernel_h = dice.whole(1, 3);
  p.kernel_w = dice.whole(1, 3);
  p.stride_h = dice.whole(1, 2);
  p.stride_w = dice.whole(1, 2);
  p.dilation_h = dice.whole(1, 2);
  p.dilation_w = dice.whole(1, 2);
  p.pad_top = dice.whole(0, 2);
  p.pad_left = dice.whole(0, 2);
  p.out_h = dice.whole(1, 5);
  p.out_w = dice.whole(1, 5);
  return p;
}

/// The element of the images that is element i of row `row` of A, or -1 where that is outside.
inline int64_t patch_index(const PatchSource& p, int64_t row, int64_t i) {
  const int64_t tap = i / p.channels;
  const int64_t y =
      row / p.out_w % p.out_h * p.stride_h - p.pad_top + tap / p.kernel_w * p.dilation_h;
  const int64_t x = row % p.out_w * p.stride_w - p.pad_left + tap % p.kernel_w * p.dilation_w;
  if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) return -1;
  const int64_t image = row / (p.out_w * p.out_h);
  return ((image * p.in_h + y) * p.in_w + x) * p.pixel_stride + i % p.channels;
}

}  // namespace vitro::cpu
