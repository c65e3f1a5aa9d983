#pragma once

#include "backends/cuda/kernels/strided_copy.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {

/// Copies of parts of the operands to parts of the results, one launch each.
class CopyKernel : public Kernel {
 public:
  void run(const KernelArgs& args) const override;

 protected:
  /// Of the first operands, all of one type.
  explicit CopyKernel(const OpContext& op, size_t operands = 1);
  /// `extents` elements, from element `from` of an operand and `to` of a result on. Strides of a
  /// dense result may be left out.
  void add(size_t operand, int64_t from, size_t result, int64_t to, const vitro::Dims& extents,
           const vitro::Dims& x_strides, const vitro::Dims& y_strides = {});
  int bytes_;  ///< of an element

 private:
  struct Part {
    size_t operand, result;
    int64_t from, to;  // bytes
    StridedCopyArgs copy;
  };
  std::vector<Operand> operands_;
  std::vector<Part> parts_;
};

/// The operands after the first one are integers, and no data.
inline std::optional<Refusal> needs_first_size(const OpContext& op) { return needs_sizes(op, 1); }

class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(const OpContext& op);
  void run(const KernelArgs& args) const override;

  const std::vector<int64_t>& perm() const { return perm_; }

 private:
  Operand x_;
  int bytes_;
  Dims dims_;
  std::vector<int64_t> perm_;
};

}  // namespace vitro::cuda
