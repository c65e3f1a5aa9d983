#include "measure/throughput.h"

#include <gtest/gtest.h>

namespace vitro {
namespace {

TEST(Throughput, SetupsShareTheThreadsEqually) {
  const std::vector<StreamSetup> expected{{1, 4, 8}, {1, 4, 1}, {2, 2, 8}, {2, 2, 4},
                                          {2, 2, 1}, {4, 1, 8}, {4, 1, 2}, {4, 1, 1}};
  EXPECT_EQ(throughput_setups(4, 8), expected);
  EXPECT_EQ(throughput_setups(3, 1), (std::vector<StreamSetup>{{1, 3, 1}, {3, 1, 1}}));
  EXPECT_EQ(throughput_setups(1, 1).size(), 1u);
}

TEST(Throughput, OneSlowTrialDecidesNothing) {
  const std::vector<StreamSetup> setups = throughput_setups(4, 1);
  std::vector<StreamSetup> tried;
  const StreamSetup fastest = fastest_setup(setups, [&](const StreamSetup& setup) {
    tried.push_back(setup);
    const bool disturbed = tried.size() == 3;
    return disturbed ? 1.0 : 10.0 * setup.streams;
  });
  EXPECT_EQ(fastest, (StreamSetup{4, 1, 1}));
  EXPECT_EQ(tried.size(), 6u);
  EXPECT_EQ(tried[3], setups[0]) << "in passes, not one setup twice in a row";
}

}  // namespace
}  // namespace vitro
