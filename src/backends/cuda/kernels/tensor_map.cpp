#include "backends/cuda/kernels/tensor_map.h"

#include <cuda_runtime_api.h>

#include <stdexcept>

namespace vitro::cuda {
namespace {

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                            const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                            CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill);

/// The driver's function, without linking the driver: a program starts where there is none.
Encode encode_function() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                cudaEnableDefault, &found),
               "cuTensorMapEncodeTiled");
    if (found != cudaDriverEntryPointSuccess)
      throw std::runtime_error("the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(function);
  }();
  return encode;
}

}  // namespace

template <size_t kRank>
CUtensorMap tensor_map(Element element, const void* data, const TensorBoxes<kRank>& boxes) {
  std::array<cuuint64_t, kRank> extents;
  std::array<cuuint64_t, kRank - 1> bytes;
  std::array<cuuint32_t, kRank> box, steps;
  steps.fill(1);
  for (size_t i = 0; i < kRank; ++i) extents[i] = boxes.extents[i], box[i] = boxes.box[i];
  for (size_t i = 0; i + 1 < kRank; ++i) bytes[i] = boxes.pitches[i] * 2;
  CUtensorMap map;
  const CUresult result =
      encode_function()(&map,
                        element == Element::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                    : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                        kRank, const_cast<void*>(data), extents.data(), bytes.data(), box.data(),
                        steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) throw std::runtime_error("the driver refuses a tensor map");
  return map;
}
template CUtensorMap tensor_map(Element, const void*, const TensorBoxes<2>&);
template CUtensorMap tensor_map(Element, const void*, const TensorBoxes<3>&);
template CUtensorMap tensor_map(Element, const void*, const TensorBoxes<4>&);

}  // namespace vitro::cuda
