#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "backends/plan_cache.h"
#include "export/onnx_export.h"
#include "ir/builder.h"
#include "ops/on_gpu.h"
#include "ops/onnx_round_trip.h"
#include "ops/onnx_vectors.h"
#include "passes/passes.h"
#include "passes/pipeline.h"

// A small network as ONNX Runtime and ModelOpt quantize it, in, and products in 8 bits, out:
// tools/make_onnx_quantized.py.
namespace vitro {
namespace {

const std::vector<OnnxVector>& models() {
  static const std::vector<OnnxVector> list =
      read_onnx_vectors(vectors_file("onnx_quantized.safetensors"));
  return list;
}

size_t count(const Graph& graph, OpKind kind) {
  return static_cast<size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                           [&](const Node& node) { return node.kind == kind; }));
}

Graph optimised(const OnnxVector& vector, bool fuse_blocks = false) {
  Graph graph = import_onnx(vector.model, "model.onnx", evaluate_constants);
  run_passes(graph, {.fuse_blocks = fuse_blocks});
  return graph;
}

class QuantizedModels : public testing::TestWithParam<OnnxVector> {};

TEST_P(QuantizedModels, GiveTheResultsOfOnnxRuntime) {
  const Graph read = import_onnx(GetParam().model, "model.onnx", evaluate_constants);
  EXPECT_EQ(difference(GetParam(), read, find_backend("reference"), kQuantizedModel), "");
  const Graph graph = optimised(GetParam(), true);
  EXPECT_EQ(difference(GetParam(), graph, find_backend("reference"), kQuantizedModel), "");
  EXPECT_EQ(difference(GetParam(), graph, find_backend("cpu"), kQuantizedModel), "");
}

TEST_P(QuantizedModels, GiveTheResultsOfOnnxRuntimeOnAGpu) {
  std::string reason;
  const Backend* gpu = gpu_backend(reason);
  if (!gpu) GTEST_SKIP() << reason;
  std::vector<Graph> graphs{optimised(GetParam(), true)};
  // The passes widen half floats, which no backend has operands of.
  if (GetParam().name != "modelopt_float16")
    graphs.push_back(import_onnx(GetParam().model, "model.onnx", evaluate_constants));
  for (const Graph& graph : graphs)
    EXPECT_EQ(difference(GetParam(), graph, *gpu, kQuantizedModel, Precision::Float32), "")
        << print(graph);
}

TEST_P(QuantizedModels, HaveTheirProductsInEightBits) {
  const Graph graph = optimised(GetParam());
  const size_t products =
      count(graph, OpKind::QuantizedConv) + count(graph, OpKind::QuantizedLinear);
  if (GetParam().name == "products_affine_weights") {
    EXPECT_LT(products, 5u) << print(graph);
    return;
  }
  // The head is a Gemm, which "operators" leave in floats, as ModelOpt does.
  const bool has_float_head =
      GetParam().name.starts_with("operators") || GetParam().name.starts_with("modelopt");
  EXPECT_EQ(products, has_float_head ? 4u : 5u) << print(graph);
  if (GetParam().name.starts_with("modelopt")) {
    EXPECT_EQ(count(graph, OpKind::Unary), 2u) << "relu and gelu\n" << print(graph);
  }
  if (GetParam().name.starts_with("products")) {
    EXPECT_EQ(count(graph, OpKind::QuantizeLinear), 0u) << print(graph);
    EXPECT_EQ(count(graph, OpKind::DequantizeLinear), 0u) << print(graph);
    EXPECT_EQ(count(optimised(GetParam(), true), OpKind::Mlp), 1u);
  }
}

/// Kinds and operands but the first, rounded, of the products in 8 bits.
std::vector<std::vector<float>> products_of(const Graph& graph) {
  std::vector<std::vector<float>> products;
  for (const Node& node : graph.nodes) {
    if (node.kind != OpKind::QuantizedConv && node.kind != OpKind::QuantizedLinear) continue;
    std::vector<float>& numbers = products.emplace_back();
    const Constant& weight = *graph.value(node.inputs[1]).constant;
    for (const std::byte code : weight.bytes)
      numbers.push_back(static_cast<float>(static_cast<int8_t>(std::to_integer<uint8_t>(code))));
    for (size_t i = 2; i < node.inputs.size(); ++i) {
      const auto values = graph.value(node.inputs[i]).constant->floats();
      numbers.insert(numbers.end(), values.begin(), values.end());
    }
  }
  return products;
}

