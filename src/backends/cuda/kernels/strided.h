#pragma once

#include <cstdint>
#include <initializer_list>

namespace vitro::cuda {

inline constexpr int kMaxRank = 8;

/// Up to kMaxRank extents or strides, outermost first.
struct Dims {
  int rank = 0;
  int64_t v[kMaxRank] = {};

  Dims() = default;
  /// Throws std::invalid_argument beyond kMaxRank values.
  Dims(std::initializer_list<int64_t> values);
  void push_back(int64_t value);
};

/// The product of the extents.
int64_t element_count(const Dims& dims);

/// Row-major strides in elements.
Dims dense_strides(const Dims& dims);

/// A walk over a dense result beside operands that may be strided or broadcast (stride 0), with as
/// few dimensions as give the same addresses.
struct StridedWalk {
  static constexpr int kOperands = 3;
  int rank = 0;  // at least 1
  int64_t dims[kMaxRank] = {};
  int64_t strides[kOperands][kMaxRank] = {};  // in elements
};

/// Extents of 1 vanish, neighbours merge where every operand allows it; of a walk beside two
/// operands strides_c has rank 0. Throws std::invalid_argument when the ranks differ or a walk has
/// more than 2^31 - 1 elements.
StridedWalk collapse(const char* op, const Dims& dims, const Dims& strides_a, const Dims& strides_b,
                     const Dims& strides_c = {});

}  // namespace vitro::cuda
