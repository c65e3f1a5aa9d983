// Graphs that break a rule are refused, with a message that names it.
#include <gtest/gtest.h>

#include "core/temporary_directory.h"
#include "ir/builder.h"
#include "passes/graphs.h"

namespace vitro::test {
namespace {

/// %0 input, %1 weight, %2 bias, %3 = linear, %4 = gelu, %5 = mlp.
Graph valid_graph() {
  GraphMaker m;
  const ValueId x = m.gelu(m.linear(m.input({1, 2, 3}), "a", 4));
  const ValueId w1 = m.weight("w1", {6, 4}), b1 = m.weight("b1", {6});
  const ValueId w2 = m.weight("w2", {4, 6}), b2 = m.weight("b2", {4});
  return m.finish({m.op(OpKind::Mlp, MlpAttrs{}, {x, w1, b1, w2, b2}, "mlp")});
}

void expect_refused(const std::string& message, void (*break_it)(Graph&)) {
  Graph graph = valid_graph();
  verify(graph);
  break_it(graph);
  expect_error(ErrorCode::Internal, message, [&] { verify(graph); });
}

TEST(Verify, RefusesIdsOutOfRange) {
  expect_refused("operand 99 is used before it is defined",
                 [](Graph& g) { g.nodes[0].inputs[0] = 99; });
  expect_refused("operand -2", [](Graph& g) { g.nodes[1].inputs[0] = -2; });
  expect_refused("operand 0 is absent", [](Graph& g) { g.nodes[1].inputs[0] = kAbsent; });
  expect_refused("result 99", [](Graph& g) { g.nodes[0].outputs = {99}; });
  expect_refused("output 99 is never computed", [](Graph& g) { g.outputs[0].value = 99; });
  expect_refused("input -3 of", [](Graph& g) { g.inputs[0].value = -3; });
}

TEST(Verify, RefusesAUseBeforeTheDefinition) {
  expect_refused("gelu 'gelu': operand 3 is used before it is defined",
                 [](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); });
  expect_refused("used before", [](Graph& g) { g.nodes[0].inputs[0] = g.nodes[0].output(); });
}

TEST(Verify, RefusesTwoDefinitions) {
  expect_refused("defined twice", [](Graph& g) { g.nodes[1].outputs = g.nodes[0].outputs; });
  expect_refused("defined twice", [](Graph& g) { g.nodes[1].outputs = {g.inputs[0].value}; });
  expect_refused("repeated", [](Graph& g) {
    g.inputs.push_back({"again", g.inputs[0].value, {}});
  });
  expect_refused("constant", [](Graph& g) { g.inputs[0].value = g.nodes[0].inputs[1]; });
}

TEST(Verify, RefusesPortsOfOneName) {
  expect_refused("two outputs are named 'output'",
                 [](Graph& g) { g.outputs.push_back(g.outputs[0]); });
}

TEST(Verify, RefusesRangesThatArithmeticOverflows) {
  expect_refused("axis 1 outside 0 to 9223372036854775807 in steps of 1", [](Graph& g) {
    g.inputs[0].dims = {{"", 1, 1, 1}, {"n", 0, INT64_MAX, 1}, {"", 3, 3, 1}};
  });
  GraphBuilder builder;
  const ValueId x = builder.input("x", {0}, DType::Float32, {{"n", 0, 5, INT64_MAX}});
  expect_error(ErrorCode::Internal, "in steps of 9223372036854775807",
               [&] { builder.finish({builder.op(UnaryFunction::Relu, x, "relu")}); });
}

TEST(Verify, RefusesResultsThatTheOpDoesNotHave) {
  expect_refused("gelu 'gelu': 2 results, expected 1 to 1",
                 [](Graph& g) { g.nodes[1].outputs.push_back(kAbsent); });
  expect_refused("gelu 'gelu': 0 results", [](Graph& g) { g.nodes[1].outputs.clear(); });
}

TEST(Verify, TakesAnAbsentOptionalOperand) {
  Graph graph = valid_graph();
  graph.nodes[0].inputs[2] = kAbsent;
  verify(graph);
  EXPECT_NE(print(graph).find("linear(%0, @a.weight, -)"), std::string::npos) << print(graph);
}

TEST(Verify, RefusesAWrongArity) {
  expect_refused("linear 'a': 1 operands, expected 2 to 3",
                 [](Graph& g) { g.nodes[0].inputs.resize(1); });
}

TEST(Verify, RefusesTheAttributesOfAnotherOp) {
  expect_refused("unary 'gelu': attributes of another op",
                 [](Graph& g) { g.nodes[1].attrs = NormAttrs{}; });
}

TEST(Verify, RefusesAMissingOrStrayBody) {
  expect_refused("a body belongs to fused ops", [](Graph& g) { g.nodes[2].body = nullptr; });
  expect_refused("a body belongs to fused ops",
                 [](Graph& g) { g.nodes[1].body = g.nodes[2].body; });
}

TEST(Verify, RefusesABodyThatComputesAnotherType) {
  expect_refused("mlp 'mlp': its body computes", [](Graph& g) {
    auto body = std::make_shared<Graph>(*g.nodes[2].body);
    body->outputs[0].value = body->nodes[0].output();
    g.nodes[2].body = body;
  });
}

TEST(Verify, RefusesAStoredTypeThatIsNotTheInferredOne) {
  expect_refused("linear 'a': stored type F32 1x2x5, inferred F32 1x2x4", [](Graph& g) {
    g.value(g.nodes[0].output()).type.dims = {1, 2, 5};
  });
}

TEST(Verify, RefusesAConstantThatDoesNotFitItsValue) {
  expect_refused("constant 'a.bias'", [](Graph& g) { g.value(2).type.dims = {5}; });
  expect_refused("constant 'a.bias' 4: 4 bytes, expected 16", [](Graph& g) {
    auto& constant = *g.value(2).constant;
    constant.bytes = constant.bytes.first(4);
  });
}

TEST(Verify, TakesBFloat16BesideFloat32AsMatricesAlone) {
  GraphMaker m;
  const ValueId x = m.input({4, 4}), w = m.weight("w", {4, 4});
  const Graph graph =
      m.finish({m.add(m.op(OpKind::Linear, {}, {x, w}, "a"), m.weight("b", {4, 4}))});
  const auto stored = [&](const std::string& name) {
    Graph edited = graph;
    for (Value& value : edited.values)
      if (value.name == name) {
        value.constant = with_dtype(*value.constant, DType::BFloat16);
        value.type.dtype = DType::BFloat16;
      }
    return edited;
  };
  verify(stored("w"));
  expect_error(ErrorCode::InvalidArgument, "add 'add': operand 1 is BF16, expected F32",
               [&] { verify(stored("b")); });
}

TEST(Builder, RefusesAWrongArityAndForeignAttributes) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  expect_error(ErrorCode::Internal, "linear 'a'",
               [&] { builder.op(OpKind::Linear, {}, {x}, "a"); });
  expect_error(ErrorCode::Internal, "softmax 'a'",
               [&] { builder.op(OpKind::Softmax, NormAttrs{}, {x}, "a"); });
}

}  // namespace
}  // namespace vitro::test
