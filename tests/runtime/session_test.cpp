#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "core/temporary_directory.h"
#include "core/thread_team.h"
#include "floats.h"
#include "metric.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/memory.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

int threads_of_this_process() {
  int count = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    ++count;
  return count;
}

using test::expect_error;

TEST(Session, CpuEqualsReferenceAtEveryShape) {
  for (DType weights : {DType::Float32, DType::BFloat16}) {
    const Plan plan = test::small_plan(weights);
    const Session cpu(plan, {"cpu", 2}), reference(plan, {"reference", 1});
    for (const Dims& dims : {Dims{1, 3, 8, 8}, {3, 3, 4, 4}, {2, 3, 20, 12}, {5, 3, 8, 64}}) {
      const Tensor images = test::random_images(dims);
      const Tensor a = cpu.run(images), b = reference.run(images);
      EXPECT_EQ(a.dims(), (Dims{dims[0], 5}));
      const Distance d = distance(a.as<float>(), b.as<float>());
      EXPECT_TRUE(d.within(kFloat32Model))
          << dtype_name(weights) << " " << to_string(dims) << ": " << report(d, kFloat32Model);
    }
  }
}

TEST(Session, WeightsOfBFloat16MoveTheResultALittle) {
  const Tensor images = test::random_images({2, 3, 16, 16});
  for (const char* backend : {"cpu", "reference"}) {
    const Tensor whole = Session(test::small_plan(), {backend, 1}).run(images);
    const Tensor rounded = Session(test::small_plan(DType::BFloat16), {backend, 1}).run(images);
    const Distance d = distance(rounded.as<float>(), whole.as<float>());
    EXPECT_TRUE(d.within(kBFloat16Weights)) << backend << ": " << report(d, kBFloat16Weights);
    EXPECT_GT(d.nmse, kFloat32Model.nmse) << backend;
  }
}

TEST(Session, MaxMemoryCountsWeightsAndTheArenasOfAllStreams) {
  const Plan plan = test::small_plan();
  const Dims small{1, 3, 8, 8}, large{4, 3, 64, 64};
  SessionOptions options{"cpu", 1, 2};
  const Session unlimited(plan, options);
  const size_t weights = weight_memory(Internals::data(plan)).all(),
               arena = unlimited.arena_bytes(large);
  ASSERT_GT(arena, unlimited.arena_bytes(small));
  options.max_memory = weights + 2 * arena;
  EXPECT_EQ(Session(plan, options).arena_bytes(large), arena);
  --options.max_memory;
  const Session limited(plan, options);
  limited.run(test::random_images(small));
  expect_error(ErrorCode::OutOfMemory, fmt::format("takes {} bytes", options.max_memory + 1),
               [&] { limited.run(test::random_images(large)); });
}

TEST(Session, ResultsDoNotDependOnThreadsOrRuns) {
  const Tensor images = test::random_images({2, 3, 24, 20});
  for (DType weights : {DType::Float32, DType::BFloat16}) {
    const Plan plan = test::small_plan(weights);
    const std::vector<float> expected = test::floats(Session(plan, {"cpu", 1}).run(images));
    for (int threads : {1, 2, 3}) {
      const Session session(plan, {"cpu", threads});
      EXPECT_EQ(session.threads(), threads);
      for (int run = 0; run < 3; ++run)
        EXPECT_EQ(test::floats(session.run(images)), expected) << threads;
    }
  }
}

TEST(Session, ResultsDoNotDependOnTheBatch) {
  const Session session(test::small_plan(), {"cpu", 2});
  const Tensor batch = test::random_images({3, 3, 8, 8});
  const Tensor together = session.run(batch);
  for (size_t i = 0; i < 3; ++i) {
    Tensor one({1, 3, 8, 8});
    const auto pixels = one.as<float>();
    std::ranges::copy(batch.as<float>().subspan(i * pixels.size(), pixels.size()), pixels.begin());
    const Tensor alone = session.run(one);
    for (size_t c = 0; c < 5; ++c)
      EXPECT_EQ(alone.as<float>()[c], together.as<float>()[i * 5 + c]) << i;
  }
}

