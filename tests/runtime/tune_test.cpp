#include "runtime/tune.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/file_io.h"
#include "core/temporary_directory.h"
#include "formats/safetensors.h"
#include "ir/builder.h"
#include "runtime/engine.h"
#include "runtime/explain.h"
#include "runtime/internals.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

/// A machine whose ops take exactly `times[op][candidate]` microseconds, and one second a run.
class FakeBench final : public TuningBench {
 public:
  explicit FakeBench(std::vector<std::vector<double>> times, double seconds = 1000)
      : times_(std::move(times)), seconds_(seconds) {}
  void prepare(const std::vector<std::vector<size_t>>& programs, int) override {
    programs_ = programs;
  }
  std::vector<double> run(size_t program) override {
    ++runs;
    --seconds_;
    std::vector<double> microseconds;
    for (size_t op = 0; op < times_.size(); ++op)
      microseconds.push_back(times_[op][programs_[program][op]] + disturbance(program));
    return microseconds;
  }
  double seconds_left() override { return seconds_; }

  int runs = 0;
  /// Added to all times of a run.
  std::function<double(size_t program)> disturbance = [](size_t) { return 0.0; };

 private:
  std::vector<std::vector<double>> times_;
  std::vector<std::vector<size_t>> programs_;
  double seconds_;
};

TEST(ChooseTactics, TakesTheFastestOfEachOp) {
  const std::vector<TunableOp> ops{{"a", {"usual", "other"}}, {"b", {"x", "y", "z"}}};
  FakeBench bench({{100, 80}, {50, 70, 40}});
  const TacticTable table = choose_tactics(ops, bench);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table.at("a"), (Tactic{"other", {{"usual", 100}, {"other", 80}}}));
  EXPECT_EQ(table.at("b"), (Tactic{"z", {{"x", 50}, {"y", 70}, {"z", 40}}}));
}

TEST(ChooseTactics, WithinTheMarginTheUsualChoiceStays) {
  const std::vector<TunableOp> ops{{"a", {"usual", "other"}}, {"b", {"usual", "other"}}};
  FakeBench bench({{100, 100 * (1 - kTuningMargin) + 0.5}, {100, 100 * (1 - kTuningMargin) - 0.5}});
  const TacticTable table = choose_tactics(ops, bench);
  EXPECT_EQ(table.at("a").impl, "usual");
  EXPECT_EQ(table.at("b").impl, "other");
}

// In the first measurement the machine favours whatever is not usual; the second one finds out.
TEST(ChooseTactics, WhatWinsOnceMustWinAgain) {
  const std::vector<TunableOp> ops{{"a", {"usual", "other"}}};
  FakeBench bench({{100, 100}});
  bench.disturbance = [&](size_t program) {
    return bench.runs <= 32 && program == 1 ? -50.0 : 0.0;
  };
  EXPECT_EQ(choose_tactics(ops, bench).at("a").impl, "usual");
  EXPECT_GT(bench.runs, 32) << "there was no second measurement";
}

TEST(ChooseTactics, StopsWhenTheTimeIsOver) {
  const std::vector<TunableOp> ops{{"a", {"usual", "other"}}};
  for (const double seconds : {0.0, 1.0, 3.0, 10.0, 40.0}) {
    FakeBench bench({{100, 80}}, seconds);
    const TacticTable table = choose_tactics(ops, bench);
    EXPECT_LE(bench.runs, seconds);
    // Too few samples prove nothing.
    if (seconds <= 10 && table.contains("a")) {
      EXPECT_EQ(table.at("a").impl, "usual") << seconds;
    }
    if (seconds == 40) {
      EXPECT_EQ(table.at("a").impl, "other");
    }
  }
}

TEST(ChooseTactics, NothingToChooseTakesNoTime) {
  FakeBench bench({});
  EXPECT_TRUE(choose_tactics({}, bench).empty());
  EXPECT_EQ(bench.runs, 0);
}

Tactics some_tactics() {
  return {
      {{"Some CPU, avx512", 1}, {{"mlp(F32 1x8) : 1x8", {"cpu:mlp_phased", {}}}}},
      {{"Some CPU, avx512", 2},
       {{"linear(F32 1x8) : 1x5", {"cpu:gone", {{"cpu:linear_panel16", 12.5}, {"cpu:gone", 9}}}},
        {"mlp(F32 1x8) : 1x8", {"cpu:mlp_banded", {{"cpu:mlp_banded", 3}}}}}}};
}

TEST(Tactics, JsonRoundTrip) {
  for (const int indent : {-1, 1}) {
    const std::string text = tactics_to_json(some_tactics(), indent);
    EXPECT_EQ(tactics_from_json(text), some_tactics());
    EXPECT_EQ(tactics_to_json(tactics_from_json(text), indent), text);
  }
}

