#include <algorithm>

#include "measure/statistics.h"
#include "runtime/tune.h"

namespace vitro {
namespace {

// Rounds of each measurement, the first of which warms up and does not count.
constexpr int kScreeningRounds = 16, kTrialRounds = 26;
constexpr size_t kMinSamples = 3, kMinTrials = 5;
// The part of the time that is kept for the second measurement.
constexpr double kTrialShare = 0.4;

/// The lower quartile: what else runs on the machine only ever adds time.
double typical(const std::vector<double>& values) { return percentile(values, 25); }

/// Microseconds, by op and candidate.
class Samples {
 public:
  explicit Samples(std::span<const TunableOp> ops) {
    for (const TunableOp& op : ops) times_.emplace_back(op.candidates.size());
  }
  void add(const std::vector<size_t>& program, const std::vector<double>& microseconds) {
    for (size_t op = 0; op < times_.size(); ++op)
      times_[op][program[op]].push_back(microseconds[op]);
  }
  const std::vector<double>& of(size_t op, size_t candidate) const { return times_[op][candidate]; }
  size_t fastest(size_t op) const {
    size_t best = 0;
    for (size_t i = 1; i < times_[op].size(); ++i)
      if (of(op, i).size() >= kMinSamples && of(op, 0).size() >= kMinSamples &&
          typical(of(op, i)) < typical(of(op, best)))
        best = i;
    return best;
  }

 private:
  std::vector<std::vector<std::vector<double>>> times_;
};

/// Runs all programs in turn until the rounds are over or only `reserve` seconds are left; calls
/// collect(program, microseconds) for all rounds but the first.
template <typename Collect>
void run_rounds(TuningBench& bench, size_t programs, int rounds, double reserve,
                const Collect& collect) {
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < programs; ++i) {
      if (bench.seconds_left() <= reserve) return;
      // Whoever comes first in a round finds other caches than the others do: each does in turn.
      const size_t program = (i + static_cast<size_t>(round)) % programs;
      const std::vector<double> microseconds = bench.run(program);
      if (round > 0) collect(program, microseconds);
    }
  }
}

/// Program i gives each op its candidate i, and begins again where an op has fewer.
std::vector<std::vector<size_t>> screening_programs(std::span<const TunableOp> ops) {
  size_t count = 0;
  for (const TunableOp& op : ops) count = std::max(count, op.candidates.size());
  std::vector<std::vector<size_t>> programs(count);
  for (size_t i = 0; i < count; ++i)
    for (const TunableOp& op : ops) programs[i].push_back(i % op.candidates.size());
  return programs;
}

/// Whether the challenger of an op won its trial.
bool wins(const std::vector<double>& usual, const std::vector<double>& challenger) {
  const size_t trials = std::min(usual.size(), challenger.size());
  if (trials < kMinTrials) return false;
  size_t won = 0;
  for (size_t i = 0; i < trials; ++i) won += challenger[i] < usual[i] ? 1 : 0;
  return 3 * won >= 2 * trials && typical(challenger) < (1 - kTuningMargin) * typical(usual);
}

/// Which of `fastest` hold against the usual choices: the others become these.
void confirm(std::vector<size_t>& fastest, TuningBench& bench, Samples& samples) {
  const std::vector<size_t> usual(fastest.size(), 0);
  if (fastest == usual) return;
  const std::vector<std::vector<size_t>> programs{usual, fastest};
  std::vector<std::vector<double>> times[2] = {std::vector<std::vector<double>>(fastest.size()),
                                               std::vector<std::vector<double>>(fastest.size())};
  bench.prepare(programs, kTrialRounds);
  run_rounds(bench, 2, kTrialRounds, 0, [&](size_t program, const std::vector<double>& us) {
    samples.add(programs[program], us);
    for (size_t op = 0; op < us.size(); ++op) times[program][op].push_back(us[op]);
  });
  for (size_t op = 0; op < fastest.size(); ++op)
    if (!wins(times[0][op], times[1][op])) fastest[op] = 0;
}

}  // namespace

TacticTable choose_tactics(std::span<const TunableOp> ops, TuningBench& bench) {
  if (ops.empty()) return {};
  const auto programs = screening_programs(ops);
  Samples samples(ops);
  const double reserve = kTrialShare * bench.seconds_left();
  bench.prepare(programs, kScreeningRounds);
  run_rounds(bench, programs.size(), kScreeningRounds, reserve,
             [&](size_t program, const std::vector<double>& microseconds) {
               samples.add(programs[program], microseconds);
             });
  std::vector<size_t> chosen;
  for (size_t op = 0; op < ops.size(); ++op) chosen.push_back(samples.fastest(op));
  confirm(chosen, bench, samples);

  TacticTable table;
  for (size_t op = 0; op < ops.size(); ++op) {
    if (samples.of(op, 0).empty()) continue;
    Tactic tactic{ops[op].candidates[chosen[op]], {}};
    for (size_t i = 0; i < ops[op].candidates.size(); ++i)
      if (!samples.of(op, i).empty())
        tactic.timings.push_back({ops[op].candidates[i], typical(samples.of(op, i))});
    table[ops[op].key] = std::move(tactic);
  }
  return table;
}

}  // namespace vitro
