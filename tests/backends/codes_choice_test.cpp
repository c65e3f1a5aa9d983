// Products in 8 bits that take longer than those of floats, where codes become words before they
// are multiplied.
#include "backends/cpu/codes_choice.h"

#include <gtest/gtest.h>

#include "backends/guarded_run.h"
#include "ir/builder.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

struct Layer {
  Dims input, weight;
  int64_t stride = 1;
};

Constant filled(Dims dims, float value) {
  const std::vector<float> values(static_cast<size_t>(num_elements(dims)), value);
  return make_constant(std::move(dims), values);
}

/// A linear where the weight has two axes, else a convolution whose padding keeps the size.
Graph graph_of(const Layer& layer) {
  GraphBuilder builder;
  const int64_t outputs = layer.weight[0], channels = layer.weight.back();
  const std::vector<int64_t> codes(static_cast<size_t>(num_elements(layer.weight)), 3);
  const ValueId x = builder.input("x", layer.input);
  const std::vector<ValueId> operands{
      x,
      builder.constant("w", make_constant(layer.weight, codes, DType::Int8)),
      builder.constant("b", filled({outputs}, 0)),
      builder.constant("s", filled({outputs}, 0.01f)),
      builder.constant("f", filled({channels}, 100)),
      builder.constant("o", filled({channels}, 128))};
  if (layer.weight.size() == 2)
    return builder.finish({builder.op(OpKind::QuantizedLinear, {}, operands, "product")});
  const Ints stride{layer.stride, layer.stride};
  const Ints pad{layer.weight[1] / 2, layer.weight[2] / 2};
  return builder.finish(
      {builder.op(OpKind::QuantizedConv, ConvAttrs{stride, {}, pad, pad}, operands, "product")});
}

bool is_slower(const Layer& layer) {
  const Graph graph = graph_of(layer);
  const std::vector<TensorType> inputs{{DType::Float32, layer.input}};
  const std::vector<TensorType> types = infer(graph, inputs).types;
  PlanCache cache;
  return is_slower_in_codes(
      {.graph = graph, .node = graph.nodes[0], .types = types, .threads = 1, .cache = cache}, 1);
}

// The ratios are those of docs/performance.md: time in float32 by time in 8 bits.
TEST(CodesChoice, FollowsWhatWasMeasured) {
  EXPECT_TRUE(is_slower({{1, 56, 56, 64}, {64, 3, 3, 64}})) << "Winograd's tiles: 0.5";
  EXPECT_TRUE(is_slower({{1, 14, 14, 256}, {256, 3, 3, 256}})) << "0.74";
  EXPECT_TRUE(is_slower({{1, 224, 224, 3}, {32, 3, 3, 3}, 2})) << "few channels: 0.44";
  EXPECT_TRUE(is_slower({{12544, 32}, {16, 32}})) << "few outputs: 0.86";
  EXPECT_TRUE(is_slower({{12544, 8}, {32, 8}})) << "few terms";

  EXPECT_FALSE(is_slower({{1, 56, 56, 64}, {128, 3, 3, 64}, 2})) << "1.45";
  EXPECT_FALSE(is_slower({{1, 28, 28, 64}, {64, 5, 5, 64}})) << "1.55";
  EXPECT_FALSE(is_slower({{1, 56, 56, 64}, {256, 1, 1, 64}})) << "1.28";
  EXPECT_FALSE(is_slower({{196, 320}, {1280, 320}})) << "1.5";
  EXPECT_FALSE(is_slower({{4, 5, 5, 8}, {8, 3, 3, 8}})) << "takes no time either way";
}

TEST(CodesChoice, RunsInFloatsWhereTheseAreFaster) {
  const Layer layer{{1, 28, 28, 32}, {32, 3, 3, 32}};
  const Graph graph = graph_of(layer);
  Tensor input(layer.input);
  const auto chosen =
      compile_for(find_backend("cpu"), graph, {&input, 1})->dispatch().back().chosen;
  PlanCache cache;
  const std::vector<TensorType> inputs{{DType::Float32, layer.input}};
  const bool reverted = without_slow_codes({graph, inputs, cache}).has_value();
  EXPECT_EQ(std::string(chosen), reverted ? "cpu:conv2d_winograd" : "cpu:quantized_conv_panel16x4");
}

}  // namespace
}  // namespace vitro::cpu
