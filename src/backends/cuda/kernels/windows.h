#pragma once

namespace vitro::cuda {

/// Where the windows of a convolution lie: the rows of its left operand, m = (image, row, column).
/// Taps that lie outside of x count as zeros.
struct Windows {
  int n, h, w, c;    // of x
  int out_h, out_w;  // windows of an image
  int kernel_h, kernel_w;
  int stride_y, stride_x, dilation_y, dilation_x;
  int pad_top, pad_left;
};

/// Slabs of `columns` of k when a slab is of one tap: k is (ky, kx, c).
constexpr int window_slabs(const Windows& v, int columns) {
  return v.kernel_h * v.kernel_w * ((v.c + columns - 1) / columns);
}

/// Whether windows do not overlap, and lines of them lie at multiples of four elements that are
/// `apart` along a line: 1 in planes, c where channels are last.
constexpr bool is_aligned_image(const Windows& v, int apart) {
  return v.kernel_h == v.stride_y && v.kernel_w == v.stride_x && v.kernel_h == v.kernel_w &&
         v.dilation_y == 1 && v.dilation_x == 1 && v.pad_top == 0 && v.pad_left == 0 &&
         v.stride_x * apart % 4 == 0 && v.w * apart % 4 == 0 && v.out_h * v.stride_y <= v.h &&
         v.out_w * v.stride_x <= v.w;
}

}  // namespace vitro::cuda
