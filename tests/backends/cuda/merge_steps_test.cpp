#include "backends/cuda/merge_steps.h"

#include <gtest/gtest.h>

#include "backends/cuda/row_sums.h"

namespace vitro::cuda {
namespace {

Place arena(size_t offset) { return {Place::Kind::Arena, offset, nullptr}; }

/// Steps that read one place and write another.
struct Chain {
  Program program;

  void add(const Place& input, const Place& output) {
    Step step;
    step.inputs = {input};
    step.outputs = {output};
    program.sequence.push_back(std::move(step));
    StepInfo info{};
    info.node = program.infos.size();
    info.impl = "test";
    info.output_bytes = 100;
    program.infos.push_back(info);
    Dispatch dispatch{};
    dispatch.chosen = "test";
    dispatch.source = std::to_string(program.dispatches.size());
    program.dispatches.push_back(dispatch);
    program.memory.activations += 100;
  }
};

TEST(MergeSteps, KnowsTheOnlyReader) {
  Chain chain;
  chain.add({Place::Kind::Input, 0, nullptr}, arena(0));
  chain.add(arena(0), arena(64));
  chain.add(arena(64), arena(0));
  chain.add(arena(0), arena(128));
  EXPECT_TRUE(only_next_reads(chain.program, 0)) << "the later reader reads what is there by then";
  EXPECT_TRUE(only_next_reads(chain.program, 1));
  EXPECT_FALSE(only_next_reads(chain.program, 3)) << "nobody reads it";
}

TEST(MergeSteps, SeesASecondReader) {
  Chain chain;
  chain.add({Place::Kind::Input, 0, nullptr}, arena(0));
  chain.add(arena(0), arena(64));
  chain.add(arena(0), arena(128));
  EXPECT_FALSE(only_next_reads(chain.program, 0));
}

TEST(MergeSteps, SeesAnOutputOfTheGraph) {
  Chain chain;
  chain.add({Place::Kind::Input, 0, nullptr}, arena(0));
  chain.add(arena(0), arena(64));
  EXPECT_TRUE(only_next_reads(chain.program, 0));
  chain.program.copies.push_back({arena(0), 0, 100});
  EXPECT_FALSE(only_next_reads(chain.program, 0));
}

TEST(MergeSteps, ErasesAStepAndWhatItHeld) {
  Chain chain;
  chain.add({Place::Kind::Input, 0, nullptr}, arena(0));
  chain.add(arena(0), arena(64));
  chain.add(arena(64), arena(0));
  chain.program.dispatches.insert(chain.program.dispatches.begin(), Dispatch{});  // its body ran
  chain.program.buffers = {
      {0, 100, 0, 1, "a", false}, {64, 100, 1, 2, "b", false}, {0, 8, 2, 2, "c", true}};
  erase_step(chain.program, 0);
  ASSERT_EQ(chain.program.sequence.size(), 2u);
  EXPECT_EQ(chain.program.infos[0].node, 1u);
  EXPECT_EQ(chain.program.memory.activations, 200u);
  ASSERT_EQ(chain.program.buffers.size(), 2u);
  EXPECT_EQ(chain.program.buffers[0].source, "b");
  EXPECT_EQ(chain.program.buffers[0].first_step, 0u);
  EXPECT_EQ(chain.program.buffers[0].last_step, 1u);
  EXPECT_EQ(chain.program.buffers[1].first_step, 1u);
  ASSERT_EQ(chain.program.dispatches.size(), 3u);
  EXPECT_EQ(chain.program.dispatches[1].source, "1") << "the step's own dispatch goes, no other";
}

struct LeavingKernel final : Kernel, LeavesRowSums {
  explicit LeavingKernel(int row_parts) : parts(row_parts) {}
  void run(const KernelArgs&) const override {}
  int row_parts() const override { return parts; }
  void leave_row_sums() override { leaves = true; }
  int parts;
  bool leaves = false;
};
struct ReadingKernel final : Kernel, ReadsRowSums {
  void run(const KernelArgs&) const override {}
  void read_row_sums(int row_parts) override { parts = row_parts; }
  int parts = 0;
};

/// A kernel that can leave sums of rows, then one that reads what is at `read`; the parts that it
/// was told of.
int parts_read(int parts_left, const Place& read) {
  Chain chain;
  chain.add({Place::Kind::Input, 0, nullptr}, arena(0));
  chain.add(read, arena(64));
  auto leaving = std::make_unique<LeavingKernel>(parts_left);
  auto reading = std::make_unique<ReadingKernel>();
  const LeavingKernel& first = *leaving;
  const ReadingKernel& second = *reading;
  chain.program.sequence[0].kernel = std::move(leaving);
  chain.program.sequence[1].kernel = std::move(reading);
  merge_steps(chain.program);
  EXPECT_EQ(first.leaves, second.parts > 0);
  return second.parts;
}

TEST(MergeSteps, ANormReadsTheSumsOfTheStepBefore) {
  EXPECT_EQ(parts_read(5, arena(0)), 5);
  EXPECT_EQ(parts_read(0, arena(0)), 0) << "there are none";
  EXPECT_EQ(parts_read(5, arena(128)), 0) << "they are of another value";
}

}  // namespace
}  // namespace vitro::cuda
