#include <gtest/gtest.h>

#include "runtime/tune.h"

namespace vitro {
namespace {

/// A device on which a program takes what its choices take together, and a second a run.
class FakeReplays final : public ReplayBench {
 public:
  using Times = std::map<std::string, std::map<std::string, double>>;
  /// The first of `usual` candidates of each op is the usual one.
  FakeReplays(std::vector<TunableOp> ops, Times times, double seconds = 1000)
      : ops_(std::move(ops)), times_(std::move(times)), seconds_(seconds) {}

  std::vector<TunableOp> prepare(size_t program, const TacticTable& tactics) override {
    double& time = programs_[program];
    time = 0;
    std::vector<TunableOp> there;
    for (const TunableOp& op : ops_) {
      if (hidden && op.key == hidden->first &&
          (!tactics.contains(hidden->second) || tactics.at(hidden->second).impl == "usual"))
        continue;
      there.push_back(op);
      time += times_.at(op.key).at(op.candidates[chosen_candidate(op, &tactics)]);
    }
    return there;
  }
  double run(size_t program) override {
    --seconds_;
    ++runs;
    return programs_[program] + disturbance(program);
  }
  void keep() override { programs_[0] = programs_[1]; }
  double seconds_left() override { return seconds_; }

  int runs = 0;
  /// An op that is there only once another one is not run as usual.
  std::optional<std::pair<std::string, std::string>> hidden;
  std::function<double(size_t program)> disturbance = [](size_t) { return 0.0; };

 private:
  std::vector<TunableOp> ops_;
  Times times_;
  double seconds_;
  double programs_[2] = {};
};

const std::vector<TunableOp> kOps{{"a", {"usual", "other", "third"}}, {"b", {"usual", "other"}}};

TEST(ChooseInTurn, KeepsWhatMakesTheProgramFaster) {
  FakeReplays bench(kOps, {{"a", {{"usual", 50}, {"other", 40}, {"third", 30}}},
                           {"b", {{"usual", 9}, {"other", 12}}}});
  const TacticTable table = choose_in_turn(bench);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table.at("a"), (Tactic{"third", {{"usual", 59}, {"other", 49}, {"third", 39}}}));
  EXPECT_EQ(table.at("b"), (Tactic{"usual", {{"usual", 39}, {"other", 42}}}));
}

TEST(ChooseInTurn, WithinTheMarginTheUsualChoiceStays) {
  const double little = 100 * kReplayMargin / 2;
  FakeReplays bench({{"a", {"usual", "other"}}},
                    {{"a", {{"usual", 100}, {"other", 100 - little}}}});
  EXPECT_EQ(choose_in_turn(bench).at("a").impl, "usual");
}

// A device that slows down while the first rounds run: the later ones find out.
TEST(ChooseInTurn, WhatWinsOnceMustWinMostRounds) {
  FakeReplays bench({{"a", {"usual", "other"}}}, {{"a", {{"usual", 100}, {"other", 100}}}});
  bench.disturbance = [&](size_t program) { return bench.runs <= 6 && program == 0 ? 50.0 : 0.0; };
  EXPECT_EQ(choose_in_turn(bench).at("a").impl, "usual");
  EXPECT_GT(bench.runs, 6) << "there was no second measurement";
}

TEST(ChooseInTurn, AChoiceMayBringAnother) {
  FakeReplays bench(kOps, {{"a", {{"usual", 50}, {"other", 40}, {"third", 60}}},
                           {"b", {{"usual", 5}, {"other", 1}}}});
  bench.hidden = {"b", "a"};
  const TacticTable table = choose_in_turn(bench);
  EXPECT_EQ(table.at("a").impl, "other");
  ASSERT_TRUE(table.contains("b"));
  EXPECT_EQ(table.at("b").impl, "other");
}

TEST(ChooseInTurn, StopsWhenTheTimeIsOver) {
  FakeReplays none(
      kOps,
      {{"a", {{"usual", 50}, {"other", 40}, {"third", 30}}}, {"b", {{"usual", 9}, {"other", 12}}}},
      0);
  EXPECT_TRUE(choose_in_turn(none).empty());
  EXPECT_EQ(none.runs, 0);
}

TEST(ChooseInTurn, WhatIsNotKnownIsNotChosen) {
  const TunableOp op{"a", {"usual", "other"}};
  const TacticTable table{{"a", {"gone", {}}}, {"b", {"other", {}}}};
  EXPECT_EQ(chosen_candidate(op, nullptr), 0u);
  EXPECT_EQ(chosen_candidate(op, &table), 0u);
  EXPECT_EQ(chosen_candidate({"b", {"usual", "other"}}, &table), 1u);
}

}  // namespace
}  // namespace vitro
