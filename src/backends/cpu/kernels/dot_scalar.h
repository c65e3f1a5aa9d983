#pragma once

#include "backends/cpu/kernels/narrow_rows_impl.h"
#include "backends/cpu/kernels/vec_scalar.h"

namespace vitro::cpu {
namespace {

/// What a quantized product is made of: the sums of a panel in kRegs registers, to each of which
/// dot() adds the products of four codes of a row with four weights of each column.
struct DotScalar {
  using V = VecScalar;
  using Format = CodeFormat<V>;
  typedef int8_t Bytes __attribute__((vector_size(16)));
  using Sums = V::Int;
  using Values = const uint8_t*;
  using Weights = V::Int;  ///< of four columns
  static constexpr int kRegs = 4;
  static constexpr int kRows = 2;
  static constexpr int kPanels = 1;

  static Sums zero() { return Sums{0, 0, 0, 0}; }
  static Values broadcast(const void* values) { return static_cast<const uint8_t*>(values); }
  static Weights load(const void* weights) {
    Weights w;
    std::memcpy(&w, weights, sizeof(w));
    return w;
  }
  static Sums dot(Sums sums, Values x, Weights w) {
    const Bytes bytes = reinterpret_cast<Bytes>(w);
    for (int k = 0; k < 4; ++k) {
      const Sums column = {bytes[k], bytes[4 + k], bytes[8 + k], bytes[12 + k]};
      sums += column * static_cast<int32_t>(x[k]);
    }
    return sums;
  }
  /// The 16 sums of a panel as floats.
  static void to_floats(const Sums* sums, V::Reg (&y)[4]) {
    for (int i = 0; i < 4; ++i) y[i] = __builtin_convertvector(sums[i], V::Reg);
  }
};

}  // namespace
}  // namespace vitro::cpu
