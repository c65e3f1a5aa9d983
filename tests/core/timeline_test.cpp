#include "core/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/temporary_directory.h"
#include "core/thread_team.h"

namespace vitro {
namespace {

int count_section(const Timeline& timeline, int section) {
  int count = 0;
  for (int thread = 0; thread < timeline.threads(); ++thread)
    for (const Timeline::Mark& mark : timeline.marks(thread)) count += mark.section == section;
  return count;
}

TEST(Timeline, RecordsLoopsAndSectionsOfEveryThread) {
  for (int size : {1, 3}) {
    ThreadTeam team(size);
    Timeline timeline(size, 1000);
    team.record(&timeline);
    timeline.begin_step(7);
    team.begin_section(4);
    team.parallel_for(50, [&](int64_t, int thread) { team.mark(thread, 5); });
    team.record(nullptr);
    team.parallel_for(50, [&](int64_t, int thread) { team.mark(thread, 6); });
    EXPECT_EQ(timeline.lost(), 0u);
    EXPECT_EQ(count_section(timeline, 5), 50) << "one for each body";
    EXPECT_EQ(count_section(timeline, 6), 0) << "recorded after it was switched off";
    EXPECT_EQ(count_section(timeline, 4), count_section(timeline, Timeline::kIdle));
    for (int thread = 0; thread < size; ++thread) {
      const auto marks = timeline.marks(thread);
      if (thread == 0) {
        ASSERT_FALSE(marks.empty());
      }
      EXPECT_TRUE(std::is_sorted(marks.begin(), marks.end(),
                                 [](const auto& a, const auto& b) { return a.ns < b.ns; }));
      for (const auto& mark : marks) EXPECT_EQ(mark.step, 7);
      if (marks.empty()) continue;  // the others did it all
      EXPECT_EQ(marks.front().section, 4);
      EXPECT_EQ(marks.back().section, Timeline::kIdle);
    }
  }
}

// A loop of one index runs on the caller alone, without waking anyone.
TEST(Timeline, RecordsALoopThatIsNotShared) {
  ThreadTeam team(2);
  Timeline timeline(2, 10);
  team.record(&timeline);
  timeline.begin_step(0);
  team.parallel_for(1, [](int64_t, int) {});
  ASSERT_EQ(timeline.marks(0).size(), 2u);
  EXPECT_EQ(timeline.marks(0)[0].section, 0);
  EXPECT_EQ(timeline.marks(0)[1].section, Timeline::kIdle);
  EXPECT_TRUE(timeline.marks(1).empty());
}

TEST(Timeline, CountsWhatFindsNoRoom) {
  Timeline timeline(2, 3);
  for (int i = 0; i < 5; ++i) timeline.mark(1, i);
  EXPECT_EQ(timeline.marks(1).size(), 3u);
  EXPECT_EQ(timeline.marks(1)[2].section, 2) << "the first ones are kept";
  EXPECT_EQ(timeline.lost(), 2u);
  EXPECT_TRUE(timeline.marks(0).empty());
  timeline.clear();
  EXPECT_EQ(timeline.lost(), 0u);
  EXPECT_TRUE(timeline.marks(1).empty());
}

TEST(Timeline, NeedsAThread) {
  test::expect_error(ErrorCode::InvalidArgument, "timeline of 0", [] { Timeline timeline(0, 1); });
}

}  // namespace
}  // namespace vitro
