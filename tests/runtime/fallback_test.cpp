#include "runtime/fallback.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <thread>

#include "backends/reference/reference_backend.h"
#include "floats.h"
#include "ir/builder.h"
#include "metric.h"
#include "models/models.h"
#include "passes/pipeline.h"
#include "runtime/compare.h"
#include "runtime/internals.h"
#include "runtime/picky_backend.h"
#include "runtime/profile.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

using test::PickyBackend;
using test::plan_of;

const Backend& cpu() { return find_backend("cpu"); }

SessionOptions with_fallback(int threads = 1, int streams = 0) {
  SessionOptions options{.threads = threads, .streams = streams};
  options.fallback = "cpu";
  return options;
}

/// Everything runs on the implementations of the reference, so that bits tell what went wrong.
Session exact(const PickyBackend& picky, const Plan& plan) {
  return picky.session(plan, reference_backend(), with_fallback());
}

const FallbackUse& use_of(const Session& session, const Dims& dims) {
  const FallbackUse* use = fallback_use(*Internals::engine(session).program(dims));
  return use ? *use : throw std::runtime_error("nothing fell back");
}

Error error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::Internal, "no error");
}

const Dims kImages{2, 3, 16, 12};

TEST(Fallback, AModelInPiecesHasTheBitsOfItsBackend) {
  const Plan plan = test::small_plan();
  const Tensor images = test::random_images(kImages);
  const auto expected = test::floats(Session(plan, {"reference", 1}).run(images));
  for (const OpKind kind : {OpKind::Softmax, OpKind::Linear, OpKind::LayerNorm, OpKind::Binary,
                            OpKind::DepthwiseConv2d, OpKind::Transpose, OpKind::Reduce}) {
    const PickyBackend picky({kind});
    const Session session = exact(picky, plan);
    EXPECT_EQ(test::floats(session.run(images)), expected) << static_cast<int>(kind);
    EXPECT_FALSE(use_of(session, kImages).refused.empty());
  }
}

TEST(Fallback, AUniFormerRunsInPiecesWithAndWithoutPasses) {
  const UniFormerConfig config{.name = "tiny",
                               .depth = {1, 2, 2, 1},
                               .width = {16, 32, 32, 64},
                               .head_dim = 16,
                               .conv_stem = true,
                               .global_layer_scale = true};
  const Tensor images = test::random_images({1, 3, 64, 32});
  for (const bool passes : {false, true}) {
    RandomWeights weights;
    Graph graph = build_uniformer(config, {.num_classes = 7, .height = 64, .width = 64}, weights);
    if (passes) run_passes(graph);
    const Plan plan = plan_of(std::move(graph));
    const auto expected = test::floats(Session(plan, {"reference", 1}).run(images));
    const PickyBackend picky({OpKind::Softmax, OpKind::DepthwiseConv2d});
    const Session session = exact(picky, plan);
    EXPECT_EQ(test::floats(session.run(images)), expected) << passes;
    const FallbackUse& use = use_of(session, images.dims());
    EXPECT_GE(use.pieces, 12u) << "one after the other in every block";
    EXPECT_GE(use.refused.size(), 3u * 2 + 6) << "of local blocks and of global ones";
  }
}

TEST(Fallback, KernelsOfTheFallbackAreAsCloseAsEver) {
  const Plan plan = test::small_plan();
  const Tensor images = test::random_images(kImages);
  const Tensor expected = Session(plan, {"reference", 1}).run(images);
  for (const OpKind kind : {OpKind::Softmax, OpKind::Linear, OpKind::DepthwiseConv2d}) {
    const PickyBackend picky({kind});
    for (int threads : {1, 3}) {
      const Session session = picky.session(plan, cpu(), with_fallback(threads));
      const Tensor logits = session.run(images);
      const Distance d = distance(logits.as<float>(), expected.as<float>());
      EXPECT_TRUE(d.within(kFloat32Model)) << report(d, kFloat32Model);
      EXPECT_EQ(Internals::engine(session).program(kImages)->threads(), threads);
    }
  }
}

