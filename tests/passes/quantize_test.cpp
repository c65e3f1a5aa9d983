// Products in 8 bits: what becomes of weights, on numbers that are exact, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/temporary_directory.h"
#include "ir/infer.h"
#include "models/models.h"
#include "passes/graphs.h"
#include "passes/passes.h"
#include "passes/pipeline.h"
#include "passes/quantized_products.h"

namespace vitro::test {
namespace {

/// gelu(x weight^T + bias), so that the product is no result of the graph.
Graph product() {
  GraphBuilder builder;
  const auto constant = [&](const char* name, const Dims& dims, const std::vector<float>& values) {
    return builder.constant(name, make_constant(dims, values));
  };
  const ValueId x = builder.input("x", {1, 2});
  const ValueId y = builder.op(OpKind::Linear, {},
                               {x, constant("a.weight", {2, 2}, {254, -508, 127, 2}),
                                constant("a.bias", {2}, {1000, -1000})},
                               "a");
  return builder.finish({builder.op(UnaryFunction::Gelu, y, "gelu")});
}

Graph quantized(InputQuantization input) {
  Graph graph = product();
  quantize_products(graph, {{"a", std::move(input)}});
  verify(graph);
  return graph;
}

std::vector<float> operand(const Graph& graph, size_t i) {
  const auto floats = graph.value(graph.nodes[0].inputs[i]).constant->floats();
  return {floats.begin(), floats.end()};
}

std::vector<int> weight_codes(const Graph& graph) {
  const Constant& weight = *graph.value(graph.nodes[0].inputs[1]).constant;
  const auto* codes = reinterpret_cast<const int8_t*>(weight.bytes.data());
  return {codes, codes + num_elements(weight.type.dims)};
}

TEST(QuantizeProducts, FactorsGoIntoTheWeightAndOffsetsIntoTheBias) {
  const Graph graph = quantized({{2, 4}, {10, 20}, {}});
  ASSERT_EQ(graph.nodes[0].kind, OpKind::QuantizedLinear);
  // Rows {127, -127} and {63.5, 0.5}, the second of scale 1/2.
  EXPECT_EQ(weight_codes(graph), (std::vector<int>{127, -127, 127, 1}));
  EXPECT_EQ(operand(graph, 3), (std::vector<float>{1, 0.5f}));
  EXPECT_EQ(operand(graph, 2), (std::vector<float>{1000 - 1270 + 2540, -1000 - 635 - 10}));
  EXPECT_EQ(operand(graph, 4), (std::vector<float>{2, 4}));
  EXPECT_EQ(operand(graph, 5), (std::vector<float>{10, 20}));
}

TEST(QuantizeProducts, EightBitFloatsHaveTheLargestOneInEachRow) {
  const Graph graph = quantized({{2, 2}, {}, {}});
  const Constant& weight = *graph.value(graph.nodes[0].inputs[1]).constant;
  ASSERT_EQ(weight.type.dtype, DType::Float8E4M3);
  // Rows {127, -254} and {63.5, 1}: 224 and -448 of 254 / 448, 448 and 7.06 of 63.5 / 448.
  const auto* codes = reinterpret_cast<const uint8_t*>(weight.bytes.data());
  EXPECT_EQ(std::vector<int>(codes, codes + 4), (std::vector<int>{0x76, 0xfe, 0x7e, 0x4e}));
  EXPECT_EQ(operand(graph, 3), (std::vector<float>{254 / 448.0f, 63.5f / 448}));
  EXPECT_EQ(operand(graph, 2), (std::vector<float>{1000, -1000}));
  const auto products = quantized_products(graph);
  ASSERT_EQ(products.size(), 1u);
  EXPECT_EQ(products[0].range(), std::pair(-224.0f, 224.0f));
}

TEST(QuantizeProducts, TheBiasMakesUpForTheRoundedWeightOfTheMeanInput) {
  // Row 1 in columns of 1/2: {127, 2} * 2 = {254, 4} of scale 2 is {127, 2}: exact. With a factor
  // of 1 in the second column it is {63.5 * 2, 2} = {254, 2}, whose codes are {127, 1}.
  Graph exact = product();
  quantize_products(exact, {{"a", {{1, 1}, {0, 0}, {3, 5}}}});
  const float scale = operand(exact, 3)[0];  // row 0, {254, -508}: of scale 4, 63.5 rounds to 64
  const auto codes = weight_codes(exact);
  const float rounded = scale * static_cast<float>(codes[0] * 3 + codes[1] * 5);
  EXPECT_NE(rounded, 254 * 3 - 508 * 5);
  EXPECT_FLOAT_EQ(operand(exact, 2)[0], 1000 + (254 * 3 - 508 * 5) - rounded);
}

TEST(QuantizeProducts, AWeightOfZerosAndOneOfOneElement) {
  GraphMaker maker;
  const ValueId x = maker.input({1, 1});
  const ValueId y = maker.op(OpKind::Linear, {}, {x, maker.weight("a.weight", {3, 1}, 0, 0)}, "a");
  Graph graph = maker.finish({maker.op(UnaryFunction::Relu, y, "relu")});
  quantize_products(graph, {{"a", {{1}, {128}, {}}}});
  verify(graph);
  EXPECT_EQ(weight_codes(graph), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(operand(graph, 2), (std::vector<float>{0, 0, 0}));
}

TEST(QuantizeProducts, SumsThatWouldNotFitStayFloats) {
  for (const int64_t terms : {kMostQuantizedTerms, kMostQuantizedTerms + 1}) {
    GraphMaker maker;
    const ValueId x = maker.input({1, terms});
    const ValueId y = maker.op(OpKind::Linear, {}, {x, maker.weight("a.weight", {1, terms})}, "a");
    Graph graph = maker.finish({maker.op(UnaryFunction::Relu, y, "relu")});
    const auto channels = static_cast<size_t>(terms);
    quantize_products(
        graph, {{"a", {std::vector<float>(channels, 1), std::vector<float>(channels, 128), {}}}});
    verify(graph);
    EXPECT_EQ(graph.nodes[0].kind == OpKind::QuantizedLinear, terms == kMostQuantizedTerms);
  }
}

TEST(QuantizeProducts, RefusesWhatDoesNotFit) {
  const auto expect_refused = [](const char* message, const Quantization& inputs) {
    expect_error(ErrorCode::InvalidArgument, message, [&] {
      Graph graph = product();
      quantize_products(graph, inputs);
    });
  };
  expect_refused("no product 'b'", {{"b", {{1, 1}, {0, 0}, {}}}});
  expect_refused("has 1 channels, its input 2", {{"a", {{1}, {0}, {}}}});
  expect_refused("a factor that is not positive", {{"a", {{1, 0}, {0, 0}, {}}}});
  expect_refused("not finite", {{"a", {{1, 1}, {0, NAN}, {}}}});
}

TEST(QuantizeProducts, AUniFormerHasAllThatAreListedAndBlocksKeepTheirProducts) {
  RandomWeights weights(1);
  ModelOptions options;
  options.num_classes = 10;
  options.height = options.width = 64;
  Graph graph = build_uniformer({"plain", {1, 1, 1, 1}, {16, 24, 32, 48}, 16}, options, weights);
  Graph unfused = graph;
  run_passes(unfused, {.fuse_blocks = false});
  Quantization inputs;
  for (const Node& node : unfused.nodes) {
    if (node.kind != OpKind::Linear && node.kind != OpKind::Conv) continue;
    const auto channels = static_cast<size_t>(unfused.value(node.inputs[1]).type.dims.back());
    inputs[node.source] = {std::vector<float>(channels, 30), std::vector<float>(channels, 128), {}};
  }
  // Four embeddings, two blocks of conv1, conv2, fc1, fc2, two of qkv, proj, fc1, fc2, and the
  // head.
  EXPECT_EQ(inputs.size(), 21u);
  inputs.erase("head");
  run_passes(graph, {.quantization = &inputs});
  size_t fused = 0, quantized_convs = 0;
  for (const Node& node : graph.nodes) {
    quantized_convs += node.kind == OpKind::QuantizedConv;
    const size_t at = node.kind == OpKind::LocalMixer ? 8 : 5;
    if (!node.body) continue;
    ++fused;
    EXPECT_TRUE(node.has_input(at) && node.has_input(at + 3)) << node.source;
  }
  EXPECT_EQ(fused, 8u);
  EXPECT_EQ(quantized_convs, 4u);
  const std::vector<QuantizedProduct> products = quantized_products(graph);
  ASSERT_EQ(products.size(), 20u);
  for (const QuantizedProduct& product : products) {
    EXPECT_TRUE(inputs.contains(product.name)) << product.name;
    EXPECT_EQ(product.range(), std::pair(-128 / 30.0f, 127 / 30.0f));
    EXPECT_EQ(product.input_scales(), std::pair(1 / 30.0f, 1 / 30.0f));
    EXPECT_LE(product.weight_scales().first, product.weight_scales().second);
  }
  EXPECT_EQ(products[0].name, "patch_embed1.proj");
  EXPECT_EQ(products[1].name, "blocks1.0.conv1") << "of a fused op";
  EXPECT_EQ(graph.nodes.back().kind, OpKind::Linear) << "the head";
}

}  // namespace
}  // namespace vitro::test
