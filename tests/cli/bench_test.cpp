#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "cli/subprocess.h"
#include "core/thread_team.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A short measurement with `more` arguments.
ProcessResult bench(std::vector<std::string> more) {
  std::vector<std::string> arguments{"bench", "--iterations", "2", "--warmup", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vitro(arguments);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(CliBench, JsonRowsHaveTheDocumentedKeys) {
  const ProcessResult result = bench({small_plan(), "--batch", "1,2", "--size", "64,64x96",
                                      "--threads", "1", "--precision", "fp32", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json rows = result.json();
  ASSERT_EQ(rows.size(), 4u);
  for (const auto& row : rows) {
    for (const char* key :
         {"model",      "backend",      "precision",       "batch",
          "shape",      "threads",      "streams",         "threads_per_stream",
          "run_batch",  "median_ms",    "p90_ms",          "p99_ms",
          "min_ms",     "images_per_s", "mean_ms",         "stddev_ms",
          "iterations", "cpu",          "cores",           "isa",
          "version",    "compiler",     "load_average",    "busy_elsewhere_percent",
          "fallback",   "fallback_ops", "fallback_copies", "fallback_bytes",
          "error"})
      EXPECT_TRUE(row.contains(key)) << key;
    EXPECT_EQ(row["iterations"], 2);
    EXPECT_EQ(row["threads"], 1);
    EXPECT_EQ(row["backend"], "cpu");
    EXPECT_TRUE(row["error"].is_null());
    EXPECT_LE(row["min_ms"].get<double>(), row["median_ms"].get<double>());
    EXPECT_LE(row["median_ms"].get<double>(), row["p99_ms"].get<double>());
  }
  EXPECT_EQ(rows[3]["shape"], (std::vector<int64_t>{2, 3, 64, 96}));
}

TEST(CliBench, StreamsThatOnlyWaitAreRefused) {
  const int most = 32 * available_cores();
  if (most >= kMaxThreads) GTEST_SKIP() << "as many streams as there may be threads";
  const ProcessResult result = bench({small_plan(), "--streams", std::to_string(most + 1)});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_TRUE(contains(result.err, "--streams: got '" + std::to_string(most + 1) +
                                       "', expected at most " + std::to_string(most) +
                                       ", 32 for each of the"))
      << result.err;
}

TEST(CliBench, PrintsATable) {
  const ProcessResult result = bench({small_plan()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "median ms")) << result.out;
  EXPECT_TRUE(contains(result.out, "1x3x64x64")) << result.out;
  EXPECT_TRUE(contains(result.out, "vitro 0.")) << result.out;
  EXPECT_FALSE(contains(result.err, "runs/s")) << "progress without a terminal: " << result.err;
}

TEST(CliBench, WhatFailsIsARowAndTheRestStillRuns) {
  const std::string garbage = write_scratch("garbage_bench.plan", "this is no plan");
  const ProcessResult result = bench({garbage, small_plan(), "--size", "64,65", "--json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "error: ")) << result.err;
  EXPECT_TRUE(contains(result.err, "garbage_bench.plan")) << result.err;
  EXPECT_TRUE(contains(result.err, "1x3x65x65")) << result.err;
  const nlohmann::json rows = result.json();
  ASSERT_EQ(rows.size(), 4u);
  for (const size_t failed : {0, 1, 3}) {
    EXPECT_TRUE(rows[failed]["error"].is_string()) << rows[failed];
    EXPECT_TRUE(rows[failed]["median_ms"].is_null()) << rows[failed];
  }
  EXPECT_GT(rows[2]["median_ms"].get<double>(), 0);
}

TEST(CliBench, MarkdownAndCsvHaveARowForEachCombination) {
  const std::string report = scratch_file("report.csv");
  const ProcessResult result =
      bench({small_plan(), "--batch", "1,2", "--size", "64,65", "-o", "md", "--report", report});
  EXPECT_EQ(result.exit_code, 1);
  const std::vector<std::string> markdown = lines_of(result.out);
  ASSERT_GE(markdown.size(), 6u);
  for (size_t i = 0; i < 6; ++i)
    EXPECT_EQ(std::count(markdown[i].begin(), markdown[i].end(), '|'),
              std::count(markdown[0].begin(), markdown[0].end(), '|'))
        << markdown[i];
  const std::vector<std::string> csv = lines_of(read_text(report));
  ASSERT_EQ(csv.size(), 5u);
  EXPECT_TRUE(csv[0].starts_with("model,backend,precision,batch,shape,")) << csv[0];
  EXPECT_TRUE(contains(csv[1], ",1x3x64x64,")) << csv[1];
}

TEST(CliBench, ThroughputHintStaysWithinTheThreads) {
  const ProcessResult result =
      bench({small_plan(), "--hint", "throughput", "--threads", "2", "--batch", "4", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json row = result.json()[0];
  EXPECT_EQ(row["streams"].get<int>() * row["threads_per_stream"].get<int>(), 2);
  EXPECT_EQ(4 % row["run_batch"].get<int>(), 0);
  EXPECT_EQ(row["batch"], 4);
  EXPECT_EQ(row["shape"], (std::vector<int64_t>{4, 3, 64, 64}));
}

TEST(CliBench, StreamsShareTheThreads) {
  const ProcessResult result = bench({small_plan(), "--streams", "2", "--threads", "4", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()[0]["streams"], 2);
  EXPECT_EQ(result.json()[0]["threads_per_stream"], 2);
}

// Two rounds are never enough for a ratio, however quiet the machine is.
TEST(CliBench, ComparisonOfTooFewRoundsGivesNoRatio) {
  const ProcessResult result = bench({small_plan(), small_plan(), "--compare", "--json"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(contains(result.err, "error: no ratio: ")) << result.err;
  const nlohmann::json rows = result.json();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[1]["ratio"].is_null());
  EXPECT_TRUE(rows[1]["noisy"].is_string());
  EXPECT_TRUE(rows[0]["noisy"].is_null());
  EXPECT_GT(rows[0]["median_ms"].get<double>(), 0);
}

TEST(CliBench, ComparisonWithWhatFailsMeasuresTheOther) {
  const ProcessResult result = bench({small_plan(), "--size", "65,64", "--compare", "--json"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  const nlohmann::json rows = result.json();
  EXPECT_TRUE(rows[0]["error"].is_string());
  EXPECT_GT(rows[1]["median_ms"].get<double>(), 0);
}

TEST(CliBench, TrtexecLinesAndTimes) {
  const std::string times = scratch_file("times.json");
  const ProcessResult result = bench({small_plan(), "-o", "trtexec", "--exportTimes=" + times});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string number = R"([0-9.e+-]+)";
  const std::regex throughput(R"((^|\n)\[[0-9/:-]+\] \[I\] Throughput: )" + number + " qps\n");
  const std::regex latency(R"(\n\[[0-9/:-]+\] \[I\] Latency: min = )" + number +
                           " ms, max = " + number + " ms, mean = " + number +
                           " ms, median = " + number + R"( ms, percentile\(90%\) = )" + number +
                           R"( ms, percentile\(95%\) = )" + number +
                           R"( ms, percentile\(99%\) = )" + number + " ms\n");
  EXPECT_TRUE(std::regex_search(result.out, throughput)) << result.out;
  EXPECT_TRUE(std::regex_search(result.out, latency)) << result.out;

  const nlohmann::json runs = nlohmann::json::parse(read_text(times));
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].size(), 12u);
  for (const auto& run : runs) {
    EXPECT_EQ(run["h2dMs"], 0.0);
    EXPECT_EQ(run["latencyMs"], run["computeMs"]);
    EXPECT_GT(run["endEnqMs"].get<double>(), run["startEnqMs"].get<double>());
  }
}

TEST(CliBench, FilesThatCannotBeWrittenAreFoundOutBeforeMeasuring) {
  for (const std::string& file : {scratch_file("no/such/directory.json"), scratch().string()}) {
    const ProcessResult result = bench({small_plan(), "--exportTimes", file});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(result.err.starts_with("error: ") && contains(result.err, file)) << result.err;
    EXPECT_TRUE(result.out.empty()) << result.out;
  }
  const ProcessResult result =
      bench({small_plan(), "--report", scratch_file("no/such/directory.json")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(result.out.empty()) << result.out;
}

TEST(CliBench, ReportsDoNotReplaceModels) {
  const std::string model = scratch_file("model.json");
  std::filesystem::copy_file(small_plan(), model);
  const auto bytes = std::filesystem::file_size(model);
  EXPECT_EQ(bench({model, "--report", model}).exit_code, 1);
  EXPECT_EQ(std::filesystem::file_size(model), bytes);
}

}  // namespace
}  // namespace vitro::test
