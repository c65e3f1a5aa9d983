#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/tactics.h"
#include "vitro/plan.h"

namespace vitro {

/// What tuning measures on: a program whose ops can run on any of their candidates.
class TuningBench {
 public:
  virtual ~TuningBench() = default;
  /// Gets programs ready, each given by the index of the candidate of every op.
  /// Each will run `rounds` times, or less often when time runs out.
  virtual void prepare(const std::vector<std::vector<size_t>>& programs, int rounds) = 0;
  /// Runs a prepared program once: microseconds of each op, the mean of those that are alike.
  virtual std::vector<double> run(size_t program) = 0;
  /// Of the time budget; 0 or less: stop.
  virtual double seconds_left() = 0;
};

/// Measures all ops at the same time: in each round one program after the other runs, and in each
/// program the ops have other candidates. A second measurement then runs the fastest candidates in
/// turn with the usual ones; only what is faster there by kTuningMargin in most rounds replaces the
/// usual choice. When time runs out before that is known, the usual choice stays.
TacticTable choose_tactics(std::span<const TunableOp> ops, TuningBench& bench);

/// What tuning on a device measures on: two programs, each for its own tactics.
class ReplayBench {
 public:
  virtual ~ReplayBench() = default;
  /// Makes program 0 or 1 ready; returns what may be chosen in it.
  virtual std::vector<TunableOp> prepare(size_t program, const TacticTable& tactics) = 0;
  /// Microseconds of one computation of a program that is ready.
  virtual double run(size_t program) = 0;
  /// Program 1 becomes program 0.
  virtual void keep() = 0;
  virtual double seconds_left() = 0;
};

/// One choice after the other: whatever makes the whole program faster by kReplayMargin in most
/// rounds, side by side with the best one so far, is kept. Kernels of a device overlap, so that
/// what one takes by itself says little. The timings are those of the whole program.
TacticTable choose_in_turn(ReplayBench& bench);
inline constexpr double kReplayMargin = 0.002;

/// What a candidate must gain over the usual choice, as a part of its time.
inline constexpr double kTuningMargin = 0.03;

struct TuneOptions {
  std::string backend = "auto";
  int device = 0;
  Precision precision = Precision::Default;
  std::vector<int> threads{0};                        ///< 0: one for each available core
  std::vector<int64_t> batches{1};                    ///< of the plan's default size
  double seconds = 20;                                ///< for all of them together
  std::function<bool()> stop = [] { return false; };  ///< asked often: true ends it early
  /// Told after every run how many were made of about how many.
  std::function<void(int64_t done, int64_t total)> progress = [](int64_t, int64_t) {};
};

/// Tunes the plan for this machine. Whatever ends it early, what it returns is fit for use.
Tactics tune(const Plan& plan, const TuneOptions& options);

/// The same plan with other tactics.
Plan with_tactics(const Plan& plan, Tactics tactics);

}  // namespace vitro
