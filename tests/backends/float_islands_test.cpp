#include "backends/float_islands.h"

#include <gtest/gtest.h>

#include "backends/program.h"
#include "ir/builder.h"

namespace vitro {
namespace {

/// first -> reshape -> second (keeps float32) -> third, and second -> sum <- first.
struct Islands : testing::Test {
  GraphBuilder builder;
  Graph graph = [&] {
    const ValueId x = builder.input("x", {2, 4}), w = builder.input("w", {4, 4});
    const ValueId first = builder.op(OpKind::Linear, {}, {x, w}, "first");
    const ValueId view = builder.op(OpKind::Identity, {}, {first}, "view");
    const ValueId second = builder.op(OpKind::Linear, {}, {view, w}, "second");
    const ValueId third = builder.op(OpKind::Linear, {}, {second, w}, "third");
    const ValueId sum = builder.op(BinaryFunction::Add, second, first, "sum");
    Graph result = builder.finish({third, sum, second});
    for (Node& node : result.nodes) node.keeps_float32 = node.source == "second";
    return result;
  }();

  std::vector<std::string> casts() const {
    std::vector<std::string> names;
    for (const Node& node : graph.nodes)
      if (node.kind == OpKind::Cast) names.push_back(graph.value(node.output()).name);
    return names;
  }
};

TEST_F(Islands, AreCastToAndFromOnce) {
  const std::string view = graph.value(graph.nodes[2].inputs[0]).name,
                    second = graph.value(graph.nodes[2].output()).name;
  const std::vector<bool> is_cast = cast_between_precisions(graph, Precision::Float16);
  // The view, the weight that is an input, and the result, which two nodes read.
  EXPECT_EQ(casts(), (std::vector<std::string>{view + ".fp32", "w.fp32", second + ".fp16"}));
  ASSERT_EQ(is_cast.size(), graph.nodes.size());
  for (size_t i = 0; i < is_cast.size(); ++i)
    EXPECT_EQ(is_cast[i], graph.nodes[i].kind == OpKind::Cast);
  const std::vector<Precision> stored = stored_precisions(graph, Precision::Float16);
  for (const Node& node : graph.nodes) {
    if (node.kind == OpKind::Cast || node.kind == OpKind::Identity) continue;
    for (ValueId id : node.inputs)
      EXPECT_EQ(stored[static_cast<size_t>(id)], precision_of(node, Precision::Float16))
          << node.source;
  }
  // Results leave the graph as they are stored.
  EXPECT_EQ(graph.value(graph.outputs[2].value).name, second);
  EXPECT_EQ(stored[static_cast<size_t>(graph.outputs[2].value)], Precision::Float32);
  verify(graph);
}

TEST_F(Islands, AreForFloat16Alone) {
  for (const Precision precision :
       {Precision::Float32, Precision::TensorFloat32, Precision::BFloat16}) {
    EXPECT_TRUE(cast_between_precisions(graph, precision).empty());
    EXPECT_EQ(casts(), std::vector<std::string>());
  }
}

class Idle final : public Kernel {
  void run(const KernelArgs&) const override {}
};
std::optional<Refusal> takes_all(const OpContext&) { return std::nullopt; }
std::unique_ptr<Kernel> make(const OpContext&) { return std::make_unique<Idle>(); }
ImplList impls(OpKind) {
  static const Impl idle{"test:idle", takes_all, make};
  return {&idle, 1};
}

TEST_F(Islands, TakeTheBytesOfFloat32InAProgram) {
  PlanCache cache;
  const std::vector<TensorType> types = input_types(graph);
  const CompileRequest request{
      .graph = graph, .inputs = types, .cache = cache, .precision = Precision::Float16};
  const auto program = compile_program(request, impls, "test", Outputs::Copied);
  ASSERT_EQ(program->infos.size(), 7u) << "four ops, three casts";
  for (const StepInfo& step : program->infos) {
    const bool wide = step.stored == Precision::Float32;
    EXPECT_EQ(step.output_bytes,
              static_cast<size_t>(num_elements(step.output.dims)) * (wide ? 4 : 2))
        << step.source;
    EXPECT_EQ(step.node == kNoNode, std::string(step.op) == "cast");
    if (step.node != kNoNode) {
      EXPECT_EQ(graph.nodes[step.node].source, step.source);
    }
  }
  ASSERT_EQ(program->copies.size(), 3u);
  EXPECT_EQ(program->copies[0].stored, Precision::Float16);
  EXPECT_EQ(program->copies[2].stored, Precision::Float32);
}

}  // namespace
}  // namespace vitro
