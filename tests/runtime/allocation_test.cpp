#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>

#include "backends/count_allocations.h"
#include "floats.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/picky_backend.h"
#include "runtime/small_plan.h"

namespace {

std::atomic<size_t> bytes_of_aligned{0};

}  // namespace

// Of allocate_aligned(), which gives a run nothing but its arena.
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  bytes_of_aligned += bytes;
  const auto unit = static_cast<size_t>(alignment);  // whose multiple aligned_alloc() asks for
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
// Its memory goes to the same delete.
void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<size_t>(alignment);
  void* memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
  return memory ? memory : throw std::bad_alloc();
}
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace vitro {
namespace {

/// Records what the team does.
class Recorder final : public RunObserver {
 public:
  explicit Recorder(size_t capacity) : timeline_(2, capacity) {}
  void before_step(size_t step) override { timeline_.begin_step(step); }
  Timeline* timeline() override { return &timeline_; }

 private:
  Timeline timeline_;
};

/// Runs until both threads of the team have begun: on a busy machine one may come late, and the
/// sanitizer allocates when a thread begins.
void run_until_both_work(const Session& session, const TensorView& input,
                         const TensorView& output) {
  Recorder recorder(1);
  while (recorder.timeline()->marks(1).empty())
    Internals::engine(session).run({&input, 1}, {&output, 1}, {}, &recorder);
}

void expect_free_runs(const Session& session) {
  const Dims shapes[] = {{1, 3, 8, 8}, {2, 3, 16, 8}};
  const Tensor images = test::random_images(shapes[1]);
  const Tensor logits({2, 5});
  // Views of the first images, and room for their logits.
  std::vector<TensorView> inputs, outputs;
  for (const Dims& dims : shapes) {
    inputs.push_back({images.view().data, DType::Float32, dims, {}});
    outputs.push_back({logits.view().data, DType::Float32, {dims[0], 5}, {}});
  }
  const auto run_all = [&] {
    for (size_t i = 0; i < inputs.size(); ++i) session.run({&inputs[i], 1}, {&outputs[i], 1});
  };
  run_all();
  run_until_both_work(session, inputs[0], outputs[0]);
  const size_t before = num_allocations();
  for (int i = 0; i < 10; ++i) run_all();
  EXPECT_EQ(num_allocations() - before, 0u);
  const auto counted = std::make_unique<int>(1);
  EXPECT_GT(num_allocations(), before) << "the counter does not count" << *counted;
}

TEST(SessionAllocation, RunsAreFreeOfItAfterTheFirstOfAShape) {
  expect_free_runs(Session(test::small_plan(), {"cpu", 2}));
}

TEST(SessionAllocation, RunsInPiecesAreFreeOfItToo) {
  const test::PickyBackend picky({OpKind::Softmax, OpKind::Reduce});
  SessionOptions options{.threads = 2};
  options.fallback = "cpu";
  expect_free_runs(picky.session(test::small_plan(), find_backend("cpu"), options));
}

/// Does something else before the first step of a run.
class Interruption final : public RunObserver {
 public:
  explicit Interruption(std::function<void()> work) : work_(std::move(work)) {}
  void before_step(size_t step) override {
    if (step == 0) work_();
  }

 private:
  std::function<void()> work_;
};

TEST(SessionAllocation, TheArenaHasTheBytesThatMemoryUseSays) {
  for (const char* backend : {"cpu", "reference"}) {
    const Session session(test::small_plan(), {backend, 1, 2});
    const Dims dims{3, 3, 16, 8};
    const Tensor images = test::random_images(dims);
    const Tensor first({3, 5}), second({3, 5});
    session.prepare(dims);
    const size_t before = bytes_of_aligned;
    Interruption second_run([&] { session.run({&images.view(), 1}, {&second.view(), 1}); });
    Internals::engine(session).run({&images.view(), 1}, {&first.view(), 1}, {}, &second_run);
    EXPECT_EQ(bytes_of_aligned - before, Internals::engine(session).program(dims)->memory().arena)
        << backend << ": the second run at the same time needs an arena of its own";
    EXPECT_EQ(test::floats(first), test::floats(second));
  }
}

TEST(SessionAllocation, RecordingATimelineIsFreeOfItToo) {
  const Session session(test::small_plan(), {"cpu", 2});
  const Dims dims{1, 3, 8, 8};
  const Tensor images = test::random_images(dims);
  const Tensor logits({1, 5});
  run_until_both_work(session, images.view(), logits.view());
  for (size_t capacity : {10, 100'000}) {  // too small, and large enough
    Recorder recorder(capacity);
    const size_t before = num_allocations();
    Internals::engine(session).run({&images.view(), 1}, {&logits.view(), 1}, {}, &recorder);
    EXPECT_EQ(num_allocations() - before, 0u);
    EXPECT_EQ(recorder.timeline()->lost() > 0, capacity == 10);
  }
}

}  // namespace
}  // namespace vitro
