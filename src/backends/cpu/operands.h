#pragma once

#include <optional>
#include <vector>

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/panel16.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// Rows of a channels-last tensor: the product of all extents but the last.
int64_t num_rows(const TensorType& type);
/// Floats rounded up to whole cache lines.
inline size_t aligned_floats(int64_t count) { return static_cast<size_t>((count + 15) / 16 * 16); }

/// Refuses operands that are not float32, but the weights of products.
std::optional<Refusal> needs_float32(const OpContext& op);
/// Matrices [n, ...] in panels of 16 columns of the transposed, of float32 or bfloat16: what
/// products read, on every instruction set. All extents but the first are the rows' k.
extern const PackedForm kPanel16;
/// The same of int8, in groups of four values of k: what products of codes read.
extern const PackedForm kPanel16x4;
/// The same rounded to bfloat16, in pairs of k, made of kPanel16: what products in bfloat16 read.
/// No plan stores it.
extern const PackedForm kPanel16x2;
/// Refuses operand `index` unless it is a constant that can be packed in panels.
std::optional<Refusal> needs_panels(const OpContext& op, size_t index);

/// What a product has on its right: a weight, the bias behind it and, where the weight is of int8,
/// three operands that say what its products mean (ir/infer_quantized.cpp). Floats are multiplied
/// as the precision of the program says.
class ProductOperands {
 public:
  /// The weight is operand `weight`, packed when nobody did so before; its scale, if it has one,
  /// operand `quantization`, and what makes codes of rows the next two.
  ProductOperands(const OpContext& op, size_t weight, size_t quantization);
  bool quantized() const { return weight_.type.dtype == DType::Int8; }
  bool in_bfloat16() const { return weight_.storage == kPanel16x2.id; }
  /// What is known before a run: that of which scratch depends.
  void describe(GemmArgs& gemm) const;
  /// The operands of a run.
  void bind(GemmArgs& gemm, const KernelArgs& args) const;
  /// How rows become codes.
  Quantizer rows(const KernelArgs& args) const;
  /// The operands of the node that this reads.
  std::vector<size_t> indices() const;

 private:
  Constant weight_;
  size_t index_, quantization_;
};

}  // namespace vitro::cpu
