#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/profile/advice.h"
#include "cli/profile/exports.h"
#include "cli/profile/table.h"

namespace vitro::cli {
namespace {

/// Steps to report on; never runs.
class FakeProgram final : public Executable {
 public:
  explicit FakeProgram(std::vector<StepInfo> steps) : steps_(std::move(steps)) {}
  std::span<const TensorType> inputs() const override { return {}; }
  std::span<const TensorType> outputs() const override { return {}; }
  const MemoryUse& memory() const override { return memory_; }
  int threads() const override { return 2; }
  std::unique_ptr<Context> on(Lane&) const override { return nullptr; }
  std::span<const StepInfo> steps() const override { return steps_; }
  std::span<const ArenaBuffer> arena_buffers() const override { return {}; }
  std::span<const Dispatch> dispatch() const override { return {}; }

 private:
  std::vector<StepInfo> steps_;
  MemoryUse memory_;
};

/// A step of one section and how long it took.
struct Measured {
  std::string source;
  std::string_view op;
  const char* impl;
  double flops;
  size_t weight_bytes, other_bytes;
  SectionTime time;
};

/// At 100 GFLOP/s and 10 GB/s.
ProfileReport make_report(const std::vector<Measured>& measured) {
  ProfileReport report{.model = "m",
                       .architecture = "a",
                       .backend = "cpu",
                       .isa = "avx2",
                       .precision = "fp32",
                       .dims = {1, 3, 8, 8},
                       .threads = 2,
                       .peaks = {2, 100e9, 100e9, 0, 10e9, 1000},
                       .profile = {},
                       .busy_elsewhere = {}};
  std::vector<StepInfo> steps;
  for (const Measured& m : measured) {
    const bool layout = m.op == "transpose";
    StepInfo step{};
    step.source = m.source;
    step.op = m.op.data();
    step.impl = m.impl;
    step.output = {DType::Float32, {1, 196, 320}};
    step.weight_bytes = m.weight_bytes;
    step.sections.push_back(
        {m.source, step.op, "", m.flops, m.weight_bytes + m.other_bytes, m.op == "linear", layout});
    steps.push_back(std::move(step));
    report.profile.sections.push_back({steps.size() - 1, 0, m.time, m.time.ms});
    report.profile.ms += m.time.ms;
  }
  report.profile.program = std::make_shared<FakeProgram>(std::move(steps));
  report.profile.median_ms = report.profile.min_ms = report.profile.ms;
  return report;
}

/// The advice on a run of that one step.
Advice advice_on(const Measured& measured) {
  const auto list = profile_advice(make_report({measured}));
  return list.empty() ? Advice{} : list.front();
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

TEST(ProfileAdvice, NamesTheCause) {
  const double gflop = 1e9;
  // 10 ms at best.
  const auto linear = [&](SectionTime time) {
    return Measured{"head", "linear", "cpu:linear_panel16", gflop, 1000, 1000, time};
  };
  const Advice slow = advice_on(linear({20, 0}));
  EXPECT_EQ(slow.title, "linear in head");
  EXPECT_NEAR(slow.gain_ms, 10, 1e-9);
  expect_part(slow.evidence, "50 % of the peak");
  expect_part(slow.next, "it is the kernel");
  expect_part(advice_on(linear({20, 8})).next, "Mostly waiting");
  expect_part(advice_on(linear({20, 8})).evidence, "threads wait 40 %");
  EXPECT_TRUE(advice_on(linear({10.01, 0})).title.empty()) << "nothing to gain";

  expect_part(advice_on({"head", "linear", "cpu:linear_panel16", 0, 50'000'000, 0, {20, 0}}).next,
              "50.0 MB of weights");
  // 5 ms at the bandwidth.
  expect_part(advice_on({"n", "layer_norm", "cpu:x", 0, 0, 50'000'000, {8, 0}}).next, "fusing");
  expect_part(advice_on({"n", "layer_norm", "cpu:x", 0, 0, 50'000'000, {20, 0}}).next,
              "Neither memory nor arithmetic");
  expect_part(advice_on({"images", "transpose", "cpu:x", 0, 0, 1000, {20, 0}}).next,
              "only moves data");
  const Advice copy = advice_on({"blocks1.0.n", "copy", "copy:to_host", 0, 0, 1000, {20, 15}});
  EXPECT_EQ(copy.title, "copy in blocks1");
  expect_part(copy.next, "which op was refused");
  expect_part(advice_on({"n", "softmax", "reference:softmax", 0, 0, 1, {20, 0}}).next, "--why");
}

TEST(ProfileRows, ProductsHaveAPeakOfTheirOwn) {
  ProfileReport report = make_report(
      {{"a", "linear", "cpu:x", 1e9, 1, 1, {10, 0}}, {"b", "gelu", "cpu:x", 1e9, 1, 1, {20, 0}}});
  report.peaks.product_flops_per_s = 400e9;
  const auto rows = profile_rows(report, ProfileGroup::Module);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_DOUBLE_EQ(rows[0].compute_ms, 2.5);
  EXPECT_DOUBLE_EQ(rows[1].compute_ms, 10);
  EXPECT_DOUBLE_EQ(profile_total(report).compute_ms, 12.5);
}

TEST(ProfileAdvice, ComparesStages) {
  const auto list =
      profile_advice(make_report({{"blocks1.0", "linear", "cpu:x", 1e9, 1, 1, {12, 0}},
                                  {"blocks2.0", "linear", "cpu:x", 1e9, 1, 1, {40, 0}},
                                  {"blocks2.1", "linear", "cpu:x", 1e9, 1, 1, {40, 0}}}));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].title, "linear in blocks2");
  expect_part(list[0].evidence, "2 places");
  expect_part(list[0].next, "reaches 83 % in blocks1");
  expect_part(list[0].next, "--batch 8");
}

/// Eight transformer blocks as one step of a device of 4 us, of which a positional convolution has
/// 0.05 us, and a head of 0.4 us.
ProfileReport merged_report() {
  ProfileReport report = make_report({{"head", "linear", "cuda:linear", 1e3, 10, 10, {4e-4, 0}}});
  StepInfo merged{};
  merged.source = "blocks3.7.mlp";
  merged.op = "mlp";
  merged.impl = "cuda:transformer_blocks";
  merged.output = {DType::Float32, {1, 196, 320}};
  for (int i = 0; i < 8; ++i) {
    const std::string block = fmt::format("blocks3.{}", i);
    merged.sections.push_back(
        {block + ".pos_embed", "depthwise_conv2d", "", 1e3, 10, false, false});
    merged.sections.push_back(
        {block + ".attn.qkv", "attention_block", "qkv", 2e3, 10, true, false});
    merged.sections.push_back({block + ".mlp.fc1", "mlp", "fc1", 3e3, 10, true, false});
  }
  std::vector<StepInfo> steps{merged, report.profile.program->steps()[0]};
  report.profile.program = std::make_shared<FakeProgram>(std::move(steps));
  report.profile.sections[0].step = 1;
  std::vector<SectionProfile> sections;
  for (size_t i = 0; i < merged.sections.size(); ++i) {
    const double ms = i % 3 == 0 ? 5e-5 : i % 3 == 1 ? 1e-4 : 3.5e-4;
    sections.push_back({0, i, {ms, 0}, ms});
    report.profile.ms += ms;
  }
  report.profile.sections.insert(report.profile.sections.begin(), sections.begin(), sections.end());
  report.profile.on_device = true;
  report.profile.median_ms = report.profile.min_ms = report.profile.ms;
  return report;
}

TEST(ProfileAdvice, AStepOfManyOpsIsOneEntry) {
  const auto list = profile_advice(merged_report());
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].title, "blocks3.0 to blocks3.7");
  EXPECT_EQ(list[0].evidence,
            "0.00400 ms in one step of depthwise_conv2d + attention_block + mlp (90.9 % of the "
            "run), 12 % of the peak");
  expect_part(list[0].next, "196 rows of 320 channels: --batch 8 gives it more rows");
  EXPECT_EQ(list[1].title, "linear in head");
  expect_part(list[1].evidence, "0.000400 ms in 1 place (9.1 % of the run)");
}

