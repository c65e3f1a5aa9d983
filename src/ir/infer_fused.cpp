#include "ir/infer.h"

namespace vitro {
namespace {

/// A weight, its bias, and at `quantization` what makes it a product in 8 bits.
void expect_linear(const Node& node, Operands in, size_t index, int64_t out, int64_t features,
                   size_t quantization) {
  expect(in[index].dims() == Dims{out, features}, node, "operand {} is {}, expected {}x{}", index,
         to_string(in[index].dims()), out, features);
  expect(in[index + 1].dims() == Dims{out}, node, "operand {} is {}, expected {}", index + 1,
         to_string(in[index + 1].dims()), out);
  expect_quantization(node, in, index, quantization);
}

}  // namespace

TensorType infer_attention(const Node& node, Operands in) {
  const auto& attrs = node.as<AttentionAttrs>();
  expect_rank(node, in[0], 3, "qkv");
  expect(attrs.heads > 0 && attrs.head_dim > 0 && attrs.heads <= kMaxElements / attrs.head_dim &&
             in[0].dims()[2] == 3 * attrs.heads * attrs.head_dim,
         node, "qkv {} is not 3 x {} heads x {}", to_string(in[0].dims()), attrs.heads,
         attrs.head_dim);
  const int64_t n = in[0].dims()[0], tokens = in[0].dims()[1];
  if (in[1]) {
    expect_rank(node, in[1], 4, "bias");
    const Dims& bias = in[1].dims();
    const auto fits = [&](size_t axis, int64_t extent) {
      return bias[axis] == extent || (bias[axis] == 1 && (axis == 1 || bias[0] == 1));
    };
    expect(bias[0] > 0 && n % bias[0] == 0 && fits(1, attrs.heads) && fits(2, tokens) &&
               fits(3, tokens),
           node, "the bias is {}, expected a part of the {} images, {} heads and {} tokens",
           to_string(bias), n, attrs.heads, tokens);
    expect_bounded(node, {n, attrs.heads, tokens, tokens});
  }
  return {in[0].dtype(), {n, tokens, attrs.heads * attrs.head_dim}};
}

TensorType infer_attention_block(const Node& node, Operands in) {
  const auto& attrs = node.as<AttentionBlockAttrs>();
  const Dims& x = in[0].dims();
  expect(x.size() == 3 || x.size() == 4, node,
         "input is {}, expected tokens [n, t, c] or a map [n, h, w, c]", to_string(x));
  const int64_t c = x.back();
  expect(attrs.heads > 0 && attrs.head_dim > 0 && attrs.heads <= kMaxElements / attrs.head_dim &&
             attrs.heads * attrs.head_dim == c,
         node, "{} heads x {} are not {}", attrs.heads, attrs.head_dim, c);
  expect_linear(node, in, 1, 3 * c, c, 5);
  expect_linear(node, in, 3, c, c, 8);
  expect_eps(node, attrs.eps);
  Dims projected = x;
  projected.back() = 3 * c;
  expect_bounded(node, projected);
  return *in[0].type;
}

TensorType infer_mlp(const Node& node, Operands in) {
  expect(!in[0].dims().empty() && !in[1].dims().empty(), node, "an operand is a scalar");
  const int64_t c = in[0].dims().back(), hidden = in[1].dims()[0];
  expect_linear(node, in, 1, hidden, c, 5);
  expect_linear(node, in, 3, c, hidden, 8);
  expect_eps(node, node.as<MlpAttrs>().eps);
  Dims activations = in[0].dims();
  activations.back() = hidden;
  expect_bounded(node, activations);
  return *in[0].type;
}

TensorType infer_local_mixer(const Node& node, Operands in) {
  expect_rank(node, in[0], 4, "input");
  const int64_t c = in[0].dims()[3];
  for (size_t index : {size_t{1}, size_t{5}})
    expect(in[index].dims().size() == 3 && in[index].dims()[0] % 2 == 1 &&
               in[index].dims()[1] % 2 == 1 && in[index].dims()[2] == c,
           node, "operand {} is {}, expected odd kernel extents and {} channels", index,
           to_string(in[index].dims()), c);
  expect(in[2].dims() == Dims{c}, node, "operand 2 is {}, expected {}", to_string(in[2].dims()), c);
  expect_linear(node, in, 3, c, c, 8);
  expect_linear(node, in, 6, c, c, 11);
  return *in[0].type;
}

}  // namespace vitro