TEST(Session, ManyThreadsShareOne) {
  const Session session(test::small_plan(), {"cpu", 2});
  const Dims shapes[] = {{1, 3, 8, 8}, {2, 3, 12, 8}, {1, 3, 16, 16}};
  std::vector<std::vector<float>> expected;
  for (const Dims& dims : shapes)
    expected.push_back(test::floats(session.run(test::random_images(dims))));
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 30; ++i) {
        const size_t which = (t + i) % 3;
        wrong[t] +=
            test::floats(session.run(test::random_images(shapes[which]))) != expected[which];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8));
}

TEST(Session, ManyCallersNeverHaveMoreWorkersThanTheStreamsAllow) {
  constexpr int kCallers = 8, kStreams = 2, kThreads = 3;
  const Session session(test::small_plan(), {"cpu", kThreads, kStreams});
  EXPECT_EQ(session.streams(), kStreams);
  const Tensor images = test::random_images({2, 3, 12, 8});
  const std::vector<float> expected =
      test::floats(Session(test::small_plan(), {"cpu", 1}).run(images));
  const int before = threads_of_this_process();
  std::atomic<int> most{0}, wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        wrong += test::floats(session.run(images)) != expected;
        for (int now = threads_of_this_process(), seen = most; now > seen;)
          if (most.compare_exchange_weak(seen, now)) break;
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(most, before);
  EXPECT_LE(most, before + kCallers + kStreams * (kThreads - 1));
  EXPECT_LE(threads_of_this_process(), before + kStreams * (kThreads - 1));
}

TEST(Session, StreamsFillTheCoresByDefault) {
  const int cores = available_cores();
  EXPECT_EQ(Session(test::small_plan(), {"cpu", 1}).streams(), cores);
  EXPECT_EQ(Session(test::small_plan(), {"cpu", cores}).streams(), 1);
  EXPECT_EQ(Session(test::small_plan(), {"cpu", cores + 1}).streams(), 1);
  EXPECT_EQ(Session(test::small_plan()).streams(), 1);
}

