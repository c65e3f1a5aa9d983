#pragma once

#include <array>
#include <cmath>
#include <optional>

#include "backends/reference/ops.h"
#include "core/convert.h"
#include "core/float8.h"

// Products in 8 bits: what they multiply with in place of x, and how their sums end.
namespace vitro::reference {

/// The weight of a product in 8 bits: a constant in whatever form, or computed.
template <typename T>
class CodeOperand {
 public:
  CodeOperand(const OpContext& op, size_t index) : index_(index) {
    if (const Constant* constant = op.constant(index)) constant_ = op.cache.rows(*constant);
  }
  const T* data(const KernelArgs& args) const {
    return constant_ ? reinterpret_cast<const T*>(constant_->bytes.data()) : args.in<T>(index_);
  }

 private:
  size_t index_;
  std::optional<Constant> constant_;
};

/// Bytes times int8, summed exactly.
struct Integers {
  using Code = uint8_t;
  using Weight = int8_t;

  static Code code_of(float x, float factor, float offset) {
    const float code = std::nearbyint(std::fma(x, factor, offset));
    if (!(code > 0)) return 0;  // NaN too
    return code < 255 ? static_cast<Code>(code) : 255;
  }
  /// scale * sum of a[i] * b[i] + bias; op inference bounds the count so that the sum fits.
  static float result(const Code* a, const Weight* b, int64_t count, float scale, float bias) {
    int32_t sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += int32_t{a[i]} * int32_t{b[i]};
    return std::fma(static_cast<float>(sum), scale, bias);
  }
};

/// Float8E4M3 times the same, summed in double.
struct Floats {
  using Code = float;  ///< its value
  struct Weight {
    uint8_t bits;
  };

  static Code code_of(float x, float factor, float offset) {
    return nearest_float8_e4m3(std::fma(x, factor, offset));
  }
  static float result(const Code* a, const Weight* b, int64_t count, float scale, float bias) {
    static const std::array<float, 256> values = [] {
      std::array<float, 256> all;
      for (size_t i = 0; i < all.size(); ++i)
        all[i] = float8_e4m3_to_float32(static_cast<uint8_t>(i));
      return all;
    }();
    double sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += static_cast<double>(a[i]) * static_cast<double>(values[b[i].bits]);
    return static_cast<float>(static_cast<double>(scale) * sum + static_cast<double>(bias));
  }
};

/// Calls make(Codes{}) with what the weight of the op, operand 1, says.
template <typename Make>
std::unique_ptr<Kernel> with_codes(const OpContext& op, const Make& make) {
  return op.input(1).dtype == DType::Int8 ? make(Integers{}) : make(Floats{});
}

}  // namespace vitro::reference
