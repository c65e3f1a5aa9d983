#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/prediction.h"
#include "cli/progress.h"
#include "cli/statistics.h"
#include "cli/table.h"
#include "cli/usage.h"

namespace vitro::cli {
namespace {

TEST(CliStatistics, PercentilesInterpolateAsNumpy) {
  const Summary summary = summarize({5, 1, 4, 2, 3});
  EXPECT_DOUBLE_EQ(summary.median, 3);
  EXPECT_DOUBLE_EQ(summary.p90, 4.6);
  EXPECT_DOUBLE_EQ(summary.p99, 4.96);
  EXPECT_DOUBLE_EQ(summary.min, 1);
  EXPECT_DOUBLE_EQ(summary.mean, 3);
  EXPECT_DOUBLE_EQ(summary.stddev, std::sqrt(2.5));
}

TEST(CliStatistics, OneMeasurementHasNoSpread) {
  const Summary summary = summarize({7});
  EXPECT_DOUBLE_EQ(summary.p99, 7);
  EXPECT_DOUBLE_EQ(summary.stddev, 0);
}

// The expected digits are those of statsmodels' proportion_confint(..., method="wilson").
TEST(CliStatistics, WilsonInterval) {
  const Interval middle = wilson_interval(142, 200);
  EXPECT_EQ(fmt::format("{:.4f} {:.4f}", middle.low, middle.high), "0.6436 0.7685");
  const Interval none = wilson_interval(0, 10);
  EXPECT_EQ(fmt::format("{:.4f} {:.4f}", none.low, none.high), "0.0000 0.2775");
  const Interval all = wilson_interval(10, 10);
  EXPECT_EQ(fmt::format("{:.4f} {:.4f}", all.low, all.high), "0.7225 1.0000");
  EXPECT_DOUBLE_EQ(wilson_interval(0, 0).high, 1);
}

TEST(CliOptions, SizesAreSquareOrHeightByWidth) {
  EXPECT_EQ(parse_size("224")->width, 224);
  EXPECT_EQ(parse_size("288x352")->height, 288);
  EXPECT_EQ(parse_size("288x352")->width, 352);
  for (const char* bad : {"", "0", "-1", "x", "224x", "x224", "224x224x3", "65537", "2.5", "1e3",
                          "99999999999999999999"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(CliUsage, NearestAllowsTwoEdits) {
  const std::vector<std::string> known{"bench", "build"};
  EXPECT_EQ(nearest("benhc", known), "bench");
  EXPECT_EQ(nearest("biuld", known), "build");
  EXPECT_EQ(nearest("classify", known), "");
  EXPECT_EQ(nearest("bench", {}), "");
}

TEST(CliPrediction, OneNanIsNotFinite) {
  EXPECT_TRUE(all_finite(std::vector<float>{1, -2}));
  EXPECT_FALSE(all_finite(std::vector<float>{1, NAN}));
  EXPECT_FALSE(all_finite(std::vector<float>{INFINITY, 1}));
}

TEST(CliPrediction, SoftmaxIsStable) {
  const std::vector<float> logits{1000, 1000, -1000};
  const std::vector<double> probabilities = softmax(logits);
  EXPECT_DOUBLE_EQ(probabilities[0], 0.5);
  EXPECT_DOUBLE_EQ(probabilities[2], 0);
}

TEST(CliPrediction, TopIndicesBreakTiesByIndexAndPutNanLast) {
  const std::vector<float> values{NAN, 2, 5, 2, -1};
  EXPECT_EQ(top_indices(values, 4), (std::vector<int64_t>{2, 1, 3, 4}));
  EXPECT_EQ(top_indices(values, 99).size(), 5u);
  EXPECT_EQ(top_indices(values, 5).back(), 0);
}

TEST(CliPrediction, LabelsFallBackToIdsAndNumbers) {
  PlanInfo info;
  info.label_ids = {"n01"};
  info.labels = {""};
  EXPECT_EQ(class_label(info, 0), "n01");
  EXPECT_EQ(class_label(info, 7), "class 7");
  info.labels = {"goldfish"};
  EXPECT_EQ(class_label(info, 0), "goldfish");
}

TEST(CliProgress, ShownOnlyForJobsOverTwoSeconds) {
  EXPECT_FALSE(progress_is_due(5, 10, 0.5));    // one second in all
  EXPECT_TRUE(progress_is_due(1, 10, 0.5));     // five
  EXPECT_FALSE(progress_is_due(1, 1000, 0.1));  // too early to know
  EXPECT_FALSE(progress_is_due(0, 10, 5));
}

TEST(CliProgress, TextHasRateAndTimeLeft) {
  EXPECT_EQ(progress_text("eval", "images", 120, 2000, 10),
            "eval 120/2000 (6 %), 12.0 images/s, 2:37 left");
}

TEST(CliTable, NumbersAreAlignedRight) {
  Table table({"name", "ms"});
  table.add_row({"stem", "1.5"});
  table.add_row({"é", "12.25"});
  EXPECT_EQ(table.text(), "name     ms\nstem    1.5\né     12.25\n");
}

TEST(CliTable, FieldsIndentFurtherLines) {
  EXPECT_EQ(fields_text({{"a", "1"}, {"bcd", "2\n3"}}), "a    1\nbcd  2\n     3\n");
}

TEST(CliOutput, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\x07"), "a?[31mb?");
  EXPECT_EQ(printable("é\n"), "é\n");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31m\xc2\xa0"),
            "a?31m\xc2\xa0")
      << "U+009B is ESC [, U+00A0 is a space";
  EXPECT_EQ(printable_line("cat\nerror: fake\t\x1b"), "cat?error: fake??");
}

TEST(CliOutput, BytesInDecimalUnits) {
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(42306352), "42.3 MB");
}

}  // namespace
}  // namespace vitro::cli
