#pragma once

#include <string>
#include <vector>

#include "calibration/calibrate.h"
#include "calibration/images.h"
#include "cli/options.h"

namespace vitro::cli {

struct CalibrateVerbOptions : CommonOptions {  ///< `model` is TRAIN_DIR for a sample
  std::string images;
  std::string output;
  std::string tensorrt_cache;
  std::vector<std::string> methods{"output-mse"};
  CalibrateOptions calibrate;
  SampleOptions sample;

  bool draws_sample() const { return sample.count > 0 || sample.per_class > 0; }
};

/// Writes what a calibration found to standard output.
void report(const CalibrateVerbOptions& options, const Calibration& calibration, double seconds);

/// Draws a sample, writes the list and says what it drew; returns the exit code.
int run_sample(CalibrateVerbOptions& options);

}  // namespace vitro::cli
