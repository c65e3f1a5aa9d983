#pragma once

#include <vector_types.h>

#include "backends/kernel.h"

// A layer norm needs the mean and the deviation of every row before the product that follows it
// begins. The kernel that makes the rows has them in registers: it leaves the sum and the sum of
// squares of parts of each row (LinearArgs::row_sums) behind its result, and the next one reads
// them there. merge_steps.h brings the two together.
namespace vitro::cuda {

/// A kernel that can leave sums of the rows of its first result, in Kernel::tail_bytes().
class LeavesRowSums {
 public:
  virtual ~LeavesRowSums() = default;
  /// Of each row; 0: it cannot.
  virtual int row_parts() const = 0;
  /// From here on it does.
  virtual void leave_row_sums() = 0;
};

/// A kernel that normalises the rows of its first operand.
class ReadsRowSums {
 public:
  virtual ~ReadsRowSums() = default;
  /// From here on the sums of so many parts of each row lie behind the operand.
  virtual void read_row_sums(int parts) = 0;
};

/// Behind `bytes` of a result.
inline const float2* row_sums_behind(const void* result, size_t bytes) {
  return reinterpret_cast<const float2*>(static_cast<const std::byte*>(result) +
                                         aligned_bytes(bytes));
}
inline float2* row_sums_behind(void* result, size_t bytes) {
  return reinterpret_cast<float2*>(static_cast<std::byte*>(result) + aligned_bytes(bytes));
}

}  // namespace vitro::cuda
