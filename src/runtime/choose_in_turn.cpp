#include <algorithm>
#include <set>

#include "measure/statistics.h"
#include "runtime/tune.h"

namespace vitro {
namespace {

constexpr int kScreeningRounds = 3, kTrialRounds = 9;

/// Times of the best program so far and of its challenger, in turn.
struct Rounds {
  std::vector<double> best, challenger;

  void run(ReplayBench& bench, int rounds) {
    for (int i = 0; i < rounds; ++i) {
      best.push_back(bench.run(0));
      challenger.push_back(bench.run(1));
    }
  }
  bool gains() const { return median(challenger) < (1 - kReplayMargin) * median(best); }
  bool wins() const {
    size_t won = 0;
    for (size_t i = 0; i < best.size(); ++i) won += challenger[i] < best[i] ? 1 : 0;
    return gains() && 3 * won >= 2 * best.size();
  }
};

/// The tactic of one op; the bench keeps the program that has it. `table` has all earlier ones.
Tactic choose(const TunableOp& op, const TacticTable& table, ReplayBench& bench) {
  Tactic tactic{op.candidates[0], {}};
  for (size_t i = 1; i < op.candidates.size() && bench.seconds_left() > 0; ++i) {
    TacticTable trial = table;
    trial[op.key] = {op.candidates[i], {}};
    bench.prepare(1, trial);
    Rounds rounds;
    rounds.run(bench, kScreeningRounds);
    if (rounds.gains()) rounds.run(bench, kTrialRounds);
    if (tactic.timings.empty()) tactic.timings.push_back({op.candidates[0], median(rounds.best)});
    tactic.timings.push_back({op.candidates[i], median(rounds.challenger)});
    if (!rounds.wins()) continue;
    tactic.impl = op.candidates[i];
    bench.keep();
  }
  return tactic;
}

}  // namespace

TacticTable choose_in_turn(ReplayBench& bench) {
  TacticTable table;
  std::set<std::string> done;
  std::vector<TunableOp> ops = bench.prepare(0, table);
  // A choice may change what is to be chosen behind it.
  for (;;) {
    const auto next = std::find_if(ops.begin(), ops.end(),
                                   [&](const TunableOp& op) { return !done.contains(op.key); });
    if (next == ops.end() || bench.seconds_left() <= 0) return table;
    const TunableOp op = *next;
    done.insert(op.key);
    Tactic tactic = choose(op, table, bench);
    const bool changed = tactic.impl != op.candidates[0];
    if (!tactic.timings.empty()) table[op.key] = std::move(tactic);
    if (changed) ops = bench.prepare(0, table);
  }
}

}  // namespace vitro
