#include "ir/infer.h"

namespace vitro {
namespace {

void expect_linear(const Node& node, Operands in, size_t index, int64_t out, int64_t features) {
  expect(in[index].dims() == Dims{out, features}, node, "operand {} is {}, expected {}x{}", index,
         to_string(in[index].dims()), out, features);
  expect(in[index + 1].dims() == Dims{out}, node, "operand {} is {}, expected {}", index + 1,
         to_string(in[index + 1].dims()), out);
}

}  // namespace

TensorType infer_attention(const Node& node, Operands in) {
  const auto& attrs = node.as<AttentionAttrs>();
  expect_rank(node, in[0], 3, "qkv");
  expect(attrs.heads > 0 && attrs.head_dim > 0 && attrs.heads <= kMaxElements / attrs.head_dim &&
             in[0].dims()[2] == 3 * attrs.heads * attrs.head_dim,
         node, "qkv {} is not 3 x {} heads x {}", to_string(in[0].dims()), attrs.heads,
         attrs.head_dim);
  return {in[0].dtype(), {in[0].dims()[0], in[0].dims()[1], attrs.heads * attrs.head_dim}};
}

TensorType infer_attention_block(const Node& node, Operands in) {
  const auto& attrs = node.as<AttentionBlockAttrs>();
  expect_rank(node, in[0], 4, "input");
  const int64_t c = in[0].dims()[3];
  expect(attrs.heads > 0 && attrs.head_dim > 0 && attrs.heads <= kMaxElements / attrs.head_dim &&
             attrs.heads * attrs.head_dim == c,
         node, "{} heads x {} are not {}", attrs.heads, attrs.head_dim, c);
  expect_linear(node, in, 1, 3 * c, c);
  expect_linear(node, in, 3, c, c);
  expect_eps(node, attrs.eps);
  expect_bounded(node, {in[0].dims()[0], in[0].dims()[1], in[0].dims()[2], 3 * c});
  return *in[0].type;
}

TensorType infer_mlp(const Node& node, Operands in) {
  expect(!in[0].dims().empty() && !in[1].dims().empty(), node, "an operand is a scalar");
  const int64_t c = in[0].dims().back(), hidden = in[1].dims()[0];
  expect_linear(node, in, 1, hidden, c);
  expect_linear(node, in, 3, c, hidden);
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
  expect_linear(node, in, 3, c, c);
  expect_linear(node, in, 6, c, c);
  return *in[0].type;
}

}  // namespace vitro
