#include "calibration/range_audit.h"

#include <gtest/gtest.h>

#include "calibration/small_model.h"
#include "core/temporary_directory.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::test {
namespace {

struct RangeAuditTest : testing::Test {
  TemporaryDirectory directory;

  Plan plan(float factor) const {
    write_small_model(directory / "m.onnx", factor);
    BuildOptions options;
    options.height = options.width = 32;
    return build(directory / "m.onnx", options);
  }
  static int64_t kept(const Plan& plan) {
    const auto& nodes = Internals::data(plan).graph.nodes;
    return std::count_if(nodes.begin(), nodes.end(),
                         [](const Node& node) { return node.keeps_float32; });
  }
  static bool notes(const Plan& plan, const std::string& part) {
    const auto& all = plan.info().notes;
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& note) { return note.find(part) != note.npos; });
  }
};

TEST_F(RangeAuditTest, OpsWithLargeValuesKeepFloat32AndAFileKeepsThat) {
  write_pictures(directory / "pictures", 2, 3);
  const Plan audited = *with_float32_islands(plan(3e4f), directory / "pictures", {});
  EXPECT_GT(kept(audited), 0);
  EXPECT_TRUE(notes(audited, "keep float32 where a session is in float16: "));
  EXPECT_TRUE(notes(audited, "on 6 pictures"));
  save(audited, directory / "m.plan");
  EXPECT_EQ(kept(load(directory / "m.plan")), kept(audited));

  const auto audit = *audit_ranges(audited, directory / "pictures", {});
  const auto& nodes = Internals::data(audited).graph.nodes;
  ASSERT_EQ(audit.largest.size(), nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    EXPECT_EQ(nodes[i].keeps_float32, audit.largest[i] > kLargestInFloat16) << nodes[i].source;
}

TEST_F(RangeAuditTest, SmallValuesKeepNothing) {
  write_pictures(directory / "pictures", 1, 2);
  const Plan audited = *with_float32_islands(plan(1), directory / "pictures", {});
  EXPECT_EQ(kept(audited), 0);
  EXPECT_TRUE(notes(audited, "no op has to keep float32"));
}

TEST_F(RangeAuditTest, StopsAndRefuses) {
  write_pictures(directory / "pictures", 1, 2);
  CalibrateOptions options;
  options.stop = [] { return true; };
  EXPECT_FALSE(with_float32_islands(plan(1), directory / "pictures", options));
  EXPECT_THROW(with_float32_islands(plan(1), directory / "nowhere", {}), Error);
}

}  // namespace
}  // namespace vitro::test
