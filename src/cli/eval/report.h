#pragma once

#include "cli/eval/images.h"
#include "cli/output.h"
#include "eval/evaluation.h"

namespace vitro::cli {

/// What one evaluation was and gave.
struct EvalReport {
  const EvalOptions& options;
  const Session& session;
  const EvalImages& images;
  const Evaluation& evaluation;

  double top1_percent() const;
  /// Whether --min-top1, which is there, is reached.
  bool passes() const;
};

std::string report_text(const EvalReport& report);
/// The schema of docs/cli.md.
Json report_json(const EvalReport& report);
/// Writes --predictions.
void write_predictions(const EvalReport& report);

}  // namespace vitro::cli
