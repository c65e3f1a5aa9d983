// What looks like a fused op and stays apart is told by its node and the condition that failed.
#include <gtest/gtest.h>

#include "passes/graphs.h"
#include "passes/near_miss.h"
#include "passes/passes.h"

namespace vitro::test {
namespace {

void expect_miss(Graph graph, const std::string& pattern, const std::string& source,
                 const std::string& reason) {
  fuse_attention(graph);
  fuse_mlp(graph);
  const auto misses = near_misses(graph);
  ASSERT_EQ(misses.size(), 1u) << print(graph);
  EXPECT_EQ(misses[0].pattern, pattern);
  EXPECT_EQ(misses[0].source, source);
  EXPECT_NE(misses[0].reason.find(reason), std::string::npos) << misses[0].reason;
}

/// Attention whose scores, keys and values may be changed on the way.
struct Spelling {
  bool bias = false, scaled_values = false;
  int64_t key_begin = 8;
};
Graph attention(const Spelling& spelling, const Dims& bias = {}) {
  GraphMaker m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, spelling.key_begin, 4);
  ValueId v = m.heads(qkv, 16, 4);
  if (spelling.scaled_values) v = m.mul(v, m.scalar("two", 2));
  ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  if (spelling.bias) {
    scores = m.op(OpKind::Reshape, ReshapeAttrs{{-1, 1, 2, 5, 5}}, {scores}, "split");
    scores = m.add(scores, m.weight("bias", bias));
    scores = m.op(OpKind::Reshape, ReshapeAttrs{{-1, 2, 5, 5}}, {scores}, "join");
  }
  return m.finish({m.merge(m.op(OpKind::Softmax, {}, {scores}, "softmax"), v)});
}

TEST(NearMisses, ProductsOfCodesThatStayInFloats) {
  const auto miss = [](DType dtype, float step, const std::string& reason) {
    GraphMaker m;
    const ValueId scale = m.scalar("scale", step);
    const QuantizeAttrs attrs{0, dtype};
    const ValueId q = m.op(OpKind::QuantizeLinear, attrs, {m.input({2, 3}), scale}, "q");
    Graph graph =
        m.finish({m.linear(m.op(OpKind::DequantizeLinear, attrs, {q, scale}, "dq"), "fc", 4)});
    fuse_explicit_products(graph);
    expect_miss(graph, "quantized_linear", "fc", reason);
  };
  miss(DType::Int8, 0.5f, "the rows of its weight are no multiples of integers from -128 to 127");
  miss(DType::Int16, 0.5f, "the codes of its input are I16, expected uint8 or int8");
  miss(DType::Int8, -1.0f, "the scale of its input is -1, expected a positive one");
}

TEST(NearMisses, AttentionWithABiasOfEachImage) {
  expect_miss(attention({true}, {2, 1, 2, 5, 5}), "attention", "softmax",
              "the bias of the scores is 'bias' of 2x1x2x5x5, another one for each of 2 images");
}

TEST(NearMisses, AttentionWithABiasThatIsScaled) {
  GraphMaker m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, 8, 4), v = m.heads(qkv, 16, 4);
  ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  scores = m.mul(m.add(scores, m.weight("bias", {2, 5, 5})), m.scalar("half", 0.5f));
  expect_miss(m.finish({m.merge(m.op(OpKind::Softmax, {}, {scores}, "softmax"), v)}), "attention",
              "softmax", "add 'add' of 2x2x5x5, which has an addend, is multiplied by 0.5");
}

TEST(NearMisses, AttentionWithAMaskThatIsComputed) {
  GraphMaker m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, 8, 4), v = m.heads(qkv, 16, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  const ValueId masked = m.add(scores, m.gelu(m.input({5, 5})));
  expect_miss(m.finish({m.merge(m.op(OpKind::Softmax, {}, {masked}, "softmax"), v)}), "attention",
              "softmax", "the bias of the scores is computed: gelu 'gelu' of 5x5");
}

TEST(NearMisses, AttentionWithScaledValues) {
  expect_miss(attention({false, true}), "attention", "softmax", "the values are multiplied by 2");
}

TEST(NearMisses, AttentionOutsideOfABlock) {
  Graph graph = attention({false, false, 0});  // keys that are the queries
  fuse_attention(graph);
  const auto misses = near_misses(graph);
  ASSERT_EQ(misses.size(), 1u);
  EXPECT_EQ(misses[0].pattern, "attention_block");
  EXPECT_NE(misses[0].reason.find("expected a layer_norm"), std::string::npos);
}

TEST(NearMisses, AttentionToFewerTokens) {
  GraphMaker m;
  const ValueId queries = m.linear(m.input({2, 5, 8}), "q", 24);
  const ValueId others = m.linear(m.input({2, 3, 8}), "kv", 24);
  const ValueId q = m.heads(queries, 0, 4), k = m.heads(others, 8, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  const ValueId weights = m.op(OpKind::Softmax, {}, {scores}, "softmax");
  expect_miss(m.finish({m.merge(weights, m.heads(others, 16, 4))}), "attention", "softmax",
              "keys are of 3 tokens, queries of 5");
}

TEST(NearMisses, MlpWithAnotherResidual) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 3, 4}), mixed = m.depthwise(x, "mix", 3);
  const ValueId hidden = m.gelu(m.linear(m.layer_norm(mixed, "norm", false), "fc1", 6));
  expect_miss(m.finish({m.add(x, m.linear(hidden, "fc2", 4))}), "mlp", "gelu",
              "the sum is with 'x' of 1x3x3x4, expected depthwise_conv2d 'mix' of 1x3x3x4");
}

TEST(NearMisses, MlpWithTheApproximation) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 4});
  const ValueId hidden = m.op(UnaryFunction::GeluTanh, m.linear(x, "fc1", 6), "act");
  expect_miss(m.finish({m.add(x, m.linear(hidden, "fc2", 4))}), "mlp", "act",
              "the activation is gelu_tanh, expected gelu");
}

TEST(NearMisses, GeluWithAnotherFactor) {
  GraphMaker m;
  const ValueId x = m.input({2, 4});
  const ValueId erf = m.op(UnaryFunction::Erf, m.mul(x, m.scalar("c", 0.7f)), "erf");
  const ValueId product = m.mul(x, m.add(erf, m.scalar("one", 1)));
  Graph graph = m.finish({m.mul(product, m.scalar("half", 0.5f))});
  fuse_activation(graph);
  expect_miss(std::move(graph), "gelu", "erf", "erf is of mul 'mul' of 2x4");
}

TEST(NearMisses, MeanThatDropsItsAxes) {
  GraphMaker m;
  const ValueId x = m.input({4});
  const ValueId mean = m.reduce(ReduceFunction::Mean, x, {0});
  Graph graph = m.finish({m.op(BinaryFunction::Sub, x, mean, "centred")});
  expect_miss(std::move(graph), "layer_norm", "centred", "the mean does not keep its axes");
}

}  // namespace
}  // namespace vitro::test
