#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "backends/cuda/cuda_session.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/numbers.h"
#include "floats.h"
#include "ir/builder.h"
#include "metric.h"
#include "models/models.h"
#include "models/weights.h"
#include "ops/random.h"
#include "passes/pipeline.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

constexpr Precision kPrecisions[] = {Precision::Float32, Precision::TensorFloat32,
                                     Precision::Float16, Precision::BFloat16};

void expect_agreement(Graph graph, const Dims& dims) {
  auto data = std::make_shared<PlanData>();
  data->graph = std::move(graph);
  const Plan plan = Internals::plan(std::move(data));
  const Session cuda(plan, {.backend = "cuda", .precision = Precision::Float32});
  const Tensor input = test::random_images(dims);
  const Tensor a = cuda.run(input), b = Session(plan, {"reference", 1}).run(input);
  const Distance d = distance(a.as<float>(), b.as<float>());
  EXPECT_TRUE(d.within(kCudaFloat32)) << report(d, kCudaFloat32);
}

TEST_F(CudaSession, EqualsReferenceAtEveryShapeAndPrecision) {
  for (const DType weights : {DType::Float32, DType::BFloat16}) {
    const Plan plan = test::small_plan(weights);
    const Session reference(plan, {"reference", 1});
    for (const Precision precision : kPrecisions) {
      const Session cuda(plan, {.backend = "cuda", .precision = precision});
      EXPECT_EQ(cuda.precision(), precision);
      for (const Dims& dims : {Dims{1, 3, 8, 8}, {3, 3, 4, 4}, {2, 3, 20, 12}, {5, 3, 8, 64}}) {
        const Tensor images = test::random_images(dims);
        const Tensor b = reference.run(images);
        for (int run = 0; run < 2; ++run) {  // launch by launch, then as a graph
          const Tensor a = cuda.run(images);
          const Distance d = distance(a.as<float>(), b.as<float>());
          EXPECT_TRUE(d.within(model_tolerance(precision)))
              << to_string(precision) << " " << to_string(dims) << ": "
              << report(d, model_tolerance(precision));
        }
      }
    }
  }
}

TEST_F(CudaSession, AConvolutionReadsThePixels) {
  const Plan plan = test::small_plan_of_pixels();
  const Session reference(plan, {"reference", 1});
  for (const Precision precision : kPrecisions) {
    const Session cuda(plan, {.backend = "cuda", .precision = precision});
    for (const Dims& dims : {Dims{1, 8, 8, 3}, {3, 4, 12, 3}}) {
      Tensor pixels(DType::UInt8, dims);
      for (size_t i = 0; i < pixels.bytes().size(); ++i)
        pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 37);
      const Tensor a = cuda.run(pixels), b = reference.run(pixels);
      const Distance d = distance(a.as<float>(), b.as<float>());
      EXPECT_TRUE(d.within(model_tolerance(precision)))
          << to_string(precision) << " " << to_string(dims) << ": "
          << report(d, model_tolerance(precision));
      const auto program = Internals::engine(cuda).program(dims);
      EXPECT_EQ(std::string(program->steps()[0].op), "conv");
    }
  }
}

/// Kernels take constants to the GPU, and a view of one is in no other memory there.
TEST_F(CudaSession, OperandsMayBeViewsOfConstants) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {4, 3});
  const auto reshaped = [&](const Constant& constant, Ints dims) {
    return builder.op(OpKind::Reshape, ReshapeAttrs{std::move(dims)},
                      {builder.constant("constant", constant)}, "view");
  };
  const std::vector<int64_t> places{2, 0};
  const std::vector<float> rows{1, 2, 3, 4, 5, 6}, weight{1, 0, 2, 3, 1, 0};
  const ValueId scattered = builder.op(
      OpKind::ScatterND, {},
      {x, reshaped(make_constant({2}, places), {2, 1}), reshaped(make_constant({6}, rows), {2, 3})},
      "scattered");
  const ValueId product = builder.op(
      OpKind::Linear, {}, {scattered, reshaped(make_constant({6}, weight), {2, 3})}, "product");
  expect_agreement(builder.finish({product}), {4, 3});
}

