#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/bench/report.h"

namespace vitro::cli {
namespace {

BenchRow measured_row() {
  BenchRow row;
  row.asked = {"a,\"b\".plan", "auto", "fp32", "", 2, 8, std::nullopt};
  row.precision = "fp32";
  row.weights = "fp32";
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
  auto json = nlohmann::json::parse(bench_text(rows, kMachine, BenchFormat::JsonText));
  EXPECT_EQ(json[1]["ratio"], 1.25);
  EXPECT_EQ(json[1]["ratio_high"], 1.3);
  EXPECT_TRUE(json[0]["ratio"].is_null());
  std::string table = bench_text(rows, kMachine, BenchFormat::Table);
  std::replace(table.begin(), table.end(), '\n', ' ');  // long lines are broken
  EXPECT_NE(table.find("1.250 times as fast as the first (95 % interval 1.200 to 1.300"),
            std::string::npos);

  rows[1].ratio->noisy = "others used 50 % of the cores";
  for (BenchFormat format : {BenchFormat::Table, BenchFormat::Markdown, BenchFormat::Csv}) {
    const std::string text = bench_text(rows, kMachine, format);
    EXPECT_EQ(text.find("1.25"), std::string::npos) << text;
    EXPECT_NE(text.find("others used 50 %"), std::string::npos) << text;
  }
}

TEST(CliBenchReport, AFallbackIsCounted) {
  std::vector<BenchRow> rows{measured_row(), measured_row()};
  rows[1].fallback = FallbackUse{.asked = "reference", .backend = "cpu", .unavailable = ""};
  rows[1].fallback->refused.resize(2);
  rows[1].fallback->copies = {{"a", {DType::Float32, {2, 3}}, 24, true},
                              {"b", {DType::Int64, {2}}, 16, false}};
  const auto json = nlohmann::json::parse(bench_text(rows, kMachine, BenchFormat::JsonText));
  EXPECT_TRUE(json[0]["fallback"].is_null() && json[0]["fallback_bytes"].is_null());
  EXPECT_EQ(json[1]["fallback"], "cpu");
  EXPECT_EQ(json[1]["fallback_ops"], 2);
  EXPECT_EQ(json[1]["fallback_copies"], 2);
  EXPECT_EQ(json[1]["fallback_bytes"], 40);
  const std::string table = bench_text(rows, kMachine, BenchFormat::Table);
  EXPECT_NE(table.find("reference + cpu"), std::string::npos) << table;
}

TEST(CliBenchReport, PercentilesHaveTheNumberOfRunsBesideThem) {
  const std::string table = bench_text({measured_row()}, kMachine, BenchFormat::Table);
  EXPECT_NE(table.find("min ms  runs  images/s"), std::string::npos) << table;
  EXPECT_NE(table.find("9.00   100     800.0"), std::string::npos) << table;
}

TEST(CliBenchReport, CsvQuotesWhatNeedsIt) {
  const std::string csv = bench_text({measured_row()}, kMachine, BenchFormat::Csv);
  EXPECT_NE(csv.find("\n\"a,\"\"b\"\".plan\",reference,fp32,8,8x3x224x224,2,2,1,4,10.0,"),
            std::string::npos)
      << csv;
}

TEST(CliBenchReport, ADeviceHasATableOfItsOwnAndKeysThatAreNullWithoutOne) {
  std::vector<BenchRow> rows{measured_row(), measured_row()};
  DeviceTiming& timing = rows[1].device.emplace();
  timing.enqueue.median = 0.003;
  timing.upload.median = 1.5;
  timing.compute.median = 4.5;
  timing.download.median = 0.02;
  timing.back_to_back = 4.25;
  timing.cold = 4.75;
  timing.state = {.name = "Some GPU",
                  .driver = "580.1",
                  .clock_mhz = 1980,
                  .max_clock_mhz = 2000,
                  .memory_clock_mhz = std::nullopt,
                  .temperature_c = 45,
                  .power_w = 350.4,
                  .throttled = "",
                  .missing = ""};
  const auto json = nlohmann::json::parse(bench_text(rows, kMachine, BenchFormat::JsonText));
  for (const char* key : {"enqueue_ms", "h2d_ms", "compute_ms", "d2h_ms", "replay_ms", "cold_ms",
                          "gpu", "driver", "clock_mhz", "power_w", "throttled"}) {
    EXPECT_TRUE(json[0].at(key).is_null()) << key;
    EXPECT_FALSE(json[1].at(key).is_null()) << key;
  }
  EXPECT_EQ(json[1]["h2d_ms"], 1.5);
  EXPECT_EQ(json[1]["replay_ms"], 4.25);
  EXPECT_TRUE(json[1]["memory_clock_mhz"].is_null());
  for (BenchFormat format : {BenchFormat::Table, BenchFormat::Markdown}) {
    const std::string text = bench_text(rows, kMachine, format);
    EXPECT_NE(text.find("L2 flushed ms"), std::string::npos) << text;
    EXPECT_NE(text.find("Some GPU, driver 580.1, 1980 of 2000 MHz, 350 W, 45 C, not throttled"),
              std::string::npos)
        << text;
  }
  EXPECT_EQ(bench_text({measured_row()}, kMachine, BenchFormat::Table).find("flushed"),
            std::string::npos);
  timing.state->missing = "no library";
  EXPECT_NE(bench_text(rows, kMachine, BenchFormat::Table)
                .find("Some GPU; driver and clocks unknown: no library"),
            std::string::npos);
  EXPECT_NE(bench_text(rows, kMachine, BenchFormat::Trtexec).find("median = 4.5 ms"),
            std::string::npos);
}

TEST(CliBenchReport, PartsOfABatchAreAColumnWhenThereAreAny) {
  std::vector<BenchRow> rows{measured_row()};
  EXPECT_NE(bench_text(rows, kMachine, BenchFormat::Table).find("images/run"), std::string::npos);
  rows[0].setup.batch = 8;
  EXPECT_EQ(bench_text(rows, kMachine, BenchFormat::Table).find("images/run"), std::string::npos);
}

}  // namespace
}  // namespace vitro::cli
