#pragma once

#include <cstdint>

#include "backends/cpu/kernels/activation.h"

namespace vitro::cpu {

/// A convolution of one image in any number of groups, zero padding, 3x3 taps with stride 1 or 2 or
/// 7x7 with stride 2: activation(sums + bias + residual). Each vector of results belongs to one
/// group, or, of 3x3 taps, to several of four or eight channels each.
struct DirectConvArgs {
  const float* input = nullptr;     ///< [in_h, in_w, groups * group_in]
  const float* weights = nullptr;   ///< [groups * group_out, kernel^2 * group_in] in panel16
  const float* bias = nullptr;      ///< [groups * group_out] or null
  const float* residual = nullptr;  ///< as output, or null
  float* output = nullptr;          ///< [out_h, out_w, groups * group_out]
  float* scratch = nullptr;         ///< direct_conv_scratch_size floats
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t out_h = 0;
  int64_t out_w = 0;
  int64_t groups = 1;
  int64_t group_in = 0;
  int64_t group_out = 0;
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  Activation activation;
};

/// Results [begin, end) of all groups, and the channels of the input that they are made of.
struct DirectConvChannels {
  int64_t begin = 0, end = 0;
  int64_t in_begin = 0, in_end = 0;
};
/// Those of panels [begin, end) of 16.
inline DirectConvChannels direct_conv_channels(const DirectConvArgs& d, int64_t begin,
                                               int64_t end) {
  const int64_t all = d.groups * d.group_out, until = end * 16 < all ? end * 16 : all;
  return {begin * 16, until, begin * 16 / d.group_out * d.group_in,
          ((until - 1) / d.group_out + 1) * d.group_in};
}

/// Pixels of the padded input that a number of results along an axis are made of.
inline int64_t direct_conv_reach(const DirectConvArgs& d, int64_t results) {
  return (results - 1) * d.stride + d.kernel;
}

/// Floats for the padded input of so many rows of the results of these channels.
inline int64_t direct_conv_scratch_size(const DirectConvArgs& d, int64_t rows,
                                        const DirectConvChannels& channels) {
  return direct_conv_reach(d, rows) * direct_conv_reach(d, d.out_w) *
         (channels.in_end - channels.in_begin);
}

/// Computes rows [y_begin, y_end) of the results of panels [panel_begin, panel_end).
using DirectConv = void (*)(const DirectConvArgs& args, int64_t y_begin, int64_t y_end,
                            int64_t panel_begin, int64_t panel_end);

struct DirectConvKernel {
  DirectConv run = nullptr;
  int64_t width = 0;  ///< of a vector: channels that are computed together
};

}  // namespace vitro::cpu