TEST_P(QuantizedModels, AreTheSameProductsWhenTheyAreWritten) {
  const Graph graph = optimised(GetParam());
  for (const int64_t opset : {kLeastOnnxOpset, kUsualOnnxOpset, kMostOnnxOpset}) {
    Graph written = round_trip(graph, opset);
    EXPECT_EQ(difference(GetParam(), written, find_backend("reference"), kQuantizedModel), "");
    run_passes(written, {.fuse_blocks = false});
    const auto expected = products_of(graph), products = products_of(written);
    ASSERT_EQ(products.size(), expected.size()) << print(written);
    for (size_t i = 0; i < products.size(); ++i) {
      ASSERT_EQ(products[i].size(), expected[i].size());
      // Offsets of a padded convolution are in front of it: see write_quantized_conv().
      if (i == 0) continue;
      for (size_t k = 0; k < products[i].size(); ++k)
        EXPECT_NEAR(products[i][k], expected[i][k], 1e-5 * std::max(1.0f, std::abs(expected[i][k])))
            << i << " " << k;
    }
  }
}

/// Weights are made of their codes however large they are.
TEST(QuantizedModel, OfALargeProductIsTheSameWhenItIsWritten) {
  constexpr int64_t kOut = 300, kIn = 400;
  GraphBuilder builder;
  std::vector<int64_t> weight;
  for (int64_t i = 0; i < kOut * kIn; ++i) weight.push_back(i * 37 % 255 - 127);
  const auto vector = [&](const char* name, int64_t count, float value) {
    const std::vector<float> values(static_cast<size_t>(count), value);
    return builder.constant(name, make_constant({count}, values));
  };
  const ValueId y =
      builder.op(OpKind::QuantizedLinear, {},
                 {builder.input("x", {2, kIn}),
                  builder.constant("w", make_constant({kOut, kIn}, weight, DType::Int8)),
                  vector("b", kOut, 0.5f), vector("s", kOut, 0.25f), vector("f", kIn, 2),
                  vector("o", kIn, 128)},
                 "y");
  const Graph graph = builder.finish({y});
  Graph written = round_trip(graph, kMostOnnxOpset);
  run_passes(written);
  EXPECT_EQ(products_of(written), products_of(graph)) << print(written);
}

INSTANTIATE_TEST_SUITE_P(All, QuantizedModels, testing::ValuesIn(models()),
                         [](const auto& param_info) { return param_info.param.name; });

/// codes and numbers of x, with a scale and zero point for all or for each channel.
Graph codes(const Dims& dims, DType dtype, bool by_channel) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", dims);
  const int64_t count = by_channel ? dims.back() : 1;
  std::vector<float> scales;
  std::vector<int64_t> zeros;
  for (int64_t i = 0; i < count; ++i) {
    scales.push_back(0.5f + 0.125f * static_cast<float>(i % 5));
    zeros.push_back(dtype == DType::Int8 ? i % 7 - 3 : 120 + i % 9);
  }
  const ValueId scale = builder.constant("scale", make_constant({count}, scales));
  const ValueId zero = builder.constant("zero", make_constant({count}, zeros, dtype));
  const QuantizeAttrs attrs{-1, dtype};
  const ValueId q = builder.op(OpKind::QuantizeLinear, attrs, {x, scale, zero}, "q");
  const ValueId y = builder.op(OpKind::DequantizeLinear, attrs, {q, scale, zero}, "dq");
  return builder.finish({q, y});
}

/// Bytes of the results.
std::vector<Tensor> results_on(const char* name, const Graph& graph, const TensorView& x) {
  const Backend& backend = find_backend(name);
  const std::vector<TensorType> types{{x.dtype, x.dims}};
  PlanCache cache;
  const auto executable = backend.compile({.graph = graph, .inputs = types, .cache = cache});
  std::vector<Tensor> results;
  std::vector<TensorView> outputs;
  for (const TensorType& type : executable->outputs()) results.emplace_back(type.dtype, type.dims);
  for (Tensor& result : results) outputs.push_back(result.view());
  const auto lane = backend.make_lane({});
  executable->on(*lane)->run({&x, 1}, outputs, nullptr);
  return results;
}

TEST(CodesOnTheCpu, AreThoseOfTheDefinition) {
  for (const DType dtype : {DType::UInt8, DType::Int8})
    for (const bool by_channel : {false, true})
      for (const Dims& dims : std::vector<Dims>{{1}, {3, 17}, {2, 5, 64}, {1, 1031}}) {
        const Graph graph = codes(dims, dtype, by_channel);
        const auto elements = static_cast<size_t>(num_elements(dims));
        OnnxVector vector;
        std::vector<float> x(elements);
        // Halves, what is out of range, and what is no number.
        for (size_t i = 0; i < elements; ++i) x[i] = static_cast<float>(i % 1031) / 4 - 90;
        x[0] = NAN;
        if (elements > 3) x[1] = INFINITY, x[2] = -INFINITY, x[3] = 3e38f;
        const TensorView view{.data = x.data(), .dtype = DType::Float32, .dims = dims};
        const auto expected = results_on("reference", graph, view);
        const auto got = results_on("cpu", graph, view);
        for (size_t i = 0; i < 2; ++i)
          EXPECT_EQ(
              std::memcmp(expected[i].bytes().data(), got[i].bytes().data(), got[i].bytes().size()),
              0)
              << to_string(dims) << " " << dtype_name(dtype) << " " << by_channel << " " << i;
      }
}

}  // namespace
}  // namespace vitro
