#include "runtime/program_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/check.h"
#include "ir/builder.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

/// Counts compilations, which take a while.
struct Counter {
  std::atomic<int> compiled = 0, evictions = 0;
  std::atomic<bool> fails = false;

  std::unique_ptr<const Executable> compile(std::span<const TensorType> inputs) {
    ++compiled;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    check(!fails, ErrorCode::Unsupported, "not today");
    GraphBuilder builder;
    const ValueId x = builder.input("x", inputs[0].dims);
    const Graph graph = builder.finish({builder.op(UnaryFunction::Gelu, x, "gelu")});
    PlanCache cache;
    return find_backend("reference").compile({graph, inputs, cache});
  }
  ProgramCache cache(size_t capacity) {
    return {capacity, [this](std::span<const TensorType> inputs) { return compile(inputs); },
            [this] { ++evictions; }};
  }
};

std::shared_ptr<const CompiledProgram> get(ProgramCache& cache, int64_t extent) {
  const TensorView view{nullptr, DType::Float32, {extent}, {}};
  return cache.get({&view, 1});
}

TEST(ProgramCache, CompilesAShapeOnceHoweverManyThreadsAsk) {
  Counter counter;
  ProgramCache cache = counter.cache(4);
  std::vector<std::shared_ptr<const CompiledProgram>> found(16);
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < found.size(); ++t)
      threads.emplace_back([&, t] { found[t] = get(cache, t % 2 == 0 ? 5 : 6); });
  }
  EXPECT_EQ(counter.compiled, 2);
  for (size_t t = 0; t < found.size(); ++t) EXPECT_EQ(found[t], found[t % 2]);
}

TEST(ProgramCache, AFailureReachesEveryoneWhoWaitedAndIsForgotten) {
  Counter counter;
  counter.fails = true;
  ProgramCache cache = counter.cache(4);
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        try {
          get(cache, 5);
        } catch (const Error&) {
          ++failures;
        }
      });
  }
  EXPECT_EQ(failures, 8);
  counter.fails = false;
  EXPECT_NE(get(cache, 5), nullptr);
}

TEST(ProgramCache, TheShapeUsedLongestAgoMakesRoom) {
  Counter counter;
  ProgramCache cache = counter.cache(2);
  const auto one = get(cache, 1), two = get(cache, 2);
  get(cache, 1);  // used again: now 2 is the oldest
  get(cache, 3);
  EXPECT_FALSE(one->evicted);
  EXPECT_TRUE(two->evicted);
  EXPECT_EQ(counter.compiled, 3);
  get(cache, 1);
  EXPECT_EQ(counter.compiled, 3);
  get(cache, 2);
  EXPECT_EQ(counter.compiled, 4);
}

TEST(ProgramCache, AFailureIsNotTakenForAProgramThatMakesRoom) {
  const auto compile = [](std::span<const TensorType> inputs) -> std::unique_ptr<const Executable> {
    check(inputs[0].dims[0] != 0, ErrorCode::Unsupported, "never");
    return nullptr;
  };
  ProgramCache cache(1, compile, [] {});
  std::atomic<bool> done = false;
  std::vector<std::jthread> failing;
  for (int t = 0; t < 4; ++t)
    failing.emplace_back([&] {
      while (!done) EXPECT_THROW(get(cache, 0), Error);
    });
  for (int64_t i = 0; i < 100'000; ++i) EXPECT_NO_THROW(get(cache, 1 + i % 3));
  done = true;
}

}  // namespace
}  // namespace vitro