TEST(Fallback, CountsPiecesAndCopies) {
  const PickyBackend picky({OpKind::Softmax});
  const Session session = exact(picky, test::small_plan());
  const FallbackUse& use = use_of(session, kImages);
  EXPECT_EQ(use.pieces, 3u);
  EXPECT_EQ(use.fallback_pieces, 1u);
  ASSERT_EQ(use.refused.size(), 1u);
  EXPECT_EQ(use.refused[0].op, "softmax");
  // Out go the scores, in come the weights; values and residual stay where they are.
  constexpr size_t kTokens = 4 * 3, kHeads = 2, kBytes = 4 * 2 * kHeads * kTokens * kTokens;
  ASSERT_EQ(use.copies.size(), 2u);
  EXPECT_TRUE(use.copies[0].to_fallback);
  EXPECT_FALSE(use.copies[1].to_fallback);
  for (const BorderCopy& copy : use.copies) EXPECT_EQ(copy.bytes, kBytes);
  EXPECT_EQ(use.copied_bytes(), 2 * kBytes);
}

TEST(Fallback, WhatTheBackendTakesWholeRunsAsWithoutFallback) {
  const PickyBackend picky({OpKind::TopK});
  const Plan plan = test::small_plan();
  const Session plain = picky.session(plan, cpu()), session = exact(picky, plan);
  const Tensor images = test::random_images(kImages);
  EXPECT_EQ(test::floats(session.run(images)), test::floats(plain.run(images)));
  EXPECT_EQ(fallback_use(*Internals::engine(session).program(kImages)), nullptr);
  EXPECT_FALSE(
      Internals::engine(session).fallback_use(*Internals::engine(session).program(kImages)));
  EXPECT_EQ(session.explain(kImages), plain.explain(kImages));
  EXPECT_EQ(session.arena_bytes(kImages), plain.arena_bytes(kImages));
}

/// Values of many types cross: those of top_k, of which one stays, and a comparison.
Graph sorting_graph() {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 8}), y = builder.input("y", {3, 8});
  const ValueId sum = builder.op(BinaryFunction::Add, x, y, "sum");
  const auto top = builder.ops(OpKind::TopK, TopKAttrs{-1, 8, true}, {sum}, 2, "top");
  const ValueId back = builder.op(OpKind::GatherElements, AxisAttrs{1}, {y, top[1]}, "back");
  const ValueId less =
      builder.op(OpKind::Compare, CompareAttrs{CompareFunction::Less}, {top[0], back}, "less");
  const ValueId picked = builder.op(OpKind::Where, {}, {less, top[0], x}, "picked");
  const ValueId small = builder.op(OpKind::Cast, CastAttrs{DType::Int8}, {top[1]}, "small");
  return builder.finish({picked, small, top[1], sum, x},
                        {"picked", "small", "indices", "sum", "x"});
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].dtype(), b[i].dtype());
    EXPECT_TRUE(std::ranges::equal(a[i].bytes(), b[i].bytes())) << a[i].name;
  }
}

TEST(Fallback, BordersHaveAnyTypeAndNodesManyResults) {
  const Plan plan = plan_of(sorting_graph());
  const std::vector<Tensor> inputs{test::random_images({3, 8}), test::random_images({8, 3, 1})};
  std::vector<Tensor> given{inputs[0], Tensor({3, 8})};
  std::ranges::copy(inputs[1].as<float>(), given[1].as<float>().begin());
  const auto expected = Session(plan, {"reference", 1}).run(given);
  for (const auto& kinds : std::initializer_list<std::initializer_list<OpKind>>{
           {OpKind::TopK},
           {OpKind::GatherElements},
           {OpKind::Where, OpKind::Binary},
           {OpKind::Compare, OpKind::Cast},
           {OpKind::TopK, OpKind::GatherElements, OpKind::Compare, OpKind::Where, OpKind::Cast,
            OpKind::Binary}}) {
    const PickyBackend picky(kinds);
    expect_same(exact(picky, plan).run(given), expected);
  }
  const PickyBackend picky({OpKind::TopK, OpKind::Where});
  const Session session = exact(picky, plan);
  session.run(given);
  std::set<DType> types;
  const std::vector<TensorView> views{given[0].view(), given[1].view()};
  for (const BorderCopy& copy : fallback_use(*Internals::engine(session).program(views))->copies)
    types.insert(copy.type.dtype);
  EXPECT_EQ(types, (std::set{DType::Float32, DType::Int64, DType::Bool}));
}

