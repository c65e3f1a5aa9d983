#pragma once

#include <cstdint>
#include <vector>

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = act(norm(conv(x, weight) + bias) + residual), sums in float32.
struct Conv2dArgs {
  Element element = Element::Float16;  // of x, weight and y
  bool tf32 = false;                   // float32 operands may be rounded to tf32
  /// x is a batch of float32 images [n, c, h, w], rounded to `element`, and weight is [o, c, kh,
  /// kw], each o filled with zeros up to a multiple of eight elements; otherwise x is [n, h, w, c]
  /// and weight [o, kh, kw, c].
  bool image = false;
  /// An image is one of uint8 [n, h, w, c] instead, and weight [o, kh, kw, c] filled likewise.
  bool pixels = false;
  const void* x = nullptr;
  const void* weight = nullptr;
  const float* weight_parts = nullptr;  // as in LinearArgs
  const float* bias = nullptr;          // [o] or null
  const float* gamma =
      nullptr;  // [o]: layer norm over the o channels of each pixel, or null for none
  const float* beta = nullptr;  // [o]
  float eps = 1e-5f;
  const void* residual = nullptr;  // [n, oh, ow, o] or null, as it must be with gamma; may be y
  Activation activation;           // act; none with gamma
  void* y = nullptr;               // [n, oh, ow, o]
  int n = 0, h = 0, w = 0, c = 0, oh = 0, ow = 0, o = 0;
  int kh = 1, kw = 1, stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
  int pad_top = 0, pad_left = 0;
};

/// The tiles of linear_tiles() that run these arguments, the one that a model of the time expects
/// to be fastest first. The one of kind Scalar takes any extents, channels and addresses, slowly.
std::vector<int> rank_conv2d_tiles(const Conv2dArgs& args, int num_sms, int capability);
inline int choose_conv2d_tile(const Conv2dArgs& args, int num_sms, int capability) {
  return rank_conv2d_tiles(args, num_sms, capability).front();
}

/// Why `tile` cannot run these arguments on a GPU of compute capability `capability` (90 for 9.0),
/// or null.
const char* conv2d_refusal(const Conv2dArgs& args, int tile, int capability);

/// Throws std::invalid_argument when conv2d_refusal does not return null.
void conv2d(const Conv2dArgs& args, int tile, const Launch& launch);

}  // namespace vitro::cuda
