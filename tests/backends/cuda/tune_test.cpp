#include "runtime/tune.h"

#include <gtest/gtest.h>

#include "backends/cuda/cuda_session.h"
#include "backends/numbers.h"
#include "floats.h"
#include "metric.h"
#include "models/models.h"
#include "ops/random.h"
#include "passes/pipeline.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

// Every candidate of every choice, one after the other.
TEST_F(CudaSession, WhateverTuningMayChooseIsRight) {
  const Plan plan = test::small_plan();
  const Tensor images = test::random_images({2, 3, 32, 32});
  const Session reference(plan, {"reference", 1});
  const Tensor expected = reference.run(images);
  const Backend& backend = *find_backend_row().backend;
  const PlanData& data = Internals::data(plan);
  const TensorType type{DType::Float32, images.dims()};
  const auto compile = [&](const TacticTable* tactics) {
    return backend.compile({data.graph, {&type, 1}, *data.cache, 1, tactics, Precision::Float16});
  };
  const std::vector<TunableOp> ops = compile(nullptr)->tunables();
  EXPECT_FALSE(ops.empty());
  const auto lane = backend.make_lane({});
  for (const TunableOp& op : ops)
    for (const std::string& candidate : op.candidates) {
      const TacticTable tactics{{op.key, {candidate, {}}}};
      const auto executable = compile(&tactics);
      const auto context = executable->on(*lane);
      const Tensor output(executable->outputs()[0].dims);
      for (int run = 0; run < 2; ++run) {  // launch by launch, then as a graph
        context->run({&images.view(), 1}, {&output.view(), 1}, nullptr);
        const Distance d = distance(output.as<float>(), expected.as<float>());
        EXPECT_TRUE(d.within(model_tolerance(Precision::Float16)))
            << op.key << " on " << candidate << ": "
            << report(d, model_tolerance(Precision::Float16));
      }
    }
}

TEST_F(CudaSession, TunesForTheGpuAndUsesIt) {
  const Plan plan = test::small_plan();
  const Tactics tactics = tune(plan, {.backend = "cuda", .batches = {1, 3}, .seconds = 4});
  ASSERT_EQ(tactics.size(), 1u);
  const auto& [setting, table] = *tactics.begin();
  EXPECT_EQ(setting.machine, find_backend_row().backend->machine());
  EXPECT_EQ(setting.threads, 1);
  EXPECT_FALSE(table.empty());
  const Plan tuned = with_tactics(plan, tactics);
  const Tensor images = test::random_images({3, 3, 16, 16});
  const Session reference(plan, {"reference", 1});
  for (const int threads : {1, 2}) {
    const Session session(tuned, {.backend = "cuda", .threads = threads});
    const Tensor result = session.run(images), expected = reference.run(images);
    const Distance d = distance(result.as<float>(), expected.as<float>());
    EXPECT_TRUE(d.within(model_tolerance(Precision::Float16)))
        << report(d, model_tolerance(Precision::Float16));
  }
}

}  // namespace
}  // namespace vitro
