#include "measure/machine_load.h"

#include <gtest/gtest.h>

namespace vitro {
namespace {

TEST(MachineLoad, CountsOnlyTheProcessorsOfTheProcess) {
  const char* const stat =
      "cpu  1 1 1 1 1 1 1 1 0 0\n"
      "cpu0 100 20 30 1000 50 5 5 40 7 7\n"
      "cpu1 900 0 0 0 0 0 0 0 0 0\n"
      "intr 12345\n"
      "cpu2 9 9 9 9 9 9 9 9\n";
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  CPU_SET(2, &cpus);
  const ProcessorTime time = processor_time(stat, cpus, 100);
  EXPECT_DOUBLE_EQ(time.busy, 2.0);
  EXPECT_DOUBLE_EQ(time.total, 12.5);
  EXPECT_DOUBLE_EQ(processor_time("", cpus, 100).total, 0);
}

}  // namespace
}  // namespace vitro
