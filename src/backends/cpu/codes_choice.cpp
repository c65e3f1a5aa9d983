#include "backends/cpu/codes_choice.h"

#include "backends/cpu/conv2d.h"
#include "backends/cpu/kernel_choice.h"
#include "backends/cpu/operands.h"
#include "backends/float_products.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

// Measured on AVX2 (docs/performance.md). Words are multiplied 1.5 times as fast as floats.
constexpr double kGain = 1.5;
// Codes are made of every row whatever it is multiplied by.
constexpr int64_t kFewOutputs = 16, kFewTerms = 16;
// Sums of a convolution so short that its kernel for few channels gathers faster than codes are.
constexpr int64_t kFewConvTerms = 128;
// Less takes no time that matters.
constexpr double kMinMultiplyAdds = 1 << 20;

/// Whether a convolution of floats would not be the direct sum of gathered rows, and so faster.
bool has_faster_floats(const OpContext& op, int64_t terms) {
  std::vector<TensorType> types(op.types.begin(), op.types.end());
  types[static_cast<size_t>(op.node.inputs[1])].dtype = DType::Float32;
  const OpContext floats{
      .graph = op.graph, .node = op.node, .types = types, .threads = op.threads, .cache = op.cache};
  if (terms <= kFewConvTerms && !can_conv2d_direct(floats)) return true;
  return winograd_gain(floats) > kGain;
}

}  // namespace

bool is_slower_in_codes(const OpContext& op, size_t weight) {
  const bool convolves = op.node.kind == OpKind::QuantizedConv;
  if (!convolves && op.node.kind != OpKind::QuantizedLinear) return false;
  const TensorType& matrix = op.input(weight);
  const int64_t outputs = matrix.dims[0], terms = num_elements(matrix.dims) / outputs;
  const double rows = static_cast<double>(num_rows(op.output()));
  if (rows * static_cast<double>(num_elements(matrix.dims)) < kMinMultiplyAdds) return false;
  if (outputs <= kFewOutputs || terms < kFewTerms) return true;
  return convolves && matrix.dims.size() == 4 && has_faster_floats(op, terms);
}

std::optional<FloatGraph> without_slow_codes(const CompileRequest& request) {
  if (!product_kernels(request.threads, {}).widens_codes) return std::nullopt;
  const std::vector<TensorType> types = infer(request.graph, request.inputs).types;
  return with_float_products(request.graph, request.cache, [&](const Node& node, size_t weight) {
    const OpContext op{.graph = request.graph,
                       .node = node,
                       .types = types,
                       .threads = request.threads,
                       .cache = request.cache};
    return op.input(weight).dtype != DType::Int8 || !is_slower_in_codes(op, weight);
  });
}

}  // namespace vitro::cpu