TEST(Tactics, MergingReplacesTheSameOpsOnly) {
  Tactics tactics = some_tactics();
  const Tactics newer{{{"Some CPU, avx512", 2}, {{"linear(F32 1x8) : 1x5", {"new", {}}}}},
                      {{"Other CPU, avx2", 2}, {{"gelu(F32 8) : 8", {"g", {}}}}}};
  merge_tactics(tactics, newer);
  EXPECT_EQ(tactics.size(), 3u);
  const TacticTable& table = tactics.at({"Some CPU, avx512", 2});
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.at("linear(F32 1x8) : 1x5").impl, "new");
}

TEST(Tactics, FilesAreWrittenAndRead) {
  const TemporaryDirectory directory;
  const std::string text = tactics_to_json(some_tactics(), 1);
  write_file_atomic(directory / "tactics.json", std::as_bytes(std::span(text)));
  EXPECT_EQ(load_tactics(directory / "tactics.json"), some_tactics());
  expect_error(ErrorCode::NotFound, "none.json", [&] { load_tactics(directory / "none.json"); });
  write_file_atomic(directory / "bad.json", std::as_bytes(std::span("{]", 2)));
  expect_error(ErrorCode::CorruptFile, "bad.json", [&] { load_tactics(directory / "bad.json"); });
}

TEST(Tactics, WhatIsMalformedIsNamed) {
  const auto file = [](const std::string& entries) {
    return R"({"format": "vitro-tactics", "version": 1, "tactics": )" + entries + "}";
  };
  const auto op = [&](const std::string& fields) {
    return file(R"([{"machine": "m", "threads": 1, "ops": [{"op": "a", )" + fields + "}]}]");
  };
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "tactics"},
      {"[]", "format"},
      {R"({"format": "x"})", "format"},
      {R"({"format": 5})", "tactics"},
      {R"({"format": "vitro-tactics", "version": 2})", "version 2"},
      {R"({"format": "vitro-tactics", "version": 1})", "tactics"},
      {file("{}"), "list"},
      {file("[5]"), "tactics"},
      {file(R"([{"machine": "m", "threads": 0, "ops": []}])"), "'threads' is 0"},
      {file(R"([{"machine": "m", "threads": 1.5, "ops": []}])"), "'threads' is 1.5"},
      {file(R"([{"machine": 7, "threads": 1, "ops": []}])"), "'machine' is number"},
      {file(R"([{"machine": "m", "threads": 1, "ops": 3}])"), "'ops' is number"},
      {op(R"("impl": "", "timings": [])"), "'impl' has 0 bytes"},
      {op(R"("impl": null, "timings": [])"), "'impl' is null"},
      {op(R"("impl": "i", "timings": [{"impl": "i", "us": -1}])"), "'us' is -1"},
      {op(R"("impl": "i", "timings": [{"impl": "i", "us": "1"}])"), "'us' is \"1\""},
      {op(R"("impl": "i", "timings": [{"impl": "i", "us": 1e400}])"), "tactics"},
      {op("\"impl\": \"" + std::string(5000, 'x') + "\", \"timings\": []"), "5000 bytes"},
  };
  for (const auto& [text, part] : cases)
    expect_error(ErrorCode::CorruptFile, part, [&text = text] { tactics_from_json(text); });
}

/// So many that the kernels have a choice.
const Dims kManyImages{64, 3, 8, 8};

/// The op of a kind as the session sees it, for these images.
Dispatch dispatch_of(const Session& session, std::string_view op) {
  const auto program = Internals::engine(session).program(kManyImages);
  for (const Dispatch& dispatch : program->dispatch())
    if (dispatch.op == op) return dispatch;
  ADD_FAILURE() << "no such op";
  return {};
}

Plan plan_with(const std::string& machine, int threads, const std::string& impl) {
  const Plan plan = test::small_plan();
  const std::string key = dispatch_of(Session(plan, {.threads = 1}), "mlp").key;
  return with_tactics(plan, {{{machine, threads}, {{key, {impl, {{impl, 12.0}}}}}}});
}

std::string machine() { return find_backend("cpu").machine(); }

TEST(TunedPlan, RunsWhatItsTacticsName) {
  const Plan plan = plan_with(machine(), 1, "cpu:mlp_phased");
  const Session session(plan, {.backend = "cpu", .threads = 1});
  const Dispatch dispatch = dispatch_of(session, "mlp");
  EXPECT_STREQ(dispatch.chosen, "cpu:mlp_phased");
  EXPECT_EQ(dispatch.candidates.at(0), std::string("cpu:mlp_banded"));
  const std::string text = session.explain(kManyImages);
  EXPECT_NE(text.find("12 us"), std::string::npos) << text;
  EXPECT_NE(text.find("tactics: of 1 ops"), std::string::npos) << text;
}

