#pragma once

#include "cli/eval/images.h"
#include "cli/output.h"
#include "eval/evaluation.h"
#include "measure/statistics.h"

namespace vitro::cli {

/// What one evaluation was and gave.
struct EvalReport {
  const EvalOptions& options;
  const Session& session;
  const EvalImages& images;
  const Evaluation& evaluation;

  double top1_percent() const;
  /// By how many points top-1 is below that of the reference, which is there.
  PairedDifference drop() const;
  /// Whether the gates are passed, which are there.
  bool reaches_min_top1() const;
  bool keeps_max_drop() const;
  /// Of the gates that were asked for those that are not passed, each with its figures.
  std::vector<std::string> failed_gates() const;
};

std::string report_text(const EvalReport& report);
/// The schema of docs/cli.md.
Json report_json(const EvalReport& report);
/// Writes --predictions.
void write_predictions(const EvalReport& report);

}  // namespace vitro::cli
