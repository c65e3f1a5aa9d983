#pragma once

#include "backends/cuda/kernels/linear_mma.h"

namespace vitro::cuda {

// Of tiles whose operands come to shared memory as slabs (linear_kernel.cuh): the kinds Mma, Ffma
// and Tf32x3. `tile` is an index of linear_tiles().

bool takes_slabs(LinearKind kind);

/// What is asked of these tiles.
struct SlabOperands {
  Element element;
  bool tf32;
  const float* weight_parts;
  int capability;
};
/// Why a kind does not multiply operands, or null.
const char* slab_refusal(LinearKind kind, const SlabOperands& operands);

/// As mma_shared_bytes() and launch_mma().
size_t slab_shared_bytes(int tile, Element element, RowSource source, int slabs);
void launch_slabs(int tile, Element element, RowSource source, const MmaArgs& args,
                  const Launch& launch);

}  // namespace vitro::cuda