TEST(TunedPlan, WhatDoesNotFitIsIgnoredAndNamed) {
  const auto explained = [](const Plan& plan, int threads) {
    const Session session(plan, {.backend = "cpu", .threads = threads});
    EXPECT_STREQ(dispatch_of(session, "mlp").chosen, "cpu:mlp_banded");
    return session.explain(kManyImages);
  };
  const std::string impl = "cpu:mlp_phased";
  const std::string threads = explained(plan_with(machine(), 1, impl), 2);
  EXPECT_NE(threads.find("tactics: none for"), std::string::npos) << threads;
  const std::string other = explained(plan_with("another machine", 1, impl), 1);
  EXPECT_NE(other.find("the plan has some for 'another machine'"), std::string::npos) << other;
  const std::string unknown = explained(plan_with(machine(), 1, "cpu:mlp_gone"), 1);
  EXPECT_NE(unknown.find("not used: cpu:mlp_gone"), std::string::npos) << unknown;
}

TEST(TunedPlan, RoundTripKeepsTacticsAndBytes) {
  const TemporaryDirectory directory;
  const Plan plan = with_tactics(test::small_plan(), some_tactics());
  save(plan, directory / "a.plan");
  const Plan loaded = load(directory / "a.plan");
  EXPECT_EQ(Internals::data(loaded).tactics, some_tactics());
  save(with_tactics(test::small_plan(), tactics_from_json(tactics_to_json(some_tactics()))),
       directory / "b.plan");
  EXPECT_EQ(read_file(directory / "a.plan", 1 << 30), read_file(directory / "b.plan", 1 << 30));
  save(test::small_plan(), directory / "untuned.plan");
  EXPECT_TRUE(Internals::data(load(directory / "untuned.plan")).tactics.empty());
}

// Whoever edits a plan can correct its checksum as well.
TEST(TunedPlan, MalformedTacticsAreRefused) {
  const TemporaryDirectory directory;
  save(with_tactics(test::small_plan(), some_tactics()), directory / "a.plan");
  const auto file = MappedFile::open(directory / "a.plan");
  TensorFile tensors = read_safetensors(file);
  for (const char* text : {"", "7", "{\"format\": \"vitro-tactics\"}", "[[[[["}) {
    tensors.metadata["tactics"] = text;
    expect_error(ErrorCode::CorruptFile, "tactics",
                 [&] { plan_from_tensors(tensors, file, "edited"); });
  }
}

TEST(Tune, MeasuresEveryOpWithAChoice) {
  const Plan plan = test::small_plan();
  int64_t done = 0;
  const Tactics tactics = tune(plan, {.backend = "cpu",
                                      .threads = {1, 2},
                                      .batches = {64, 100},
                                      .seconds = 60,
                                      .progress = [&](int64_t runs, int64_t total) {
                                        EXPECT_EQ(runs, ++done);
                                        EXPECT_LE(runs, total);
                                      }});
  EXPECT_GT(done, 0);
  ASSERT_EQ(tactics.size(), 2u);
  for (const int threads : {1, 2}) {
    const TacticTable& table = tactics.at({machine(), threads});
    for (const char* batch : {"(F32 64x", "(F32 100x"})
      EXPECT_TRUE(std::any_of(table.begin(), table.end(), [&](const auto& row) {
        return row.first.starts_with(std::string("mlp") + batch);
      })) << batch;
    for (const auto& [key, tactic] : table) EXPECT_GE(tactic.timings.size(), 2u) << key;
  }
  const Tensor images = test::random_images({100, 3, 8, 8});
  const Tensor usual = Session(plan, {.threads = 2}).run(images);
  const Tensor tuned = Session(with_tactics(plan, tactics), {.threads = 2}).run(images);
  for (size_t i = 0; i < usual.as<float>().size(); ++i)
    EXPECT_NEAR(tuned.as<float>()[i], usual.as<float>()[i], 1e-4) << i;
}

TEST(Tune, StoppedAtOnceChoosesNothing) {
  const Tactics tactics =
      tune(test::small_plan(), {.backend = "cpu", .threads = {1}, .stop = [] { return true; }});
  for (const auto& [setting, table] : tactics) EXPECT_TRUE(table.empty());
}

TEST(Tune, TheReferenceHasNothingToChoose) {
  for (const auto& [setting, table] :
       tune(test::small_plan(), {.backend = "reference", .threads = {1}}))
    EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace vitro
