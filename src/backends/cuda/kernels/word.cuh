#pragma once

#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/element.cuh"

namespace vitro::cuda {

/// call(TypeTag<Word>{}) with a type of so many bytes, for what moves elements by their size alone.
/// Throws std::invalid_argument, naming `op`, for a size that no word has.
template <typename F>
void with_word(const char* op, int bytes, F&& call) {
  switch (bytes) {
    case 1:
      return call(TypeTag<uint8_t>{});
    case 2:
      return call(TypeTag<uint16_t>{});
    case 4:
      return call(TypeTag<uint32_t>{});
    case 8:
      return call(TypeTag<uint2>{});
    case 16:
      return call(TypeTag<uint4>{});
    default:
      throw std::invalid_argument(std::string(op) + ": elements of " + std::to_string(bytes) +
                                  " bytes, not 1, 2, 4, 8 or 16");
  }
}

}  // namespace vitro::cuda
