#pragma once

#include "backends/cpu/kernels/kernels.h"
#include "backends/cpu/nest.h"
#include "core/thread_team.h"

namespace vitro::cpu {

/// Copies the elements of a walk through one tensor to those of a walk through another, whose
/// extents are the same. It copies runs of memory where both have them.
class StridedCopy {
 public:
  StridedCopy(size_t element_bytes, const Strided& from, const Strided& to, int threads);
  /// Elements that it writes, each once.
  int64_t count() const { return count_; }
  void run(ThreadTeam& team, const std::byte* src, std::byte* dst) const;

 private:
  /// What the inner loop does.
  enum class Inner : uint8_t {
    Run,       ///< both advance by one: memory is copied
    Matrix,    ///< dst advances by one, src along the axis before: a transposed matrix
    Elements,  ///< one by one
  };
  void copy_range(const std::byte* src, std::byte* dst, int64_t begin, int64_t end) const;
  void transpose_block(const std::byte* src, std::byte* dst, int64_t task) const;

  const KernelTable& table_;
  int64_t bytes_;  ///< of an element
  int64_t count_;
  int64_t src_offset_, dst_offset_;  ///< elements
  Nest nest_;                        ///< a: src, b: dst
  Inner inner_;
  int64_t blocks_ = 0;  ///< of columns of a matrix
  int64_t tasks_;       ///< blocks of matrices, or elements
  int64_t bands_;       ///< useful shares of threads
};

}  // namespace vitro::cpu
