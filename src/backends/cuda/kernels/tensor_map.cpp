#include "backends/cuda/kernels/tensor_map.h"

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace vitro::cuda {
namespace {

/// A function of the driver, without linking the driver: a program starts where there is none.
template <typename Function>
Function* driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check_cuda(cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found),
             name);
  if (found != cudaDriverEntryPointSuccess)
    throw std::runtime_error(std::string("the driver has no ") + name);
  return reinterpret_cast<Function*>(function);
}

void check_map(CUresult result) {
  if (result != CUDA_SUCCESS) throw std::runtime_error("the driver refuses a tensor map");
}

int last_corner(int windows, int stride, int pad, int extent) {
  return (windows - 1) * stride - pad - (extent - 1);
}

}  // namespace

CUtensorMapDataType map_type(Element element) {
  return element == Element::Float32   ? CU_TENSOR_MAP_DATA_TYPE_FLOAT32
         : element == Element::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                       : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
}

CUtensorMapDataType operand_map_type(Element element) {
  return element == Element::Float32 ? CU_TENSOR_MAP_DATA_TYPE_TFLOAT32 : map_type(element);
}

uint32_t map_bytes(CUtensorMapDataType type) {
  if (type == kMapBytes) return 1;
  return type == CU_TENSOR_MAP_DATA_TYPE_FLOAT32 || type == CU_TENSOR_MAP_DATA_TYPE_TFLOAT32 ? 4
                                                                                             : 2;
}

template <size_t kRank>
CUtensorMap tensor_map(CUtensorMapDataType type, const void* data,
                       const TensorBoxes<kRank>& boxes) {
  std::array<cuuint64_t, kRank> extents;
  std::array<cuuint64_t, kRank - 1> bytes;
  std::array<cuuint32_t, kRank> box, steps;
  steps.fill(1);
  for (size_t i = 0; i < kRank; ++i) extents[i] = boxes.extents[i], box[i] = boxes.box[i];
  for (size_t i = 0; i + 1 < kRank; ++i) bytes[i] = boxes.pitches[i] * map_bytes(type);
  static const auto encode =
      driver_function<decltype(cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  CUtensorMap map;
  check_map(encode(&map, type, kRank, const_cast<void*>(data), extents.data(), bytes.data(),
                   box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
                   CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                   CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}
template CUtensorMap tensor_map(CUtensorMapDataType, const void*, const TensorBoxes<2>&);
template CUtensorMap tensor_map(CUtensorMapDataType, const void*, const TensorBoxes<3>&);

CUtensorMap window_map(Element element, const void* x, const Windows& v, uint32_t channels,
                       uint32_t count) {
  static const auto encode =
      driver_function<decltype(cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  const auto wide = [](int extent) { return static_cast<uint64_t>(extent); };
  const std::array<cuuint64_t, 4> extents{wide(v.c), wide(v.w), wide(v.h), wide(v.n)};
  const CUtensorMapDataType type = operand_map_type(element);
  const cuuint64_t pixel = map_bytes(type) * extents[0];
  const std::array<cuuint64_t, 3> bytes{pixel, pixel * extents[1], pixel * extents[1] * extents[2]};
  // The corners of the first and of the last window, the latter seen from the last pixel.
  const std::array<int, 2> first{-v.pad_left, -v.pad_top},
      last{last_corner(v.out_w, v.stride_x, v.pad_left, v.w),
           last_corner(v.out_h, v.stride_y, v.pad_top, v.h)};
  const std::array<cuuint32_t, 4> steps{1, static_cast<cuuint32_t>(v.stride_x),
                                        static_cast<cuuint32_t>(v.stride_y), 1};
  CUtensorMap map;
  check_map(encode(&map, type, 4, const_cast<void*>(x), extents.data(), bytes.data(), first.data(),
                   last.data(), channels, count, steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
                   CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                   CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}

const char* window_map_refusal(const Windows& v) {
  const auto is_corner = [](int corner) { return corner >= -128 && corner < 128; };
  if (v.stride_x > 8 || v.stride_y > 8) return "the stride is above 8";
  if (!is_corner(-v.pad_left) || !is_corner(-v.pad_top) ||
      !is_corner(last_corner(v.out_w, v.stride_x, v.pad_left, v.w)) ||
      !is_corner(last_corner(v.out_h, v.stride_y, v.pad_top, v.h)))
    return "windows reach more than 128 pixels over the edge, or leave so many out";
  if ((v.kernel_w - 1) * v.dilation_x > 255 || (v.kernel_h - 1) * v.dilation_y > 255)
    return "a window is wider than 256 pixels";
  return nullptr;
}

}  // namespace vitro::cuda
