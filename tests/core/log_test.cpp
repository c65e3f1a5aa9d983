#include "core/log.h"

#include <gtest/gtest.h>

namespace vitro {
namespace {

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { set_log_level(LogLevel::Warning); }
};

TEST_F(LogTest, PrintsUpToTheLevel) {
  testing::internal::CaptureStderr();
  log_warning("tensor '{}' has {} NaN", "a", 3);
  set_log_level(LogLevel::Error);
  log_warning("hidden");
  log_message(LogLevel::Error, "bad");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: tensor 'a' has 3 NaN\nerror: bad\n");
}

TEST_F(LogTest, PrintsTopicsThatWereAskedFor) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(log_topic("dispatch"), LogTopic::Dispatch);
  EXPECT_EQ(log_topic("frobnicate"), std::nullopt);
  log_message(LogTopic::Dispatch, "hidden");
  enable_log_topic(LogTopic::Dispatch);
  EXPECT_TRUE(log_enabled(LogTopic::Dispatch));
  EXPECT_FALSE(log_enabled(LogTopic::Passes));
  log_message(LogTopic::Dispatch, "two\nlines\n");
  log_message(LogTopic::Passes, "hidden");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "dispatch: two\ndispatch: lines\n");
}

}  // namespace
}  // namespace vitro