/// What is made of several constants is not found by one of them.
TEST_F(CudaSession, NormsMayShareSomeOfTheirWeights) {
  GraphBuilder builder;
  const auto constant = [&](const char* name, float low, float high) {
    return builder.constant(name, Random(name).constant({8}, low, high));
  };
  const ValueId scale = constant("scale", 0.5, 2), shift = constant("shift", -1, 1),
                variance = constant("variance", 0.5, 2);
  ValueId y = builder.input("x", {4, 8});
  for (const char* mean : {"first", "second"})
    y = builder.op(OpKind::BatchNorm, NormAttrs{1e-5f},
                   {y, scale, shift, constant(mean, -1, 1), variance}, mean);
  expect_agreement(builder.finish({y}), {4, 8});
}

/// The workspace is empty.
TEST_F(CudaSession, TensorsMayHaveNoElements) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {0, 4});
  auto data = std::make_shared<PlanData>();
  data->graph = builder.finish({builder.op(UnaryFunction::Relu, x, "relu")});
  const Session session(Internals::plan(std::move(data)), {.backend = "cuda"});
  for (int run = 0; run < 3; ++run) EXPECT_EQ(session.run(Tensor({0, 4})).dims(), (Dims{0, 4}));
}

TEST_F(CudaSession, SaysWhatItsKernelsChose) {
  const Plan plan = test::small_plan(DType::Float32);
  Engine engine(plan, {.backend = "cuda", .precision = Precision::Float16});
  const auto program = engine.program(Dims{1, 3, 8, 8});
  size_t with = 0;
  for (const Dispatch& dispatch : program->dispatch())
    with += dispatch.chosen && !dispatch.choices.empty();
  EXPECT_GT(with, 0u);
  EXPECT_NE(engine.explain(*program).find("\n  with: "), std::string::npos);
}

/// What float16 cannot hold, between two products that it can.
TEST_F(CudaSession, AnOpMayKeepFloat32) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 16});
  const auto linear = [&](ValueId in, const std::string& name, float factor) {
    const auto weight = Random(name).constant({16, 16}, -factor, factor);
    return builder.op(OpKind::Linear, {}, {in, builder.constant(name, weight)}, name);
  };
  const ValueId large = linear(linear(x, "first", 1), "large", 1e5f);
  const ValueId small = linear(large, "small", 1e-5f);
  auto data = std::make_shared<PlanData>();
  data->graph = builder.finish({linear(small, "last", 1), large});
  const std::vector<Tensor> inputs{test::random_images({3, 16})};
  const Plan plan = Internals::plan(data);
  const auto expected = Session(plan, {"cpu", 1}).run(inputs);
  const SessionOptions options{.backend = "cuda", .precision = Precision::Float16};
  const auto result_of = [&](const Plan& of, size_t i) {
    const std::vector<Tensor> results = Session(of, options).run(inputs);
    return distance(results[i].as<float>(), expected[i].as<float>());
  };
  EXPECT_FALSE(result_of(plan, 0).within(kFloat16Model)) << "the case is no case";
  auto islands = std::make_shared<PlanData>(*data);
  for (Node& node : islands->graph.nodes)
    node.keeps_float32 = node.source == "large" || node.source == "small";
  for (const size_t i : {0, 1}) {
    const Distance d = result_of(Internals::plan(islands), i);
    EXPECT_TRUE(d.within(kFloat16Model)) << i << ": " << report(d, kFloat16Model);
  }
}

