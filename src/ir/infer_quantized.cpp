#include "ir/infer.h"

#include "ir/codes.h"

namespace vitro {
void expect_quantization(const Node& node, Operands in, size_t weight, size_t first) {
  const bool quantized = bool{in[first]};
  for (size_t i = first; i < first + kQuantizationOperands; ++i)
    expect(bool{in[i]} == quantized, node, "operand {} is {}, operand {} is not", i,
           in[i] ? "given" : "absent", first);
  const DType dtype = in[weight].dtype();
  expect(is_code(dtype) == quantized, node, "operand {} is {}, expected {}", weight,
         dtype_name(dtype),
         quantized ? "int8 or F8_E4M3 beside a scale" : "floats without a scale");
  if (!quantized) return;
  const Dims& w = in[weight].dims();  // [out, ..., in]
  const int64_t terms = num_elements(Dims(w.begin() + 1, w.end()));
  expect(dtype != DType::Int8 || terms <= kMostQuantizedTerms, node,
         "operand {} is {}: sums of {} terms, at most {}", weight, to_string(w), terms,
         kMostQuantizedTerms);
  const auto expect_vector = [&](size_t i, int64_t extent) {
    expect(in[i].dims() == Dims{extent}, node, "operand {} is {}, expected {}", i,
           to_string(in[i].dims()), extent);
  };
  expect_vector(first, w.front());
  expect_vector(first + 1, w.back());
  expect_vector(first + 2, w.back());
}

TensorType infer_quantized_linear(const Node& node, Operands in) {
  const TensorType type = infer_linear(node, in.first(3));
  expect_quantization(node, in, 1, 3);
  return type;
}

TensorType infer_quantized_conv(const Node& node, Operands in) {
  expect(node.as<ConvAttrs>().groups == 1, node, "groups {}, expected 1",
         node.as<ConvAttrs>().groups);
  const TensorType type = infer_conv(node, in.first(3));
  expect_quantization(node, in, 1, 3);
  return type;
}

}  // namespace vitro
