#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "measure/interleave.h"
#include "runtime/compare.h"

namespace vitro::cli {

/// One of the two things that are compared.
struct Contender {
  std::string model;
  Session session;
  PlacedProgram program;
};

/// The most that results may differ.
struct ErrorBound {
  double nmse = 0;
  /// Of max |a - b| / rms(b): a single wrong element among many does not show in the nmse.
  double max_error = 0;

  /// Above 1 when a bound is exceeded.
  double share(double nmse_found, double max_error_found) const;
};

/// How near two classifiers are.
struct ClassErrors {
  int64_t same_class = 0;      ///< images with the same first class
  double top1_difference = 0;  ///< largest, of the probability of A's first class
};

/// How near the outputs are.
struct OutputErrors {
  int64_t images = 0;
  double nmse = 0;
  double max_error = 0;
  std::optional<ClassErrors> classes{};  ///< none when one side is not a classifier
};

struct Comparison {
  std::string input;  ///< "synthetic", or the name of the file
  Dims dims;
  ErrorBound bound;
  std::vector<OpMatch> ops;
  LayerErrors errors;
  std::optional<OutputErrors> outputs;  ///< none when their shapes differ
  std::optional<InterleavedResult> latency;
};

/// The first layer whose error exceeds the bound; nullptr when there is none.
const LayerError* first_bad_layer(const Comparison& comparison);

std::string comparison_text(const Contender& a, const Contender& b, const Comparison& comparison);
Json comparison_json(const Contender& a, const Contender& b, const Comparison& comparison);

}  // namespace vitro::cli
