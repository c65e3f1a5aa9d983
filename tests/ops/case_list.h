#pragma once

#include "ir/builder.h"
#include "ir/op_info.h"
#include "ops/cases.h"
#include "ops/random.h"

namespace vitro {

/// Collects cases. The weights of a case are seeded with its name.
class CaseList {
 public:
  /// Adds the node to a builder and returns its result.
  using Emit = std::function<ValueId(GraphBuilder&, Random&)>;

  /// `what` follows the op's name; the reference is valid until the next call.
  OpCase& add(const char* op, const std::string& what, Emit emit);
  OpCase& add(OpKind kind, const std::string& what, Emit emit) {
    return add(op_info(kind).name, what, std::move(emit));
  }
  std::vector<OpCase> take() { return std::move(cases_); }

 private:
  std::vector<OpCase> cases_;
};

/// How a matrix may be stored.
struct Storage {
  const char* name;
  DType dtype;
};
inline constexpr Storage kStorages[] = {{"fp32", DType::Float32}, {"bf16", DType::BFloat16}};

/// A weight that keeps the result near the size of the input.
ValueId weight(GraphBuilder& builder, Random& random, Dims dims, int64_t fan_in,
               const Storage& storage = kStorages[0]);
/// `count` values in [low, high].
ValueId vector(GraphBuilder& builder, Random& random, int64_t count, float low, float high);
/// `count` values in [-0.5, 0.5].
ValueId bias(GraphBuilder& builder, Random& random, int64_t count);

/// Of the products in 8 bits.
ValueId code_weight(GraphBuilder& builder, Random& random, const Dims& dims, DType dtype);
/// Bias, scale, factor and offset for inputs in [-1, 1], a few of which are clamped, and results of
/// about that size.
std::vector<ValueId> quantization(GraphBuilder& builder, Random& random, const Dims& weight,
                                  DType dtype);

/// Makes the product of a fused op whose weight is operand `weight` one in 8 bits: weight and bias
/// are put in their places, the rest from operand `at` on.
void quantize(GraphBuilder& builder, Random& random, std::vector<ValueId>& operands, size_t weight,
              size_t at, DType dtype);

/// The constant of one element, without axes.
Constant scalar(float value);

void add_function_cases(CaseList& cases);
void add_copy_cases(CaseList& cases);
void add_indexed_cases(CaseList& cases);
void add_window_cases(CaseList& cases);
void add_fused_cases(CaseList& cases);
void add_quantized_cases(CaseList& cases);

}  // namespace vitro
