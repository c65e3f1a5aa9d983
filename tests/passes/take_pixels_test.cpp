// Pixels as the input of a model of pictures.
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_directory.h"
#include "models/models.h"
#include "passes/graphs.h"
#include "passes/passes.h"
#include "passes/pipeline.h"

namespace vitro::test {
namespace {

const Preprocessing kHow{.mean = {0.5f, 0.25f, 0.125f}, .std = {0.25f, 0.5f, 0.125f}};

/// Channels-first pictures of any batch and size that a convolution of stride 4 tiles.
Graph pictures(int64_t pad) {
  GraphBuilder builder;
  GraphMaker weights;
  ValueId x = builder.input("images", {1, 3, 8, 8}, DType::Float32, image_ranges(4));
  x = builder.op(OpKind::Transpose, TransposeAttrs{{0, 2, 3, 1}}, {x}, "images");
  auto [weight, values] = allocate_floats({2, 4, 4, 3});
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3;
  x = builder.op(OpKind::Conv, ConvAttrs{{4, 4}, {}, {pad, pad}, {pad, pad}, 1},
                 {x, builder.constant("embed.weight", weight)}, "embed");
  x = builder.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, {1, 2}}, {x}, "pool");
  return builder.finish({x}, {"logits"});
}

std::vector<OpKind> kinds(const Graph& graph) {
  std::vector<OpKind> result;
  for (const Node& node : graph.nodes) result.push_back(node.kind);
  return result;
}

std::vector<float> operand(const Graph& graph, size_t node, size_t i) {
  const auto floats = graph.value(graph.nodes[node].inputs[i]).constant->floats();
  return {floats.begin(), floats.end()};
}

TEST(TakePixels, MeanAndStdGoIntoAConvolutionThatPadsNothing) {
  Graph graph = pictures(0);
  run_passes(graph, {.pixels = &kHow});
  const Port& port = graph.inputs[0];
  EXPECT_EQ(port.name, "images");
  EXPECT_EQ(graph.value(port.value).type, (TensorType{DType::UInt8, {1, 8, 8, 3}}));
  const auto floats = image_ranges(4);
  EXPECT_EQ(port.dims, (std::vector{floats[0], floats[2], floats[3], floats[1]}));
  EXPECT_EQ(kinds(graph), (std::vector{OpKind::DequantizeLinear, OpKind::Conv, OpKind::Reduce}));
  const std::vector<float> folded = operand(graph, 1, 1);
  double sum = 0;
  for (size_t i = 0; i < folded.size() / 2; ++i) {  // those of the first output
    const double weight = static_cast<double>(i % 7) - 3;
    EXPECT_FLOAT_EQ(folded[i], static_cast<float>(weight / 255 / kHow.std[i % 3]));
    sum -= weight * kHow.mean[i % 3] / kHow.std[i % 3];
  }
  EXPECT_FLOAT_EQ(operand(graph, 1, 2)[0], static_cast<float>(sum));
}

TEST(TakePixels, BesidePaddingTheyStay) {
  Graph graph = pictures(1);
  run_passes(graph, {.pixels = &kHow});
  EXPECT_EQ(kinds(graph), (std::vector{OpKind::DequantizeLinear, OpKind::BatchNorm, OpKind::Conv,
                                       OpKind::Reduce}));
}

TEST(TakePixels, TheyAreTheCodesOfAProductIn8Bits) {
  for (const int64_t pad : {0, 1}) {
    Graph graph = pictures(pad);
    const Quantization codes{{"embed", {{30, 31, 32}, {100, 101, 102}, {}}}};
    run_passes(graph, {.pixels = &kHow, .quantization = &codes});
    const size_t product = pad == 0 ? 1 : 2;
    ASSERT_EQ(graph.nodes[product].kind, OpKind::QuantizedConv);
    const std::vector<float> factor = operand(graph, product, 4),
                             offset = operand(graph, product, 5);
    for (size_t i = 0; i < 3; ++i) {
      // Of numbers from 0 to 255, or of those that batch_norm makes of them.
      const float scale = pad == 0 ? 1 : 1 / (255 * kHow.std[i]),
                  shift = pad == 0 ? 0 : -kHow.mean[i] / kHow.std[i];
      for (const float pixel : {0.0f, 1.0f, 128.0f, 254.0f, 255.0f})
        EXPECT_EQ(std::nearbyint(std::fma(pixel * scale + shift, factor[i], offset[i])), pixel);
    }
  }
}

TEST(TakePixels, EightBitFloatsKeepTheirFactorsAndHaveNoOffsets) {
  for (const int64_t pad : {0, 1}) {
    Graph graph = pictures(pad);
    const Quantization codes{{"embed", {{30, 31, 32}, {}, {}}}};
    run_passes(graph, {.pixels = &kHow, .quantization = &codes});
    EXPECT_EQ(operand(graph, 2, 4), (std::vector<float>{30, 31, 32}));
    EXPECT_EQ(operand(graph, 2, 5), (std::vector<float>{0, 0, 0}));
  }
}

TEST(TakePixels, OtherInputsAreRefusedByName) {
  const auto expect_refused = [](Graph graph, const std::string& what) {
    expect_error(ErrorCode::Unsupported, what, [&] { take_pixels(graph, kHow); });
  };
  GraphMaker four, two, tokens;
  expect_refused(four.finish({four.gelu(four.input({1, 4, 8, 8}))}), "input 'x' is F32 1x4x8x8");
  expect_refused(tokens.finish({tokens.gelu(tokens.input({1, 3, 8}))}), "input 'x' is F32 1x3x8");
  const ValueId a = two.input({1, 3, 8, 8});
  expect_refused(two.finish({two.add(a, two.input({1, 3, 8, 8}))}), "has 2 inputs");
}

}  // namespace
}  // namespace vitro::test