TEST(ProfileAdvice, NamesAFewPlacesAndCountsTheOthers) {
  std::vector<Measured> measured;
  for (int i = 0; i < 9; ++i)
    measured.push_back(
        {fmt::format("blocks2.{}.mlp", i), "mlp", "cpu:mlp", 1e4, 1, 1, {0.00123, 0}});
  const Advice advice = profile_advice(make_report(measured)).at(0);
  EXPECT_EQ(advice.title, "mlp in blocks2");
  expect_part(advice.evidence,
              "0.0111 ms in 9 places: blocks2.0.mlp, blocks2.1.mlp, blocks2.2.mlp and 6 more (");
}

TEST(ProfileAdvice, SectionsThatHaveNoClockOfTheirOwnAreNotListed) {
  ProfileReport report = merged_report();
  std::vector<StepInfo> steps(report.profile.program->steps().begin(),
                              report.profile.program->steps().end());
  steps[0].sections = {{"blocks3.7.mlp.fc1", "mlp", "fc1", 1e3, 10, true, false},
                       {"blocks3.7.mlp.fc2", "mlp", "fc2", 1e3, 10, true, false}};
  report.profile.program = std::make_shared<FakeProgram>(steps);
  report.profile.sections.erase(report.profile.sections.begin() + 2,
                                report.profile.sections.end() - 1);
  EXPECT_EQ(profile_advice(report).at(0).evidence.find("fc1"), std::string::npos);
  report.profile.on_device = false;
  const auto list = profile_advice(report);
  const auto of_mlp = std::find_if(list.begin(), list.end(), [](const Advice& advice) {
    return advice.title == "mlp in blocks3";
  });
  ASSERT_NE(of_mlp, list.end());
  expect_part(of_mlp->evidence, "(fc1 0.0000500 ms at 20 % of peak; fc2 0.000100 ms at 10 %");
}