TEST(Session, RefusesWhatItCannotRun) {
  const Plan plan = test::small_plan();
  expect_error(ErrorCode::NotFound, "unknown backend 'tpu'", [&] { Session(plan, {"tpu", 1}); });
  expect_error(ErrorCode::InvalidArgument, "-1 threads", [&] { Session(plan, {"cpu", -1}); });
  expect_error(ErrorCode::InvalidArgument, "-1 streams", [&] { Session(plan, {"cpu", 1, -1}); });
  const Session session(plan);
  const auto refuses = [&](const Dims& dims, const std::string& text) {
    expect_error(ErrorCode::InvalidArgument, text, [&] { session.prepare(dims); });
  };
  refuses({0, 3, 8, 8}, "input 'images' is 0x3x8x8: batch is 0, expected an extent, at least 1");
  refuses({1, 4, 8, 8}, "axis 1 is 4, expected 3");
  refuses({3, 8, 8}, "is 3x8x8, expected batch x 3 x height x width");
  refuses({1, 3, 10, 8}, "height is 10, expected a multiple of 4, at least 4");
  refuses({1'000'000'000, 3, 8, 8}, "2^31");
  expect_error(ErrorCode::InvalidArgument, "input 'images' 1x3x8x8: its elements are U8, not F32",
               [&] {
                 session.run(Tensor(DType::UInt8, {1, 3, 8, 8}));
               });
}

TEST(Session, SaysWhatItTakesAndGives) {
  const Session session(test::small_plan());
  ASSERT_EQ(session.inputs().size(), 1u);
  EXPECT_EQ(session.inputs()[0].name, "images");
  EXPECT_EQ(session.inputs()[0].dims[2], (DimRange{"height", 4, int64_t{1} << 31, 4}));
  ASSERT_EQ(session.outputs().size(), 1u);
  EXPECT_EQ(session.outputs()[0].name, "logits");
  EXPECT_EQ(session.outputs()[0].dims[0].name, "batch");
  EXPECT_EQ(session.outputs()[0].dims[1], (DimRange{"", 5, 5, 1}));
}

TEST(Session, RunsByPositionAndByName) {
  const Session session(test::small_plan());
  Tensor images = test::random_images({2, 3, 8, 8});
  const std::vector<float> expected = test::floats(session.run(images));
  EXPECT_EQ(test::floats(session.run({&images, 1}).at(0)), expected);
  images.name = "images";
  const std::vector<Tensor> named = session.run({&images, 1});
  EXPECT_EQ(test::floats(named.at(0)), expected);
  EXPECT_EQ(named[0].name, "logits");
  const Tensor room({2, 5});
  session.run({&images.view(), 1}, {&room.view(), 1});
  EXPECT_EQ(test::floats(room), expected);
  images.name = "pictures";
  expect_error(ErrorCode::NotFound, "no input 'pictures'", [&] { session.run({&images, 1}); });
  const std::vector<Tensor> twice{images, images};
  expect_error(ErrorCode::InvalidArgument, "2 of 2 inputs have names, the model has 1",
               [&] { session.run(twice); });
  const Tensor small({1, 5});
  expect_error(ErrorCode::InvalidArgument,
               "memory for output 'logits' is F32 1x5, expected F32 2x5", [&] {
                 session.run({&images.view(), 1}, {&small.view(), 1});
               });
}

TEST(Session, ACallThatCannotBeginInTimeFails) {
  const Session session(test::small_plan(), {"cpu", 1, 1});
  const Tensor images = test::random_images({1, 3, 8, 8});
  const Tensor logits({1, 5});
  /// Tries to run while the only stream is taken.
  struct Second final : RunObserver {
    std::function<void()> work;
    void before_step(size_t step) override {
      if (step == 0) work();
    }
  } second;
  second.work = [&] {
    const RunOptions late{std::chrono::steady_clock::now() + std::chrono::milliseconds(5)};
    expect_error(ErrorCode::DeadlineExceeded, "no stream of 1 was free", [&] {
      session.run({&images.view(), 1}, {&logits.view(), 1}, late);
    });
  };
  Internals::engine(session).run({&images.view(), 1}, {&logits.view(), 1}, {}, &second);
}

TEST(Session, OnlyBackendsWithStreamsRunOnOne) {
  const Session session(test::small_plan(), {"cpu", 1});
  const Tensor images = test::random_images({1, 3, 8, 8});
  const Tensor logits({1, 5});
  int stream = 0;
  expect_error(ErrorCode::Unsupported, "a run on a stream", [&] {
    session.run({&images.view(), 1}, {&logits.view(), 1}, {.stream = &stream});
  });
}

TEST(Session, ExplainsEveryChoice) {
  const std::string text = Session(test::small_plan(), {"cpu", 2}).explain({1, 3, 8, 8});
  EXPECT_NE(text.find("cpu:mlp_banded: 4 rows"), std::string::npos) << text;
  EXPECT_NE(text.find("cpu:mlp_phased"), std::string::npos) << text;
}

TEST(Session, MemoryUseIsWhatRunsNeed) {
  const Dims dims{2, 3, 8, 8};
  for (const char* backend : {"cpu", "reference"}) {
    const Session session(test::small_plan(), {backend, 2});
    const auto program = Internals::engine(session).program(dims);
    size_t results = 0, scratch = 0;
    for (const StepInfo& step : program->steps()) {
      results += step.output_bytes;
      scratch += step.scratch_bytes;
    }
    const MemoryUse& memory = program->memory();
    const size_t logits = 2 * 5 * sizeof(float);  // lie with the caller
    EXPECT_EQ(memory.activations, results - logits) << backend;
    EXPECT_EQ(memory.scratch, scratch) << backend;
    EXPECT_EQ(memory.arena, session.arena_bytes(dims)) << backend;
    EXPECT_LT(memory.arena, memory.activations + memory.scratch) << backend;
  }
}

TEST(Session, ManyShapesDoNotAccumulate) {
  const Session session(test::small_plan(), {"cpu", 1});
  const Tensor images = test::random_images({1, 3, 8, 8});
  const std::vector<float> expected = test::floats(session.run(images));
  for (int64_t i = 1; i <= 80; ++i) session.prepare({1, 3, 4 * i, 4});
  EXPECT_EQ(test::floats(session.run(images)), expected);
}

}  // namespace
}  // namespace vitro
