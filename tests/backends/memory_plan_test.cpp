#include "backends/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ops/random.h"

namespace vitro {
namespace {

constexpr size_t kAlignment = 64;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool live_together(const BufferLife& a, const BufferLife& b) {
  return std::max(a.first, b.first) <= std::min(a.last, b.last);
}

/// Lifetimes as they occur in graphs: mostly short, some through the whole program, some empty.
std::vector<BufferLife> random_lives(Random& random) {
  const int64_t steps = random.integer(1, 40);
  std::vector<BufferLife> lives(static_cast<size_t>(random.integer(0, 60)));
  for (BufferLife& life : lives) {
    life.first = static_cast<int>(random.integer(0, steps - 1));
    const int64_t reach = random.integer(0, 9) == 0 ? steps : 4;
    life.last = static_cast<int>(std::min(steps - 1, life.first + random.integer(0, reach)));
    life.bytes = random.integer(0, 7) == 0 ? 0 : static_cast<size_t>(random.integer(1, 5000));
  }
  return lives;
}

/// The most bytes that any step needs at once.
size_t peak_bytes(const std::vector<BufferLife>& lives) {
  size_t peak = 0;
  for (const BufferLife& at : lives) {
    size_t bytes = 0;
    for (const BufferLife& life : lives)
      if (life.first <= at.first && at.first <= life.last) bytes += aligned(life.bytes);
    peak = std::max(peak, bytes);
  }
  return peak;
}

void expect_valid(const std::vector<BufferLife>& lives) {
  const MemoryPlan plan = plan_memory(lives);
  ASSERT_EQ(plan.offsets.size(), lives.size());
  size_t total = 0;
  for (size_t i = 0; i < lives.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % kAlignment, 0u);
    EXPECT_LE(plan.offsets[i] + lives[i].bytes, plan.arena_bytes);
    total += aligned(lives[i].bytes);
    for (size_t j = 0; j < i; ++j) {
      if (!live_together(lives[i], lives[j]) || !lives[i].bytes || !lives[j].bytes) continue;
      EXPECT_TRUE(plan.offsets[i] + lives[i].bytes <= plan.offsets[j] ||
                  plan.offsets[j] + lives[j].bytes <= plan.offsets[i])
          << "buffers " << i << " and " << j << " overlap";
    }
  }
  EXPECT_LE(plan.arena_bytes, total);
  EXPECT_GE(plan.arena_bytes, peak_bytes(lives));
  const MemoryPlan again = plan_memory(lives);
  EXPECT_EQ(again.offsets, plan.offsets);
  EXPECT_EQ(again.arena_bytes, plan.arena_bytes);
}

TEST(MemoryPlan, KeepsLivingBuffersApart) {
  Random random("memory plan");
  for (int round = 0; round < 500 && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(round);
    expect_valid(random_lives(random));
  }
}

TEST(MemoryPlan, OfNothingIsEmpty) { EXPECT_EQ(plan_memory({}).arena_bytes, 0u); }

TEST(MemoryPlan, ReusesTheMemoryOfAChain) {
  // Each step reads one buffer and writes the next: two places are enough.
  std::vector<BufferLife> lives;
  for (int step = 0; step < 10; ++step) lives.push_back({4096, step, step + 1});
  EXPECT_EQ(plan_memory(lives).arena_bytes, 2u * 4096u);
}

TEST(MemoryPlan, FillsTheGapThatASmallBufferFits) {
  // The large buffers 0 and 1 meet at step 1; the small ones fit beside them, not on top.
  const std::vector<BufferLife> lives{{1000, 0, 1}, {2000, 1, 2}, {900, 2, 3}, {800, 3, 3}};
  EXPECT_EQ(plan_memory(lives).arena_bytes, aligned(2000) + aligned(1000));
}

}  // namespace
}  // namespace vitro