TEST(ProfileRows, AStepOfManyOpsIsOneRow) {
  const ProfileReport report = merged_report();
  for (const auto& [group, name] :
       {std::pair(ProfileGroup::Module, "blocks3.0 to blocks3.7"),
        std::pair(ProfileGroup::Op, "depthwise_conv2d + attention_block + mlp"),
        std::pair(ProfileGroup::Impl, "cuda:transformer_blocks"),
        std::pair(ProfileGroup::Block, "blocks3.0 to blocks3.7")}) {
    const auto rows = profile_rows(report, group);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].name, name);
    EXPECT_NEAR(rows[0].ms, 4e-3, 1e-12);
  }
  const std::string table = profile_table(report, ProfileGroup::Module, 0);
  expect_part(table, "0.00400");
  expect_part(table, "0.000400");
  const std::string html = html_report(report);
  expect_part(html, R"("module":"blocks3.0 to blocks3.7")");
  const Json json = profile_json(report, ProfileGroup::Op);
  EXPECT_EQ(json["sections"][1]["op"], "attention_block.qkv");
}

TEST(ProfileRows, APathThatIsEmptyGivesWayToTheOp) {
  const ProfileReport report = make_report({{"", "linear", "cpu:x", 1e9, 1, 1, {40, 0}}});
  EXPECT_EQ(profile_rows(report, ProfileGroup::Module).at(0).name, "linear");
  EXPECT_EQ(profile_rows(report, ProfileGroup::Block).at(0).name, "linear");
  EXPECT_EQ(profile_advice(report).at(0).title, "linear");
}

TEST(ProfileRows, BlocksAndStages) {
  EXPECT_EQ(block_of("blocks3.4.attn.qkv"), "blocks3.4");
  EXPECT_EQ(block_of("patch_embed1.proj"), "patch_embed1");
  EXPECT_EQ(block_of("a.b.7"), "a.b.7");
  EXPECT_EQ(block_of("head"), "head");
  EXPECT_EQ(block_of(""), "");
  EXPECT_EQ(block_of("a..b."), "a");
  EXPECT_EQ(stage_of("blocks3.4.attn"), "blocks3");
}

TEST(ProfileRows, GroupsKeepEverything) {
  const ProfileReport report = make_report({{"b.0.x", "linear", "cpu:l", 3e9, 1, 1, {2, 1}},
                                            {"b.0.y", "gelu", "cpu:g", 1e9, 1, 2, {3, 0}},
                                            {"b.1.x", "linear", "cpu:l", 5e9, 1, 3, {4, 1}}});
  for (const auto& [group, names] :
       {std::pair(ProfileGroup::Module, std::vector<std::string>{"b.0.x", "b.0.y", "b.1.x"}),
        std::pair(ProfileGroup::Op, std::vector<std::string>{"linear", "gelu"}),
        std::pair(ProfileGroup::Impl, std::vector<std::string>{"cpu:l", "cpu:g"}),
        std::pair(ProfileGroup::Block, std::vector<std::string>{"b.0", "b.1"})}) {
    ProfileRow sum;
    std::vector<std::string> found;
    for (const ProfileRow& row : profile_rows(report, group)) {
      found.push_back(row.name);
      sum.ms += row.ms;
      sum.flops += row.flops;
      sum.bytes += row.bytes;
      sum.waiting_ms += row.waiting_ms;
    }
    EXPECT_EQ(found, names);
    EXPECT_DOUBLE_EQ(sum.ms, 9);
    EXPECT_DOUBLE_EQ(sum.waiting_ms, 2);
    EXPECT_DOUBLE_EQ(sum.flops, 9e9);
    EXPECT_DOUBLE_EQ(sum.bytes, 9);
  }
}

TEST(ProfileNotes, ABusyMachineIsSaid) {
  ProfileReport report = make_report({{"x", "gelu", "cpu:g", 1e9, 1, 2, {3, 0}}});
  report.threads = 1;
  EXPECT_TRUE(profile_notes(report).empty());
  report.busy_elsewhere = 0.05;
  EXPECT_TRUE(profile_notes(report).empty());
  report.busy_elsewhere = 0.4;
  ASSERT_EQ(profile_notes(report).size(), 1u);
  expect_part(profile_notes(report)[0], "others used 40 % of the cores");
}

TEST(ProfileNotes, MoreThreadsThanCoresAreSaid) {
  ProfileReport report = make_report({{"x", "gelu", "cpu:g", 1e9, 1, 2, {3, 0}}});
  report.threads = 100'000;
  ASSERT_EQ(profile_notes(report).size(), 1u);
  expect_part(profile_notes(report)[0], "100000 threads take turns");
}

}  // namespace
}  // namespace vitro::cli
