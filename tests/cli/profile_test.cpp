#include <gtest/gtest.h>

#include <map>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

using Json = nlohmann::json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> profile_arguments(std::vector<std::string> more) {
  std::vector<std::string> arguments{"profile",   small_plan(), "--iterations", "3",
                                     "--threads", "2",          "--quiet"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// All reports of one profile.
struct Reports {
  Json json, trtexec, trace;
  std::string html;
};

const Reports& reports() {
  static const Reports result = [] {
    const std::string html = scratch_file("p.html"), trace = scratch_file("p.trace.json"),
                      trtexec = scratch_file("p.trtexec.json");
    const ProcessResult run = run_vitro(profile_arguments(
        {"--json", "--html", html, "--trace", trace, "--exportProfile", trtexec}));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return Reports{run.json(), Json::parse(read_text(trtexec)), Json::parse(read_text(trace)),
                   read_text(html)};
  }();
  return result;
}

TEST(CliProfile, JsonHasTheDocumentedKeysAndAddsUp) {
  const Json& json = reports().json;
  for (const char* key : {"model",
                          "architecture",
                          "backend",
                          "precision",
                          "batch",
                          "shape",
                          "threads",
                          "cpu",
                          "isa",
                          "version",
                          "iterations",
                          "clock",
                          "median_ms",
                          "min_ms",
                          "notes",
                          "fallback",
                          "busy_elsewhere_percent",
                          "profiled_ms",
                          "overhead_percent",
                          "overhead_interval",
                          "peaks",
                          "total",
                          "rows",
                          "sections",
                          "advice",
                          "memory"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["iterations"], 3);
  EXPECT_EQ(json["threads"], 2);
  EXPECT_GT(json["peaks"]["gflops_per_s"].get<double>(), 0);
  EXPECT_GT(json["peaks"]["gbytes_per_s"].get<double>(), 0);
  double sections = 0, rows = 0;
  for (const Json& section : json["sections"]) sections += section["ms"].get<double>();
  for (const Json& row : json["rows"]) rows += row["ms"].get<double>();
  const double total = json["total"]["ms"], run = json["profiled_ms"];
  EXPECT_NEAR(sections, total, 1e-6 * total);
  EXPECT_NEAR(rows, total, 1e-6 * total);
  EXPECT_NEAR(total + json["total"]["between_ms"].get<double>(), run, 1e-6 * run);
}

TEST(CliProfile, AdviceIsOrderedByWhatItCouldGain) {
  const Json& advice = reports().json["advice"];
  EXPECT_LE(advice.size(), 3u);
  double last = reports().json["profiled_ms"];
  for (const Json& one : advice) {
    const double gain = one["gain_ms"];
    EXPECT_GT(gain, 0);
    EXPECT_LE(gain, last);
    last = gain;
    for (const char* key : {"title", "evidence", "next"}) EXPECT_FALSE(one[key].empty());
  }
}

TEST(CliProfile, NamesAreThoseOfTheCheckpoint) {
  std::map<std::string, std::string> ops;
  for (const Json& section : reports().json["sections"]) ops[section["name"]] = section["op"];
  EXPECT_EQ(ops["blocks3.4.attn.qkv"], "attention_block.qkv");
  EXPECT_EQ(ops["blocks3.0.attn.core"], "attention_block.core");
  EXPECT_EQ(ops["blocks1.0.mlp.fc1"], "mlp.fc1");
  EXPECT_EQ(ops["blocks1.0.conv2"], "local_mixer.conv2");
  EXPECT_EQ(ops["patch_embed1.proj"], "conv");
}

TEST(CliProfile, GroupsByOpImplAndBlock) {
  const std::map<std::string, std::string> expected{
      {"op", "mlp.fc2"}, {"impl", "cpu:attention_block_phased"}, {"block", "blocks3.4"}};
  for (const auto& [group, name] : expected) {
    const ProcessResult run = run_vitro(profile_arguments({"--group", group, "--top", "0"}));
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_TRUE(contains(run.out, name)) << group << ":\n" << run.out;
    for (const char* part : {"lost to waiting", "lost to layout", "between ops", "Three things",
                             "measured peaks", "profiling costs"})
      EXPECT_TRUE(contains(run.out, part)) << part;
  }
}

TEST(CliProfile, TopLinesAndTheRest) {
  const ProcessResult run = run_vitro(profile_arguments({"--top", "2"}));
  EXPECT_TRUE(contains(run.out, "more: --top 0)")) << run.out;
  EXPECT_TRUE(contains(run.out, "\ntotal ")) << run.out;
}

TEST(CliProfile, TrtexecExport) {
  const Json& list = reports().trtexec;
  ASSERT_GT(list.size(), 100u);
  EXPECT_EQ(list[0], (Json{{"count", 3}}));
  double percentage = 0;
  for (size_t i = 1; i < list.size(); ++i) {
    EXPECT_EQ(list[i].size(), 5u);
    EXPECT_NEAR(list[i]["timeMs"].get<double>(), 3 * list[i]["averageMs"].get<double>(), 1e-9);
    EXPECT_GE(list[i]["medianMs"].get<double>(), 0);
    EXPECT_FALSE(list[i]["name"].get<std::string>().empty());
    percentage += list[i]["percentage"].get<double>();
  }
  // What lies between steps is no layer; it grows when the machine is taken away from the test.
  const Json& json = reports().json;
  const double between = json["total"]["between_ms"], run = json["profiled_ms"];
  EXPECT_NEAR(percentage, 100 * (1 - between / run), 1e-6);
}

TEST(CliProfile, TraceHasATrackForEachThreadAndNoOverlaps) {
  std::map<int, double> ends;
  std::map<int, std::string> tracks;
  int events = 0;
  for (const Json& event : reports().trace["traceEvents"]) {
    const int thread = event["tid"];
    if (event["ph"] == "M") {
      if (event["name"] == "thread_name") tracks[thread] = event["args"]["name"];
      continue;
    }
    ++events;
    ASSERT_EQ(event["ph"], "X");
    EXPECT_TRUE(tracks.contains(thread)) << "an event before the name of its track";
    const double begin = event["ts"], duration = event["dur"];
    EXPECT_GE(begin, ends[thread] - 1e-3);
    EXPECT_GT(duration, 0);
    ends[thread] = begin + duration;
    for (const char* key : {"source", "impl", "flops", "shape"})
      EXPECT_TRUE(event["args"].contains(key)) << key;
  }
  EXPECT_EQ(tracks.size(), 2u);
  EXPECT_GT(events, 100);
}

TEST(CliProfile, HtmlStandsAlone) {
  const std::string& html = reports().html;
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  for (const char* outside : {"http:", "https:", "src=", "href=", "@import", "url("})
    EXPECT_FALSE(contains(html, outside)) << outside;
  for (const char* marker : {"/*style*/", "/*script*/", "/*data*/"})
    EXPECT_FALSE(contains(html, marker)) << marker << " was not filled";
  EXPECT_TRUE(contains(html, "blocks3.4.attn.qkv"));
  EXPECT_TRUE(contains(html, "\"timeline\""));
}

TEST(CliProfile, HostileNamesStayText) {
  const std::string model = scratch_file("a<script>alert(1)<!--&.plan");
  std::filesystem::copy_file(small_plan(), scratch() / "hostile.plan",
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::rename(scratch() / "hostile.plan", model);
  const std::string html = scratch_file("hostile.html");
  const ProcessResult run =
      run_vitro({"profile", model, "--iterations", "1", "--html", html, "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::string text = read_text(html);
  EXPECT_FALSE(contains(text, "<script>alert"));
  EXPECT_FALSE(contains(text, "<!--&"));
  EXPECT_TRUE(contains(text, "a\\u003cscript\\u003ealert(1)"));
}

TEST(CliProfile, AnUnwritableReportIsRefusedBeforeTheModelIsRead) {
  for (const char* option : {"--html", "--trace", "--export-profile"}) {
    const ProcessResult run =
        run_vitro({"profile", "/no/such.plan", option, scratch_file("no/such/report")});
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_TRUE(contains(run.err, "no/such/report")) << run.err;
  }
}

TEST(CliProfile, AFailedRunLeavesNoReport) {
  const std::string html = scratch_file("failed.html");
  EXPECT_EQ(run_vitro({"profile", "/no/such.plan", "--html", html}).exit_code, 1);
  EXPECT_EQ(count_scratch("failed.html"), 0);
}

TEST(CliProfile, WrongCommandLines) {
  const std::string same = scratch_file("same.json");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--group", "layer"}, "'layer', expected module|op|impl|block"},
      {{"--iterations", "0"}, "from 1 to 10000"},
      {{"--top", "-1"}, "'-1'"},
      {{"--html", ""}, "--html: got '', expected FILE"},
      {{"--trace", same, "--html", same}, "two reports have the same path"}};
  for (const auto& [arguments, message] : cases) {
    std::vector<std::string> all{"profile", small_plan()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const ProcessResult run = run_vitro(all);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_TRUE(contains(run.err, message)) << run.err;
  }
  const ProcessResult model = run_vitro({"profile", small_plan(), "--html", small_plan()});
  EXPECT_EQ(model.exit_code, 1);
  EXPECT_TRUE(contains(model.err, "is the input")) << model.err;
}

}  // namespace
}  // namespace vitro::test
