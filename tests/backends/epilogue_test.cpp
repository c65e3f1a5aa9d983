#include <gtest/gtest.h>

#include <cstring>

#include "backends/guarded_run.h"
#include "metric.h"
#include "ops/case_list.h"
#include "ops/random.h"
#include "tolerances.h"

namespace vitro {
namespace {

/// An op whose kernel ends with what follows it, on odd extents.
struct Product {
  const char* name;
  OpKind kind;
  Attrs attrs;
  Dims input, weight;
  int64_t out;
  bool takes_residual;
  DType dtype = DType::Int8;  ///< of the weight in 8 bits
};

const std::vector<Product>& products() {
  static const std::vector<Product> all{
      {"linear", OpKind::Linear, {}, {2, 35, 17}, {83, 17}, 83, true},
      {"conv",
       OpKind::Conv,
       ConvAttrs{{2, 2}, {}, {1, 1}, {1, 1}},
       {2, 9, 7, 17},
       {83, 3, 3, 17},
       83,
       true},
      {"deep_conv",
       OpKind::Conv,
       ConvAttrs{{1, 1}, {}, {1, 1}, {1, 1}},
       {1, 7, 7, 300},
       {70, 3, 3, 300},
       70,
       true},
      {"winograd_conv",
       OpKind::Conv,
       ConvAttrs{{1, 1}, {}, {1, 1}, {1, 1}},
       {2, 13, 15, 66},
       {70, 3, 3, 66},
       70,
       true},
      {"grouped_winograd_conv",
       OpKind::Conv,
       ConvAttrs{{1, 1}, {}, {1, 1}, {1, 1}, 3},
       {1, 17, 13, 48},
       {54, 3, 3, 16},
       54,
       true},
      {"grouped_conv",
       OpKind::Conv,
       ConvAttrs{{1, 1}, {}, {1, 1}, {1, 1}, 6},
       {2, 7, 9, 24},
       {54, 3, 3, 4},
       54,
       true},
      {"direct_conv",
       OpKind::Conv,
       ConvAttrs{{2, 2}, {}, {1, 1}, {1, 1}, 6},
       {2, 7, 9, 24},
       {96, 3, 3, 4},
       96,
       true},
      {"multiplier_conv",
       OpKind::Conv,
       ConvAttrs{{2, 2}, {}, {3, 3}, {3, 3}, 9},
       {2, 11, 13, 9},
       {18, 7, 7, 1},
       18,
       false},
      {"quantized_linear", OpKind::QuantizedLinear, {}, {2, 35, 17}, {83, 17}, 83, true},
      {"quantized_conv",
       OpKind::QuantizedConv,
       ConvAttrs{{2, 2}, {}, {1, 1}, {1, 1}},
       {2, 9, 7, 17},
       {83, 3, 3, 17},
       83,
       true},
      {"float8_linear",
       OpKind::QuantizedLinear,
       {},
       {2, 35, 17},
       {83, 17},
       83,
       true,
       DType::Float8E4M3},
      {"depthwise",
       OpKind::DepthwiseConv2d,
       Conv2dAttrs{{1, 1}, {1, 1, 1, 1}},
       {2, 9, 21, 70},
       {3, 3, 70},
       70,
       false},
      {"strided_depthwise",
       OpKind::DepthwiseConv2d,
       Conv2dAttrs{{2, 2}, {2, 2, 2, 2}},
       {1, 15, 22, 35},
       {5, 5, 35},
       35,
       false},
  };
  return all;
}

const std::vector<UnaryAttrs>& functions() {
  using enum UnaryFunction;
  static const std::vector<UnaryAttrs> all{{Relu}, {Sigmoid},   {Tanh}, {HardSigmoid, 0.2f, 0.4f},
                                           {Silu}, {HardSwish}, {Gelu}, {GeluTanh}};
  return all;
}

struct Built {
  Graph graph;
  std::vector<Tensor> inputs;
};

/// `behind` adds what follows the product of the builder.
template <typename Behind>
Built build(const Product& p, const Behind& behind) {
  GraphBuilder builder;
  Random random(p.name);
  const ValueId x = builder.input("x", p.input);
  const bool quantized = p.kind == OpKind::QuantizedLinear || p.kind == OpKind::QuantizedConv;
  const int64_t fan_in = p.takes_residual ? num_elements(p.weight) / p.out : 9;
  std::vector<ValueId> operands{x, quantized ? code_weight(builder, random, p.weight, p.dtype)
                                             : weight(builder, random, p.weight, fan_in)};
  const auto more = quantized ? quantization(builder, random, p.weight, p.dtype)
                              : std::vector<ValueId>{bias(builder, random, p.out)};
  operands.insert(operands.end(), more.begin(), more.end());
  const ValueId product = builder.op(p.kind, p.attrs, operands, "product");
  const ValueId out = behind(builder, random, product);
  Built built{builder.finish({out}), {}};
  for (const Port& port : built.graph.inputs)
    built.inputs.push_back(random.tensor(built.graph.value(port.value).type.dims, -3.0f, 3.0f));
  return built;
}

/// The cpu backend runs the graph in `steps` kernels and agrees with the reference backend.
void expect_agrees(const Built& built, size_t steps) {
  const Backend &reference = find_backend("reference"), &cpu = find_backend("cpu");
  const auto by_definition = compile_for(reference, built.graph, built.inputs);
  const auto expected = GuardedRun(reference, *by_definition, built.inputs).run();
  std::vector<float> first;
  for (const int threads : {1, 2}) {
    const auto executable = compile_for(cpu, built.graph, built.inputs, threads);
    EXPECT_EQ(executable->steps().size(), steps);
    const auto results = GuardedRun(cpu, *executable, built.inputs).run();
    const Distance d = distance<float, float>(results[0], expected[0]);
    EXPECT_TRUE(d.within(kFloat32Op)) << report(d, kFloat32Op);
    if (first.empty()) first = results[0];
    EXPECT_EQ(std::memcmp(first.data(), results[0].data(), first.size() * sizeof(float)), 0)
        << "the number of threads changed the bits";
  }
}

TEST(Epilogue, EveryActivation) {
  for (const Product& p : products())
    for (const UnaryAttrs& attrs : functions()) {
      SCOPED_TRACE(std::string(p.name) + " " + op_name(OpKind::Unary, attrs));
      expect_agrees(build(p,
                          [&](GraphBuilder& builder, Random&, ValueId product) {
                            return builder.op(OpKind::Unary, attrs, {product}, "activation");
                          }),
                    1);
    }
}

TEST(Epilogue, ResidualThenActivation) {
  for (const Product& p : products())
    for (const bool clips : {false, true})
      for (const bool first : {false, true}) {
        SCOPED_TRACE(p.name);
        const auto behind = [&](GraphBuilder& builder, Random&, ValueId product) {
          const ValueId other = builder.input("residual", builder.dims(product));
          const ValueId sum = first ? builder.op(BinaryFunction::Add, other, product, "sum")
                                    : builder.op(BinaryFunction::Add, product, other, "sum");
          if (!clips) return builder.op(UnaryFunction::Silu, sum, "silu");
          return builder.op(
              OpKind::Clip, {},
              {sum, builder.constant("low", scalar(-0.5f)), builder.constant("high", scalar(1.0f))},
              "clip");
        };
        expect_agrees(build(p, behind), p.takes_residual ? 1 : 3);
      }
}

TEST(Epilogue, ResidualAlone) {
  for (const Product& p : products()) {
    SCOPED_TRACE(p.name);
    expect_agrees(build(p,
                        [&](GraphBuilder& builder, Random&, ValueId product) {
                          const ValueId other = builder.input("residual", builder.dims(product));
                          return builder.op(BinaryFunction::Add, product, other, "sum");
                        }),
                  p.takes_residual ? 1 : 2);
  }
}

// The residual that nobody else reads gives its memory to the result of a linear.
TEST(Epilogue, ResidualInPlace) {
  GraphBuilder builder;
  Random random("in place");
  const ValueId x = builder.input("x", {2, 35, 17});
  const ValueId residual =
      builder.op(UnaryFunction::Relu, builder.input("residual", {2, 35, 83}), "residual");
  const ValueId product =
      builder.op(OpKind::Linear, {}, {x, weight(builder, random, {83, 17}, 17)}, "product");
  const ValueId sum = builder.op(BinaryFunction::Add, residual, product, "sum");
  const ValueId y = builder.op(UnaryFunction::Gelu, sum, "gelu");
  Built built{builder.finish({builder.op(UnaryFunction::Exp, y, "exp")}), {}};
  for (const Dims& dims : {Dims{2, 35, 17}, Dims{2, 35, 83}})
    built.inputs.push_back(random.tensor(dims, -3.0f, 3.0f));
  expect_agrees(built, 3);
  const auto executable = compile_for(find_backend("cpu"), built.graph, built.inputs);
  // One buffer, and what the product works in, as on AMX.
  EXPECT_EQ(executable->memory().arena, aligned_bytes(2 * 35 * 83 * sizeof(float)) +
                                            aligned_bytes(executable->memory().scratch));
}

// What does not fit stays an op of its own: an activation before the residual is added, a residual
// that is broadcast or constant.
TEST(Epilogue, LeavesWhatItCannotDo) {
  const Product& p = products()[1];
  const auto early = [](GraphBuilder& builder, Random&, ValueId product) {
    const ValueId y = builder.op(UnaryFunction::Silu, product, "silu");
    return builder.op(BinaryFunction::Add, y, builder.input("other", builder.dims(product)), "sum");
  };
  expect_agrees(build(p, early), 2);
  const auto broadcast = [](GraphBuilder& builder, Random&, ValueId product) {
    return builder.op(BinaryFunction::Add, product, builder.input("other", {2, 1, 1, 83}), "sum");
  };
  expect_agrees(build(p, broadcast), 2);
  const auto constant = [](GraphBuilder& builder, Random& random, ValueId product) {
    const ValueId other = vector(builder, random, 83, -1.0f, 1.0f);
    return builder.op(BinaryFunction::Add, product, other, "sum");
  };
  expect_agrees(build(p, constant), 2);
}

}  // namespace
}  // namespace vitro
