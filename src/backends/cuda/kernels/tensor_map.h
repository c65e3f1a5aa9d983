#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/windows.h"

namespace vitro::cuda {

/// The copy engine's name of a type.
CUtensorMapDataType map_type(Element element);
/// The same of operands of products: it rounds float32 to tf32 on its way to shared memory.
CUtensorMapDataType operand_map_type(Element element);
inline constexpr CUtensorMapDataType kMapBytes = CU_TENSOR_MAP_DATA_TYPE_UINT8;
/// Bytes of an element.
uint32_t map_bytes(CUtensorMapDataType type);

/// Boxes of a tensor of one of these types for the copy engine, whose innermost extent is
/// dense and 128 bytes of a box; zeros outside. `pitches` are in elements, of the extents behind
/// the first. In shared memory the chunks of 16 bytes are permuted as swizzled() says. Throws
/// std::runtime_error when the driver refuses.
template <size_t kRank>
struct TensorBoxes {
  std::array<uint64_t, kRank> extents;
  std::array<uint64_t, kRank - 1> pitches;
  std::array<uint32_t, kRank> box;
};
template <size_t kRank>
CUtensorMap tensor_map(CUtensorMapDataType type, const void* data, const TensorBoxes<kRank>& boxes);
extern template CUtensorMap tensor_map(CUtensorMapDataType, const void*, const TensorBoxes<2>&);
extern template CUtensorMap tensor_map(CUtensorMapDataType, const void*, const TensorBoxes<3>&);

/// The windows of x[n, h, w, c], an operand, for copy_windows(): `count` at a time, `channels` of
/// each tap, zeros outside; in shared memory as above. Throws std::runtime_error when the driver
/// refuses.
CUtensorMap window_map(Element element, const void* x, const Windows& windows, uint32_t channels,
                       uint32_t count);
/// Why there is no such map, or null.
const char* window_map_refusal(const Windows& windows);

}  // namespace vitro::cuda
