#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/bench_report.h"
#include "cli/measure.h"
#include "cli/throughput.h"

namespace vitro::cli {
namespace {

Progress silent() { return {"test", "runs", 1, true}; }

TEST(CliMeasure, CountsTheRunsOfAllStreams) {
  for (int streams : {1, 3}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(streams));
    Progress progress = silent();
    const Measurement result = measure(
        streams, [&](int stream) { ++calls[static_cast<size_t>(stream)]; },
        {.warmup = 2, .iterations = 12, .duration = 0}, progress);
    EXPECT_EQ(result.runs.size(), 12u);
    int total = 0;
    for (const auto& count : calls) total += count;
    EXPECT_EQ(total, 12 + 2 * streams);
    for (const RunSpan& run : result.runs) EXPECT_LE(run.begin, run.end);
    EXPECT_TRUE(std::is_sorted(result.runs.begin(), result.runs.end(),
                               [](auto& a, auto& b) { return a.begin < b.begin; }));
    EXPECT_GT(result.seconds, 0);
  }
}

TEST(CliMeasure, AnExceptionOfOneStreamEndsAll) {
  for (const int when : {0, 5}) {  // while warming up, while timed
    std::atomic<int> calls{0};
    Progress progress = silent();
    const auto run = [&](int stream) {
      if (calls++ >= when && stream == 1) throw std::runtime_error("stream 1");
    };
    EXPECT_THROW(measure(2, run, {.warmup = 1, .iterations = 1, .duration = 60}, progress),
                 std::runtime_error);
  }
}

TEST(CliThroughput, SetupsShareTheThreadsEqually) {
  const std::vector<StreamSetup> expected{{1, 4, 8}, {1, 4, 1}, {2, 2, 8}, {2, 2, 4},
                                          {2, 2, 1}, {4, 1, 8}, {4, 1, 2}, {4, 1, 1}};
  EXPECT_EQ(throughput_setups(4, 8), expected);
  EXPECT_EQ(throughput_setups(3, 1), (std::vector<StreamSetup>{{1, 3, 1}, {3, 1, 1}}));
  EXPECT_EQ(throughput_setups(1, 1).size(), 1u);
}

TEST(CliThroughput, OneSlowTrialDecidesNothing) {
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

BenchRow measured_row() {
  BenchRow row;
  row.asked = {"a,\"b\".plan", "auto", "fp32", 2, 8, std::nullopt};
  row.precision = "fp32";
  row.backend = "reference";
  row.shape = {8, 3, 224, 224};
  row.setup = {2, 1, 4};
  row.ms = {.median = 10, .p90 = 11, .p95 = 12, .p99 = 13, .min = 9, .max = 14, .mean = 10.5};
  row.images_per_s = 800;
  row.iterations = 100;
  row.busy_elsewhere = 0.03;
  return row;
}

const BenchMachine kMachine{"Some CPU", 2, "0.1.0", "GNU 12", 0.5};

TEST(CliBenchReport, RatiosAreShownOnlyOfAQuietMachine) {
  std::vector<BenchRow> rows{measured_row(), measured_row()};
  rows[1].ratio = BenchRatio{1.25, {1.2, 1.3}, ""};
  auto json = nlohmann::json::parse(bench_text(rows, kMachine, BenchFormat::Json));
  EXPECT_EQ(json[1]["ratio"], 1.25);
  EXPECT_EQ(json[1]["ratio_high"], 1.3);
  EXPECT_TRUE(json[0]["ratio"].is_null());
  EXPECT_NE(bench_text(rows, kMachine, BenchFormat::Table)
                .find("1.250 times as fast as the first (95 % interval 1.200 to 1.300"),
            std::string::npos);

  rows[1].ratio->noisy = "others used 50 % of the cores";
  for (BenchFormat format : {BenchFormat::Table, BenchFormat::Markdown, BenchFormat::Csv}) {
    const std::string text = bench_text(rows, kMachine, format);
    EXPECT_EQ(text.find("1.25"), std::string::npos) << text;
    EXPECT_NE(text.find("others used 50 %"), std::string::npos) << text;
  }
}

TEST(CliBenchReport, CsvQuotesWhatNeedsIt) {
  const std::string csv = bench_text({measured_row()}, kMachine, BenchFormat::Csv);
  EXPECT_NE(csv.find("\n\"a,\"\"b\"\".plan\",reference,fp32,8,8x3x224x224,2,2,1,4,10.0,"),
            std::string::npos)
      << csv;
}

TEST(CliBenchReport, PartsOfABatchAreAColumnWhenThereAreAny) {
  std::vector<BenchRow> rows{measured_row()};
  EXPECT_NE(bench_text(rows, kMachine, BenchFormat::Table).find("images/run"), std::string::npos);
  rows[0].setup.batch = 8;
  EXPECT_EQ(bench_text(rows, kMachine, BenchFormat::Table).find("images/run"), std::string::npos);
}

}  // namespace
}  // namespace vitro::cli
