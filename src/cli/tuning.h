#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace vitro::cli {

/// How `vitro build` chooses implementations.
struct TuningOptions {
  bool tune = false;
  std::string backend = "auto";
  int device = 0;
  Precision precision = Precision::Default;
  std::vector<int> threads{0};  ///< 0: one for each available core
  std::vector<int64_t> batches{1};
  double seconds = 20;
  bool keep_partial = false;  ///< what was confirmed before an interruption
  std::string file;           ///< of tactics: written when tuning, else read; empty: none
};

/// Declares --tune and what goes with it.
void add_tuning_options(CLI::App& verb, TuningOptions& options);

/// The plan with the tactics that are measured now or read from the file, added to those it has;
/// nothing when Ctrl-C ended the measurement and what was confirmed until then is not to be kept.
/// Throws OutOfMemory when a batch exceeds the memory, CorruptFile for a bad file.
std::optional<Plan> tuned(const Plan& plan, const TuningOptions& options, bool quiet);

}  // namespace vitro::cli