TEST(Fallback, ManyThreadsShareAPartitionedSession) {
  const PickyBackend picky({OpKind::Softmax, OpKind::Reduce});
  const Plan plan = test::small_plan();
  const Session session = picky.session(plan, reference_backend(), with_fallback(2, 3));
  const Dims shapes[] = {{1, 3, 8, 8}, {2, 3, 12, 8}, {1, 3, 16, 16}};
  std::vector<std::vector<float>> expected;
  for (const Dims& dims : shapes)
    expected.push_back(
        test::floats(Session(plan, {"reference", 1}).run(test::random_images(dims))));
  std::vector<std::thread> threads;
  std::vector<int> wrong(6);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 12; ++i) {
        const size_t which = (t + i) % 3;
        wrong[t] +=
            test::floats(session.run(test::random_images(shapes[which]))) != expected[which];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(6));
}

TEST(Fallback, CopiesAreStepsOfAProfile) {
  const PickyBackend picky({OpKind::Softmax});
  const Session session = picky.session(test::small_plan(), cpu(), with_fallback(2));
  const Profile result =
      profile(session, std::vector{test::random_images(kImages)}, {.runs = 3, .progress = {}});
  const auto steps = result.program->steps();
  std::vector<size_t> copies;
  for (size_t s = 0; s < steps.size(); ++s)
    if (steps[s].node == kNoNode) copies.push_back(s);
  ASSERT_EQ(copies.size(), 2u);
  const StepInfo &out = steps[copies[0]], &in = steps[copies[1]];
  EXPECT_STREQ(out.op, "copy");
  EXPECT_TRUE(out.sections[0].source.starts_with("copy to cpu: attention."))
      << out.sections[0].source;
  EXPECT_TRUE(in.sections[0].source.starts_with("copy to picky: attention."))
      << in.sections[0].source;
  EXPECT_EQ(out.output_bytes + in.output_bytes, use_of(session, kImages).copied_bytes());
  EXPECT_STREQ(steps[copies[0] + 1].op, "softmax") << "between them";
  for (const StepSpan& span : result.trace.steps) {
    EXPECT_GE(span.begin_ns, result.trace.begin_ns) << "every step has begun";
    EXPECT_LE(span.begin_ns, span.end_ns);
    EXPECT_LE(span.end_ns, result.trace.end_ns);
  }
  for (size_t s = 1; s < steps.size(); ++s)
    EXPECT_LE(result.trace.steps[s - 1].end_ns, result.trace.steps[s].begin_ns) << s;
}

TEST(Fallback, ArenaBuffersOfAllPiecesFillOneArena) {
  const PickyBackend picky({OpKind::Softmax, OpKind::Transpose});
  const Session session = picky.session(test::small_plan(), cpu(), with_fallback());
  const auto program = Internals::engine(session).program(kImages);
  size_t end = 0;
  for (const ArenaBuffer& a : program->arena_buffers()) {
    end = std::max(end, a.offset + a.bytes);
    EXPECT_LE(a.first_step, a.last_step);
    EXPECT_LT(a.last_step, program->steps().size());
    for (const ArenaBuffer& b : program->arena_buffers()) {
      const bool at_once = a.first_step <= b.last_step && b.first_step <= a.last_step;
      const bool same_place = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_TRUE(&a == &b || !at_once || !same_place) << a.source << " and " << b.source;
    }
  }
  const MemoryUse& memory = program->memory();
  EXPECT_LE(end, memory.arena);
  EXPECT_GT(end + 64, memory.arena);
  EXPECT_LE(memory.arena, memory.activations + memory.scratch);
}