TEST_F(CudaSession, OpsThatItRefusesRunOnTheCpu) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 16});
  const auto linear = [&](ValueId in, const std::string& name) {
    return builder.op(OpKind::Linear, {},
                      {in, builder.constant(name, Random(name).constant({16, 16}, -1, 1))}, name);
  };
  const ValueId first = linear(x, "first");
  const ValueId wide = builder.op(OpKind::Cast, CastAttrs{DType::Float64}, {first}, "wide");
  const ValueId back = builder.op(OpKind::Cast, CastAttrs{DType::Float32}, {wide}, "back");
  const ValueId sum = builder.op(BinaryFunction::Add, linear(back, "second"), first, "sum");
  auto data = std::make_shared<PlanData>();
  data->graph = builder.finish({sum, back, first});
  const Plan plan = Internals::plan(std::move(data));
  const std::vector<Tensor> inputs{test::random_images({3, 16})};
  const auto expected = Session(plan, {"cpu", 1}).run(inputs);
  SessionOptions options{.backend = "cuda", .precision = Precision::Float32};
  EXPECT_THROW(Session(plan, options).run(inputs), Error);
  options.fallback = "cpu";
  const Session session(plan, options);
  for (int run = 0; run < 2; ++run) {  // launch by launch, then as graphs
    const auto results = session.run(inputs);
    for (size_t i = 0; i < results.size(); ++i) {
      const Distance d = distance(results[i].as<float>(), expected[i].as<float>());
      EXPECT_TRUE(d.within(kFloat32Model)) << report(d, kFloat32Model);
    }
  }
  const auto use =
      Internals::engine(session).fallback_use(*Internals::engine(session).program(Dims{3, 16}));
  ASSERT_TRUE(use);
  EXPECT_EQ(use->pieces, 3u);
  EXPECT_EQ(use->copies.size(), 2u) << "what it makes and reads itself stays on the GPU";
}

/// int64 from the GPU to the cpu, to float64 there, and back as positions.
TEST_F(CudaSession, PositionsCrossToTheCpuAndBack) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 16});
  const auto cast = [&](ValueId in, DType dtype, const char* name) {
    return builder.op(OpKind::Cast, CastAttrs{dtype}, {in}, name);
  };
  const ValueId most =
      builder.op(OpKind::Arg, ArgAttrs{ArgFunction::Max, 1, true}, {x}, "position");
  const ValueId positions = cast(cast(most, DType::Float64, "wide"), DType::Int64, "positions");
  const ValueId picked = builder.op(OpKind::GatherElements, AxisAttrs{1}, {x, positions}, "picked");
  auto data = std::make_shared<PlanData>();
  data->graph = builder.finish({picked, positions});
  const Plan plan = Internals::plan(std::move(data));
  const std::vector<Tensor> inputs{test::random_images({3, 16})};
  const auto expected = Session(plan, {"cpu", 1}).run(inputs);
  SessionOptions options{.backend = "cuda", .precision = Precision::Float32};
  options.fallback = "cpu";
  const Session session(plan, options);
  for (int run = 0; run < 2; ++run) {  // launch by launch, then as graphs
    const auto results = session.run(inputs);
    EXPECT_EQ(test::floats(results[0]), test::floats(expected[0]));
    EXPECT_TRUE(std::ranges::equal(results[1].as<int64_t>(), expected[1].as<int64_t>()));
  }
  const auto use =
      Internals::engine(session).fallback_use(*Internals::engine(session).program(Dims{3, 16}));
  ASSERT_TRUE(use);
  EXPECT_EQ(use->pieces, 3u);
}

TEST_F(CudaSession, EveryArchitectureAgreesWithTheCpu) {
  for (const UniFormerConfig& config : model_configs()) {
    RandomWeights weights(7);
    auto data = std::make_shared<PlanData>();
    data->graph = build_uniformer(config, {.num_classes = 10}, weights);
    run_passes(data->graph, {});
    const Plan plan = Internals::plan(data);
    for (const Dims& dims : {Dims{2, 3, 64, 96}, {1, 3, 128, 96}}) {
      const Tensor images = test::random_images(dims);
      const Tensor expected = Session(plan, {"cpu", 2}).run(images);
      for (const Precision precision : kPrecisions) {
        // In 16 bits scores are equal that are not in float32, and other tokens are kept.
        if (config.token_pruning && precision != Precision::Float32) continue;
        const Session session(plan, {.backend = "cuda", .precision = precision});
        for (int run = 0; run < 2; ++run) {  // launch by launch, then as a graph
          const Tensor result = session.run(images);
          const Distance d = distance(result.as<float>(), expected.as<float>());
          EXPECT_TRUE(d.within(model_tolerance(precision)))
              << config.name << ", " << to_string(dims) << ", " << to_string(precision) << ": "
              << report(d, model_tolerance(precision));
        }
      }
    }
  }
}

