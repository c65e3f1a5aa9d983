#include <algorithm>

#include "backends/cuda/cuda_session.h"
#include "backends/cuda/device_state.h"
#include "runtime/device_timing.h"
#include "runtime/profile.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

TEST(CudaDeviceState, SaysWhatHoldsTheClockDown) {
  EXPECT_EQ(cuda::throttle_text(0), "");
  EXPECT_EQ(cuda::throttle_text(0x1), "") << "an idle GPU is not throttled";
  EXPECT_EQ(cuda::throttle_text(0x4 | 0x40), "power cap, heat");
}

class CudaTiming : public CudaSession {};

TEST_F(CudaTiming, SplitsARunByTheClockOfTheGpu) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({4, 3, 64, 64}), logits({4, 5});
  const auto timing = time_on_device(session, images.view(), logits.view());
  ASSERT_TRUE(timing);
  for (const double ms : {timing->enqueue.median, timing->upload.median, timing->compute.median,
                          timing->download.median, timing->back_to_back, timing->cold}) {
    EXPECT_GT(ms, 0);
    EXPECT_LT(ms, 100);
  }
  ASSERT_TRUE(timing->state);
  EXPECT_FALSE(timing->state->name.empty());
  EXPECT_TRUE(timing->state->clock_mhz || !timing->state->missing.empty());
  EXPECT_FALSE(
      time_on_device(Session(test::small_plan(), {"cpu", 1}), images.view(), logits.view()));
}

TEST_F(CudaTiming, ProfilesByTheClockOfTheGpu) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const std::vector<Tensor> images{test::random_images({4, 3, 64, 64})};
  const Tensor before = session.run(images[0]);
  const Profile result = profile(session, images, {5, {}});
  EXPECT_TRUE(result.on_device);
  EXPECT_EQ(result.runs, 5);
  double sections = 0;
  for (const SectionProfile& section : result.sections) {
    EXPECT_GE(section.time.ms, 0);
    EXPECT_EQ(section.time.waiting_ms, 0);
    sections += section.time.ms;
  }
  EXPECT_GT(sections, 0);
  EXPECT_NEAR(sections + result.between_ms, result.ms, 1e-9);
  EXPECT_EQ(result.trace.steps.size(), result.program->steps().size());
  ASSERT_EQ(result.trace.marks.size(), 1u) << "the device";
  const Tensor after = session.run(images[0]);
  EXPECT_TRUE(std::ranges::equal(before.as<float>(), after.as<float>()));
  EXPECT_FALSE(profile(Session(test::small_plan(), {"cpu", 1}), images, {1, {}}).on_device);
}

}  // namespace
}  // namespace vitro
