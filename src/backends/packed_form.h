#pragma once

#include "ir/graph.h"

namespace vitro {

/// A layout of weights that kernels of one backend read. The graph knows logical values only; a
/// kernel asks for a form when it is made (OpContext::packed()).
struct PackedForm {
  const char* id;  ///< "cpu:panel16"
  /// Extents of the packed elements, whose dtype is that of the constant, or elements as large.
  Dims (*dims)(const TensorType& type);
  /// Dense rows, or those of the form `from` -> packed bytes, every one of which is written.
  void (*pack)(const TensorType& type, const std::byte* rows, std::byte* packed);
  /// The inverse; null when there is none. A plan stores a form with an inverse instead of the
  /// rows.
  void (*unpack)(const TensorType& type, const std::byte* packed, std::byte* rows);
  /// What pack() reads instead of dense rows; null: those.
  const PackedForm* from = nullptr;

  /// Bytes of a packed constant of that type.
  size_t bytes(const TensorType& type) const;
};

}  // namespace vitro
