#include "backends/cuda/kernels/linear_slabs.h"

#include "backends/cuda/kernels/linear_ffma.h"
#include "backends/cuda/kernels/linear_tf32x3.h"

namespace vitro::cuda {

bool takes_slabs(LinearKind kind) {
  return kind == LinearKind::Mma || kind == LinearKind::Ffma || kind == LinearKind::Tf32x3;
}

const char* slab_refusal(LinearKind kind, const SlabOperands& operands) {
  const bool wide = operands.element == Element::Float32;
  if (kind == LinearKind::Mma)
    return wide && !operands.tf32 ? "float32 without tf32 is multiplied by ffma and tf32x3 tiles"
                                  : nullptr;
  if (!wide) return "ffma and tf32x3 tiles are for float32";
  if (operands.tf32) return "tf32 is multiplied by mma and wgmma tiles";
  if (kind == LinearKind::Ffma) return nullptr;
  if (operands.capability != 90) return "wgmma asks for sm_90";
  return operands.weight_parts == nullptr ? "tf32x3 tiles ask for weight_parts" : nullptr;
}

size_t slab_shared_bytes(int tile, Element element, RowSource source, int slabs) {
  if (tile >= kFirstTf32x3Tile) return tf32x3_shared_bytes(tile - kFirstTf32x3Tile, source, slabs);
  if (tile >= kFirstFfmaTile) return ffma_shared_bytes(tile - kFirstFfmaTile, source, slabs);
  return mma_shared_bytes(element, tile - kFirstMmaTile, source, slabs);
}

void launch_slabs(int tile, Element element, RowSource source, const MmaArgs& args,
                  const Launch& launch) {
  if (tile >= kFirstTf32x3Tile) return launch_tf32x3(tile - kFirstTf32x3Tile, source, args, launch);
  if (tile >= kFirstFfmaTile) return launch_ffma(tile - kFirstFfmaTile, source, args, launch);
  launch_mma(element, tile - kFirstMmaTile, source, args, launch);
}

}  // namespace vitro::cuda
