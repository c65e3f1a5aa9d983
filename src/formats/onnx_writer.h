#pragma once

#include "formats/onnx_model.h"

namespace vitro::onnx {

/// protobuf's own limit for a file: beyond it the elements must lie in files beside the model.
inline constexpr uint64_t kMaxModelBytes = (uint64_t{1} << 31) - 1;

/// The bytes of a ModelProto, what parse_model() reads: equal models give equal bytes. Tensors have
/// their elements in `raw`, and there are no functions. Throws Unsupported for more than `most`
/// bytes, and InvalidArgument naming what cannot be written.
std::vector<std::byte> encode_model(const Model& model, uint64_t most = kMaxModelBytes);

/// The number of a type in files; nothing for what ONNX has no type for.
std::optional<ElementType> element_type_of(DType dtype);

}  // namespace vitro::onnx
