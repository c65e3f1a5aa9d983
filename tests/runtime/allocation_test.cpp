#include <gtest/gtest.h>

#include "backends/count_allocations.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

TEST(SessionAllocation, RunsAreFreeOfItAfterTheFirstOfAShape) {
  const Session session(test::small_plan(), {"cpu", 2});
  const Dims shapes[] = {{1, 3, 8, 8}, {2, 3, 16, 8}};
  const Tensor images = test::random_images(shapes[1]);
  std::vector<float> logits(10);
  for (const Dims& dims : shapes) session.run(images.data.data(), dims, logits.data());
  const size_t before = num_allocations();
  for (int i = 0; i < 10; ++i)
    for (const Dims& dims : shapes) session.run(images.data.data(), dims, logits.data());
  EXPECT_EQ(num_allocations() - before, 0u);
  const auto counted = std::make_unique<int>(1);
  EXPECT_GT(num_allocations(), before) << "the counter does not count" << *counted;
}

}  // namespace
}  // namespace vitro