TEST_F(CudaSession, TheBlocksOfOneImageAreOneLaunch) {
  RandomWeights weights(7);
  PlanData data;
  data.graph = build_uniformer(find_model("uniformer_small"), {.num_classes = 10}, weights);
  run_passes(data.graph, {});
  const auto launches = [&](int64_t batch, Precision precision) {
    const TensorType images{DType::Float32, {batch, 3, 224, 224}};
    const auto executable = find_backend_row().backend->compile({.graph = data.graph,
                                                                 .inputs = {&images, 1},
                                                                 .cache = *data.cache,
                                                                 .precision = precision});
    std::vector<size_t> nodes;
    for (const StepInfo& step : executable->steps())
      if (std::string(step.impl) == "cuda:transformer_blocks")
        nodes.push_back(step.earlier_nodes.size() + 1);
    return nodes;
  };
  if (cuda::multiprocessors() < 130 || cuda::compute_capability() < 90)
    GTEST_SKIP() << "they do not fit this GPU";
  const std::vector<size_t> both{8 * 3, 3 * 3};
  EXPECT_EQ(launches(1, Precision::Float16), both);
  EXPECT_EQ(launches(1, Precision::BFloat16), both);
  EXPECT_TRUE(launches(1, Precision::Float32).empty());
  EXPECT_TRUE(launches(2, Precision::Float16).empty());
}

TEST_F(CudaSession, NothingIsScalarInFloat32) {
  RandomWeights weights(7);
  PlanData data;
  data.graph = build_uniformer(find_model("uniformer_small"), {.num_classes = 1000}, weights);
  run_passes(data.graph, {});
  for (const Precision precision : {Precision::Float32, Precision::TensorFloat32})
    for (const int64_t batch : {1, 8, 32}) {
      const TensorType images{DType::Float32, {batch, 3, 224, 224}};
      const auto executable = find_backend_row().backend->compile({.graph = data.graph,
                                                                   .inputs = {&images, 1},
                                                                   .cache = *data.cache,
                                                                   .precision = precision});
      for (const StepInfo& step : executable->steps())
        EXPECT_EQ(std::string(step.impl).find("scalar"), std::string::npos) << step.source;
      for (const TunableOp& op : executable->tunables())
        EXPECT_EQ(op.candidates[0].find("scalar"), std::string::npos) << op.key;
    }
}

TEST_F(CudaSession, AGraphGivesTheBitsOfTheFirstRun) {
  const Plan plan = test::small_plan();
  const Tensor images = test::random_images({4, 3, 16, 24});
  for (const Precision precision : kPrecisions) {
    const Session session(plan, {.backend = "cuda", .precision = precision});
    const auto first = test::floats(session.run(images));
    EXPECT_EQ(test::floats(session.run(images)), first) << to_string(precision);
    session.run(test::random_images({16, 3, 32, 32}));  // the workspace moves
    EXPECT_EQ(test::floats(session.run(images)), first) << to_string(precision);
    EXPECT_EQ(test::floats(session.run(images)), first) << to_string(precision);
  }
}

TEST_F(CudaSession, AnObservedRunGivesTheBitsOfTheGraph) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({3, 3, 16, 24});
  const auto first = test::floats(session.run(images));
  RunObserver observer;
  EXPECT_EQ(test::floats(Internals::engine(session).run(images, &observer)), first);
  EXPECT_EQ(test::floats(session.run(images)), first);
}

TEST_F(CudaSession, SixteenThreadsShareSessions) {
  const Plan plan = test::small_plan();
  std::vector<Session> sessions;
  for (const int streams : {1, 3, 16})
    sessions.push_back(Session(plan, {.backend = "cuda", .threads = 2, .streams = streams}));
  std::vector<Tensor> images;
  std::vector<std::vector<float>> expected;
  for (int64_t batch = 1; batch <= 4; ++batch) {
    images.push_back(test::random_images({batch, 3, 16, 16}));
    expected.push_back(test::floats(sessions[0].run(images.back())));
  }
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (size_t t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 1000; ++i) {
        const size_t which = (t + i) % images.size();
        const Session& session = sessions[(t + i / 10) % sessions.size()];
        if (test::floats(session.run(images[which])) != expected[which]) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CudaSession, RefusesADeviceThatThereIsNot) {
  const Plan plan = test::small_plan();
  try {
    Session(plan, {.backend = "cuda", .device = 99});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
    EXPECT_NE(std::string(error.what()).find("device 99"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace vitro
