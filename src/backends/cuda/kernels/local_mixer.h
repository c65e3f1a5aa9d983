#pragma once

#include <string>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// z = dw3x3(x) + pos_bias; y = z + conv2(dw5x5(conv1(z) + conv1_bias)) + conv2_bias, both
/// depthwise convolutions of stride 1, padded with zeros to the size of x. Sums are float32; z,
/// conv1's and dw5x5's results are rounded to the storage type.
struct LocalMixerArgs {
  Element element = Element::Float16;     // of x, y and the 1x1 weights
  const void* x = nullptr;                // [n, h, w, c]
  const float* pos_weight = nullptr;      // [3, 3, c], the residual in its centre tap
  const float* pos_bias = nullptr;        // [c]
  const void* conv1_weight = nullptr;     // [c, c], rows are outputs
  const float* conv1_bias = nullptr;      // [c]
  const float* spatial_weight = nullptr;  // [5, 5, c]
  const void* conv2_weight = nullptr;     // [c, c], rows are outputs
  const float* conv2_bias = nullptr;      // [c], the bias of the spatial convolution folded in
  void* y = nullptr;                      // [n, h, w, c], not x
  int n = 0, h = 0, w = 0, c = 0;
};

/// The outputs of a CTA, which computes z and conv1 on a border of 2 more pixels around them.
/// Larger tiles compute less twice, smaller ones fill the GPU with fewer images. Equal bits for
/// all. Width 64 has no tile between Small and Large: Medium is Large there.
enum class LocalMixerTile { Small, Medium, Large };

/// The tile that local_mixer() takes: the smallest of which this GPU holds all at once, else Large.
LocalMixerTile local_mixer_tile(const LocalMixerArgs& args);

/// Whether `tile` is another one than the next larger, and fits this GPU.
bool local_mixer_fits(const LocalMixerArgs& args, LocalMixerTile tile);

/// Why the fused kernel cannot run `args`, whose pointers may still be null; empty when it can.
std::string local_mixer_refusal(const LocalMixerArgs& args);

/// Throws std::invalid_argument with local_mixer_refusal().
void local_mixer(const LocalMixerArgs& args, LocalMixerTile tile, const Launch& launch);
inline void local_mixer(const LocalMixerArgs& args, const Launch& launch) {
  local_mixer(args, local_mixer_tile(args), launch);
}

}  // namespace vitro::cuda
