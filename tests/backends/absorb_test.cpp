#include "backends/absorb.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace vitro {
namespace {

class Idle : public Kernel {
  void run(const KernelArgs&) const override {}
};

/// Takes relu, and the sum with what is computed.
class Eager final : public Idle {
  bool absorb(const OpContext& next, size_t operand) override {
    if (is(next.node, UnaryFunction::Relu)) return true;
    return is(next.node, BinaryFunction::Add) && !next.constant(1 - operand);
  }
};

template <typename K>
std::unique_ptr<Kernel> make(const OpContext&) {
  return std::make_unique<K>();
}
std::optional<Refusal> takes_all(const OpContext&) { return std::nullopt; }

ImplList impls(OpKind kind) {
  static const Impl eager{"test:eager", takes_all, make<Eager>},
      idle{"test:idle", takes_all, make<Idle>};
  return {kind == OpKind::Linear ? &eager : &idle, 1};
}

struct AbsorbTest : testing::Test {
  GraphBuilder builder;
  ValueId x = builder.input("x", {2, 4}), w = builder.input("w", {4, 4});
  PlanCache cache;

  ValueId linear(ValueId in, const char* name) {
    return builder.op(OpKind::Linear, {}, {in, w}, name);
  }
  ChosenKernels chosen(const std::vector<ValueId>& outputs) {
    const Graph graph = builder.finish(outputs);
    const std::vector<TensorType> types{{DType::Float32, {2, 4}}, {DType::Float32, {4, 4}}};
    const CompileRequest request{graph, types, cache};
    ChosenKernels all = choose_kernels(request, impls, "test");
    absorb_elementwise(all, request);
    return all;
  }
};

TEST_F(AbsorbTest, SumAndActivationBecomePartOfTheProduct) {
  const ValueId sum = builder.op(BinaryFunction::Add, x, linear(x, "fc"), "add");
  const ValueId y = builder.op(UnaryFunction::Relu, sum, "relu");
  const ChosenKernels all = chosen({y});
  ASSERT_EQ(all.graph.nodes.size(), 1u);
  const Node& node = all.graph.nodes[0];
  EXPECT_EQ(node.inputs, (std::vector<ValueId>{x, w, kAbsent, x})) << "behind the absent bias";
  EXPECT_EQ(node.outputs, std::vector<ValueId>{y});
  ASSERT_EQ(all.dispatches.size(), 1u);
  ASSERT_EQ(all.dispatches[0].absorbed.size(), 2u);
  EXPECT_STREQ(all.dispatches[0].absorbed[0], "add");
  EXPECT_STREQ(all.dispatches[0].absorbed[1], "relu");
  EXPECT_EQ(all.origins, std::vector<size_t>{2}) << "it makes the result of the last one";
  EXPECT_EQ(all.choices[0].absorbed_flops, 16);
}

TEST_F(AbsorbTest, AProgramGivesTheKernelAllOperands) {
  const ValueId sum = builder.op(BinaryFunction::Add, x, linear(x, "fc"), "add");
  const Graph graph = builder.finish({sum});
  const std::vector<TensorType> types{{DType::Float32, {2, 4}}, {DType::Float32, {4, 4}}};
  const auto program = compile_program({graph, types, cache}, impls, "test");
  ASSERT_EQ(program->sequence.size(), 1u);
  const std::vector<Place>& inputs = program->sequence[0].inputs;
  ASSERT_EQ(inputs.size(), 4u);
  EXPECT_EQ(inputs[2].kind, Place::Kind::Absent);
  EXPECT_EQ(inputs[3].kind, Place::Kind::Input);
  EXPECT_EQ(program->infos[0].flops, 2 * 2 * 4 * 4 + 8) << "of the product and of the sum";
  EXPECT_EQ(program->infos[0].input_bytes, (8 + 16 + 8) * sizeof(float));
}

TEST_F(AbsorbTest, TheLaterOfTwoProductsTakesTheSum) {
  const ValueId first = linear(x, "first"), second = linear(x, "second");
  const ChosenKernels all = chosen({builder.op(BinaryFunction::Add, first, second, "add")});
  ASSERT_EQ(all.graph.nodes.size(), 2u);
  EXPECT_EQ(all.graph.nodes[1].inputs, (std::vector<ValueId>{x, w, kAbsent, first}));
}

TEST_F(AbsorbTest, WhatOthersReadStays) {
  const ValueId product = linear(x, "fc"), y = builder.op(UnaryFunction::Relu, product, "relu");
  EXPECT_EQ(chosen({y, product}).graph.nodes.size(), 2u);
}

TEST_F(AbsorbTest, AnOperandThatComesLaterStays) {
  const ValueId product = linear(x, "fc"), later = builder.op(UnaryFunction::Gelu, x, "gelu");
  const ValueId y = builder.op(BinaryFunction::Add, product, later, "add");
  EXPECT_EQ(chosen({y}).graph.nodes.size(), 3u);
}

TEST_F(AbsorbTest, AResultOfAnotherTypeStays) {
  const ValueId wide = builder.input("wide", {3, 2, 4});
  const ValueId y = builder.op(BinaryFunction::Add, linear(x, "fc"), wide, "add");
  const Graph graph = builder.finish({y});
  const std::vector<TensorType> types{
      {DType::Float32, {2, 4}}, {DType::Float32, {4, 4}}, {DType::Float32, {3, 2, 4}}};
  const CompileRequest request{graph, types, cache};
  ChosenKernels all = choose_kernels(request, impls, "test");
  absorb_elementwise(all, request);
  EXPECT_EQ(all.graph.nodes.size(), 2u);
}

TEST_F(AbsorbTest, ARefusalStays) {
  const ValueId y = builder.op(UnaryFunction::Gelu, linear(x, "fc"), "gelu");
  EXPECT_EQ(chosen({y}).graph.nodes.size(), 2u);
}

}  // namespace
}  // namespace vitro
