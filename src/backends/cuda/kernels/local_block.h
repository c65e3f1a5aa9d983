#pragma once

#include <string>

#include "backends/cuda/kernels/local_mixer.h"
#include "backends/cuda/kernels/mlp.h"

namespace vitro::cuda {

/// A local mixer and the mlp of its result, which stays in shared memory. Of `mixer` y is not used,
/// of `mlp` x and m; mlp.y must not be mixer.x.
struct LocalBlockArgs {
  LocalMixerArgs mixer;
  MlpArgs mlp;
};

/// Why the kernel cannot run `args`, whose pointers may still be null, on a GPU of this compute
/// capability (90 for 9.0); empty when it can.
std::string local_block_refusal(const LocalBlockArgs& args, int capability);

/// The outputs of a CTA. Small tiles fill the GPU with one or two images, larger ones bring weights
/// less often. Width 64 has one tile.
enum class LocalBlockTile { Small, Medium };

/// The smallest tile of which this GPU holds all at once, else Medium.
LocalBlockTile local_block_tile(const LocalBlockArgs& args);

/// Whether it is expected to be faster than local_mixer and mlp one after the other.
bool prefers_local_block(const LocalBlockArgs& args, int num_sms, int capability);

/// Sums are float32; the mixer's result and the hidden values are rounded to the storage type.
/// Throws std::invalid_argument with local_block_refusal(). For one tile a pixel's result has the
/// same bits whatever else is in the batch.
void local_block(const LocalBlockArgs& args, LocalBlockTile tile, const Launch& launch);

}  // namespace vitro::cuda