TEST(Fallback, ExplainTellsWhoRefusedAndWhatIsCopied) {
  const PickyBackend picky({OpKind::Softmax});
  const Session session = picky.session(test::small_plan(), cpu(), with_fallback());
  const std::string text = session.explain(kImages);
  for (const char* part :
       {"3 pieces, 2 on picky and 1 on cpu", "values copied between them in each run",
        "picky: it has no implementation of the op", "copy to cpu, ", "copy to picky, ",
        "cpu:softmax"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Fallback, LayersOfAPartitionedModelCanBeCompared) {
  const Plan plan = test::small_plan();
  const PickyBackend picky({OpKind::Softmax});
  const Session reference(plan, {"reference", 1});
  const Tensor images = test::random_images(kImages);
  const LayerErrors errors = compare_layers(exact(picky, plan), reference, images, images);
  EXPECT_GE(errors.layers.size(), 5u);
  for (const LayerError& layer : errors.layers) EXPECT_EQ(layer.nmse, 0) << layer.source;
  EXPECT_EQ(test::floats(errors.output_a), test::floats(errors.output_b));
}

TEST(Fallback, WarnsOnceOfASession) {
  const PickyBackend picky({OpKind::Softmax});
  testing::internal::CaptureStderr();
  const Session session = picky.session(test::small_plan(), cpu(), with_fallback());
  session.run(test::random_images(kImages));
  session.run(test::random_images({1, 3, 8, 8}));
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(
      text.starts_with("warning: backend 'picky' refuses 1 op, which runs on cpu: softmax "
                       "'attention."))
      << text;
  EXPECT_NE(text.find("2 values copied between them in each run, 4,608 bytes\n"), std::string::npos)
      << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
}

TEST(Fallback, WithoutItTheErrorNamesEveryRefusedOp) {
  const PickyBackend picky({OpKind::Softmax, OpKind::Transpose});
  const Session session = picky.session(test::small_plan(), cpu());
  const Error error = error_of([&] { session.prepare(kImages); });
  EXPECT_EQ(error.code(), ErrorCode::Unsupported) << error.what();
  const std::string text = error.what();
  for (const char* part : {"backend 'picky' has no implementation of ",
                           " ops: ", "transpose 'images' with result ", "softmax 'attention."})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_NE(error.hint().find("--fallback cpu"), std::string::npos) << error.hint();
}

TEST(Fallback, RunsEverythingWhenTheBackendIsUnavailable) {
  const PickyBackend picky({});
  const Plan plan = test::small_plan();
  SessionOptions options = with_fallback();
  options.backend = "missing";
  options.precision = Precision::Float16;
  options.device = 3;
  testing::internal::CaptureStderr();
  const Session session = picky.session(plan, cpu(), options);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: backend 'missing' is not available: no such device; all runs on cpu\n");
  EXPECT_STREQ(session.backend(), "cpu");
  const Tensor images = test::random_images(kImages);
  EXPECT_EQ(test::floats(session.run(images)), test::floats(Session(plan, {"cpu", 1}).run(images)));
  const auto use =
      Internals::engine(session).fallback_use(*Internals::engine(session).program(kImages));
  ASSERT_TRUE(use);
  EXPECT_EQ(use->unavailable, "no such device");
  EXPECT_NE(session.explain(kImages).find("all runs on cpu"), std::string::npos);

  options.fallback.clear();
  const Error error = error_of([&] { picky.session(plan, cpu(), options); });
  EXPECT_EQ(error.code(), ErrorCode::Unsupported);
  EXPECT_NE(error.hint().find("--fallback cpu"), std::string::npos) << error.hint();
}

TEST(Fallback, IsCpuOrNobody) {
  SessionOptions options{.backend = "cpu"};
  options.fallback = "reference";
  EXPECT_EQ(error_of([&] { Session(test::small_plan(), options); }).code(),
            ErrorCode::InvalidArgument);
  options.fallback = "cpu";
  EXPECT_NO_THROW(Session(test::small_plan(), options)) << "it may fall back to itself";
}

TEST(Fallback, AnOpThatBothRefuseIsAnError) {
  ForeignAttrs attrs;
  attrs.name = "DeformConv";
  attrs.results = {{DType::Float32, {1, 2}}};
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  const PickyBackend picky({});
  const Session session =
      picky.session(plan_of(builder.finish({builder.op(OpKind::Foreign, attrs, {x}, "head")})),
                    cpu(), with_fallback());
  const Error error = error_of([&] { session.prepare(Dims{1, 2}); });
  EXPECT_EQ(error.code(), ErrorCode::Unsupported);
  EXPECT_STREQ(error.what(),
               "backend 'cpu' has no implementation of DeformConv 'head' with result 1x2");
}

TEST(Fallback, MemoryThatOnlyTheBackendReachesIsRefused) {
  const PickyBackend picky({OpKind::Transpose});
  const Session session = picky.session(test::small_plan(), cpu(), with_fallback());
  const Tensor images = test::random_images(kImages), logits({2, 5});
  TensorView view = images.view();
  view.device = {DeviceType::Cuda, 0};
  const Error error = error_of([&] { session.run({&view, 1}, {&logits.view(), 1}); });
  EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
  EXPECT_NE(std::string(error.what()).find("the cpu backend cannot reach"), std::string::npos)
      << error.what();
}

}  // namespace
}  // namespace vitro
