#include "backends/cuda/cuda_session.h"
#include "backends/numbers.h"
#include "ir/builder.h"
#include "metric.h"
#include "ops/random.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "vitro/session.h"

namespace vitro {
namespace {

/// The results of a graph of inputs x [3, 2] and y [2], on the GPU, beside those of the definition.
void expect_equal_results(Graph graph) {
  auto data = std::make_shared<PlanData>();
  data->graph = std::move(graph);
  const Plan plan = Internals::plan(std::move(data));
  const std::vector<Tensor> inputs{Random("x").tensor({3, 2}, -1, 1),
                                   Random("y").tensor({2}, -1, 1)};
  for (const Precision precision : {Precision::Float32, Precision::Float16, Precision::BFloat16}) {
    std::vector<Tensor> rounded;
    for (const Tensor& input : inputs) round_to(precision, rounded.emplace_back(input.clone()));
    const auto expected = Session(plan, {"reference", 1}).run(rounded);
    const Session session(plan, {.backend = "cuda", .precision = precision});
    for (int run = 0; run < 2; ++run) {  // launch by launch, then as a graph
      const auto results = session.run(rounded);
      ASSERT_EQ(results.size(), expected.size());
      for (size_t i = 0; i < results.size(); ++i) {
        const Distance d = distance(results[i].as<float>(), expected[i].as<float>());
        EXPECT_TRUE(d.within(op_tolerance(precision)))
            << to_string(precision) << " output " << i << ": "
            << report(d, op_tolerance(precision));
      }
    }
  }
}

TEST_F(CudaSession, BooleansLieBetweenFloats) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 2}), y = builder.input("y", {2});
  const ValueId less =
      builder.op(OpKind::Compare, CompareAttrs{CompareFunction::Less}, {x, y}, "less");
  const ValueId nan = builder.op(UnaryFunction::IsNan, x, "nan");
  const ValueId number = builder.op(UnaryFunction::Not, nan, "number");
  const ValueId both = builder.op(BinaryFunction::And, less, number, "both");
  const ValueId turned = builder.op(OpKind::Transpose, TransposeAttrs{{1, 0}}, {both}, "turned");
  const ValueId flags = builder.op(OpKind::Cast, CastAttrs{DType::Float32}, {turned}, "flags");
  const ValueId least = builder.op(OpKind::Where, {}, {both, x, y}, "least");
  expect_equal_results(builder.finish({least, flags}));
}

// A condition that follows from the extents is known before the run, and has to be brought there.
TEST_F(CudaSession, WhatIsKnownBeforeTheRunIsThere) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 2}), y = builder.input("y", {2});
  const ValueId extents = builder.op(OpKind::Shape, {}, {x}, "extents");
  const Ints threes{3, 3};
  const ValueId three = builder.constant("three", make_constant({2}, threes));
  const ValueId equal =
      builder.op(OpKind::Compare, CompareAttrs{CompareFunction::Equal}, {extents, three}, "equal");
  expect_equal_results(builder.finish({builder.op(OpKind::Where, {}, {equal, x, y}, "chosen")}));
}

}  // namespace
}  // namespace vitro
