// Products of floats in place of those in 8 bits.
#include "backends/float_products.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends/guarded_run.h"
#include "core/float8.h"
#include "ir/builder.h"
#include "metric.h"
#include "ops/cases.h"

namespace vitro {
namespace {

const Backend& reference() { return find_backend("reference"); }

std::vector<OpCase> quantized_cases() {
  std::vector<OpCase> result;
  PlanCache cache;
  for (const OpCase& op_case : op_cases())
    if (with_float_products(op_case.build(), cache)) result.push_back(op_case);
  return result;
}

TEST(FloatProducts, HaveNoCodesLeftAndTheTypesOfBefore) {
  const std::vector<OpCase> cases = quantized_cases();
  EXPECT_GT(cases.size(), 40u);
  for (const OpCase& op_case : cases) {
    SCOPED_TRACE(op_case.name);
    const Graph graph = op_case.build();
    PlanCache cache;
    const Graph floats = with_float_products(graph, cache)->graph;
    verify(floats);
    for (const Node& node : floats.nodes)
      for (ValueId id : node.inputs)
        EXPECT_TRUE(id == kAbsent || floats.value(id).type.dtype == DType::Float32);
    EXPECT_EQ(floats.value(floats.outputs[0].value).type, graph.value(graph.outputs[0].value).type);
    EXPECT_FALSE(with_float_products(floats, cache)) << "nothing is left to be done";
  }
}

/// A product in 8 bits of a linear's result, or of its relu, whose least code is zero.
Graph rectified_by_codes(bool relu) {
  GraphBuilder builder;
  const auto vector = [&](const char* name, std::vector<float> values) {
    return builder.constant(name, make_constant({static_cast<int64_t>(values.size())}, values));
  };
  const ValueId x = builder.input("x", {2, 2});
  const ValueId turned =
      builder.constant("w1", make_constant({2, 2}, std::vector<float>{-1, 0, 0, 1}));
  ValueId h = builder.op(OpKind::Linear, {}, {x, turned, vector("b1", {0, 0})}, "h");
  if (relu) h = builder.op(OpKind::Unary, UnaryAttrs{UnaryFunction::Relu}, {h}, "relu");
  const std::vector<int64_t> codes{3, -2};
  const ValueId weight = builder.constant("w", make_constant({1, 2}, codes, DType::Int8));
  const ValueId y = builder.op(
      OpKind::QuantizedLinear, {},
      {h, weight, vector("b", {0}), vector("s", {0.5f}), vector("f", {1, 1}), vector("o", {0, 0})},
      "y");
  return builder.finish({y});
}

// Heads that detectors run on several scales share weights, each with its own codes.
TEST(FloatProducts, MayShareTheCodesOfAWeight) {
  GraphBuilder builder;
  const auto vector = [&](const char* name, std::vector<float> values) {
    return builder.constant(name, make_constant({static_cast<int64_t>(values.size())}, values));
  };
  const ValueId x = builder.input("x", {1, 2});
  const std::vector<int64_t> codes{4, -8};
  const ValueId weight = builder.constant("w", make_constant({1, 2}, codes, DType::Int8));
  const ValueId bias = vector("b", {0}), none = vector("o", {-128, -128});
  std::vector<ValueId> products;
  for (const float step : {1.0f, 0.25f})
    products.push_back(builder.op(OpKind::QuantizedLinear, {},
                                  {x, weight, bias, vector("s", {step}), vector("f", {1, 1}), none},
                                  "y"));
  PlanCache cache;
  const Graph floats = with_float_products(builder.finish(products), cache)->graph;
  std::vector<float> weights;
  for (const Node& node : floats.nodes)
    if (node.kind == OpKind::Linear)
      weights.push_back(floats.value(node.inputs[1]).constant->floats()[0]);
  EXPECT_EQ(weights, (std::vector<float>{4, 1}));
}

// Quantizers take a relu or a clip away that codes stand for: to 0 .. 255 here.
TEST(FloatProducts, ClipWhatTheCodesClipped) {
  PlanCache cache;
  const Graph graph = rectified_by_codes(false), floats = with_float_products(graph, cache)->graph;
  verify(floats);
  ASSERT_EQ(floats.nodes.size(), 3u);
  EXPECT_EQ(floats.nodes[1].kind, OpKind::Clip);
  Tensor input({2, 2});
  std::ranges::copy(std::vector<float>{1, 2, -5, 300}, input.as<float>().begin());
  const std::vector<Tensor> inputs{input};
  const auto run = [&](const Graph& of) {
    return GuardedRun(reference(), *compile_for(reference(), of, inputs, 1), inputs).run();
  };
  EXPECT_EQ(run(floats), run(graph));
  PlanCache other;
  const Graph rectified = with_float_products(rectified_by_codes(true), other)->graph;
  EXPECT_EQ(rectified.nodes.size(), 3u) << "a relu is there: nothing is below zero";
}

// The clip is a part of the product that it was put in front of.
TEST(FloatProducts, StepsAreThoseOfTheGivenGraph) {
  PlanCache cache;
  const Graph graph = rectified_by_codes(false);
  const auto floats = with_float_products(graph, cache);
  EXPECT_EQ(floats->origins, (std::vector<size_t>{0, 1, 1}));
  const std::vector<TensorType> inputs = input_types(graph);
  for (const char* backend : {"reference", "cpu"}) {
    const auto executable = find_backend(backend).compile(
        {.graph = floats->graph, .inputs = inputs, .cache = cache, .origins = floats->origins});
    for (const StepInfo& step : executable->steps())
      EXPECT_LT(step.node, graph.nodes.size()) << backend;
    EXPECT_EQ(executable->steps().back().node, 1u) << backend;
  }
}

TEST(FloatProducts, GiveTheSumsOfCodesThatNeedNoRounding) {
  // x = (code - 100) / 2 with whole codes from 0 to 255: nothing is rounded or clamped.
  GraphBuilder builder;
  const auto vector = [&](const char* name, std::vector<float> values) {
    return builder.constant(name, make_constant({static_cast<int64_t>(values.size())}, values));
  };
  const std::vector<int64_t> codes{5, -127, 64, 1, 127, -3};
  const ValueId x = builder.input("x", {2, 3});
  const ValueId weight = builder.constant("w", make_constant({2, 3}, codes, DType::Int8));
  const ValueId y = builder.op(OpKind::QuantizedLinear, {},
                               {x, weight, vector("b", {3, -7}), vector("s", {0.5f, 0.25f}),
                                vector("f", {2, 2, 2}), vector("o", {100, 100, 100})},
                               "y");
  const Graph graph = builder.finish({y});
  PlanCache cache;
  const Graph floats = with_float_products(graph, cache)->graph;
  Tensor input({2, 3});
  std::ranges::copy(std::vector<float>{-50, 77.5f, 0, 1, 2.5f, -3}, input.as<float>().begin());
  const std::vector<Tensor> inputs{input};
  const auto run = [&](const Graph& of) {
    return GuardedRun(reference(), *compile_for(reference(), of, inputs, 1), inputs).run();
  };
  EXPECT_EQ(run(floats), run(graph));
}

TEST(FloatProducts, GiveTheSumsOfEightBitFloatsThatNeedNoRounding) {
  GraphBuilder builder;
  const auto vector = [&](const char* name, std::vector<float> values) {
    return builder.constant(name, make_constant({static_cast<int64_t>(values.size())}, values));
  };
  std::vector<int64_t> bits;
  for (float w : {1.5f, -448.0f, 0.25f, 2.0f, -3.0f, 26.0f})
    bits.push_back(float32_to_float8_e4m3(w));
  const ValueId x = builder.input("x", {2, 3});
  const ValueId weight = builder.constant("w", make_constant({2, 3}, bits, DType::Float8E4M3));
  const ValueId y = builder.op(OpKind::QuantizedLinear, {},
                               {x, weight, vector("b", {3, -7}), vector("s", {0.5f, 0.25f}),
                                vector("f", {2, 4, 3}), vector("o", {0, 0, 0})},
                               "y");
  const Graph graph = builder.finish({y});
  EXPECT_TRUE(has_float_product(graph, graph.nodes[0]));
  PlanCache cache;
  const Graph floats = with_float_products(graph, cache)->graph;
  Tensor input({2, 3});
  std::ranges::copy(std::vector<float>{-3, 1.75f, 1, 1, 2.5f, -5}, input.as<float>().begin());
  const std::vector<Tensor> inputs{input};
  const auto run = [&](const Graph& of) {
    return GuardedRun(reference(), *compile_for(reference(), of, inputs, 1), inputs).run();
  };
  EXPECT_EQ(run(floats), run(graph));
  EXPECT_EQ(floats.value(floats.nodes[0].inputs[1]).constant->floats()[2], 0.5f * 0.25f * 3);
  // Of the same cache: x comes rounded in steps of 1 / 2.
  EXPECT_EQ(rounded_operands(cache, graph, graph.nodes[0]).weight.floats()[2], 0.5f * 0.25f * 2);
}

TEST(FloatProducts, StepsOfEightBitFloatsArePowersOfTwoNearTheInverse) {
  const std::vector<float> factors{1, 0.75f, 3, 448, 1e-30f};
  const std::vector<float> steps = float8_steps(factors);
  for (size_t i = 0; i < factors.size(); ++i) {
    EXPECT_EQ(std::exp2(std::round(std::log2(steps[i]))), steps[i]);
    EXPECT_GE(steps[i] * factors[i], 1);
    EXPECT_LT(steps[i] * factors[i], 2);
  }
}

TEST(FloatProducts, AreMadeOnceForAllShapes) {
  const Graph graph = quantized_cases().front().build();
  PlanCache cache;
  const auto weight = [&] {
    const Graph floats = with_float_products(graph, cache)->graph;
    return floats.value(floats.nodes[0].inputs[1]).constant->bytes.data();
  };
  EXPECT_EQ(weight(), weight());
  ASSERT_EQ(cache.entries().size(), 1u);
  EXPECT_EQ(cache.entries()[0].form, "float products");
}

}  // namespace
}  // namespace vitro
