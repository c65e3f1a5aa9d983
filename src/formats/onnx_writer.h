#pragma once

#include "formats/onnx_model.h"

namespace vitro::onnx {

/// protobuf's own limit for a file: beyond it elements lie in a file beside the model.
inline constexpr uint64_t kMaxModelBytes = (uint64_t{1} << 31) - 1;
/// Of what then lies there: of pages, so that it can be mapped; smaller tensors stay in the model.
inline constexpr uint64_t kExternalAlignment = 4096, kLeastExternalBytes = 1024;

/// A model as bytes of files.
struct EncodedModel {
  std::vector<std::byte> bytes;  ///< of a ModelProto
  /// What lies in the file beside it, in its order; views of the model that was encoded.
  struct Elements {
    uint64_t offset;
    std::span<const std::byte> bytes;
  };
  std::vector<Elements> external;
};

/// What parse_model() reads: equal models give equal bytes. Tensors have their elements in `raw`,
/// and there are no functions. With more than `most` bytes, the elements of large initialisers are
/// external, in a file `data_name` in the same folder. Throws Unsupported when there are still
/// more, and InvalidArgument naming what cannot be written.
EncodedModel encode_model(const Model& model, std::string_view data_name,
                          uint64_t most = kMaxModelBytes);

/// The number of a type in files; nothing for what ONNX has no type for.
std::optional<ElementType> element_type_of(DType dtype);

}  // namespace vitro::onnx
