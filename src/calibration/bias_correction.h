#pragma once

#include <functional>
#include <memory>

#include "calibration/images.h"
#include "passes/quantization.h"
#include "runtime/plan_data.h"

namespace vitro {

struct BiasCorrectionOptions {
  int64_t max_images = 64;  ///< at equal distances; fewer where the results of a node take much
  int threads = 0;          ///< 0: one for each available core
  DecodeLimits limits = {};
  std::function<void(const std::string& message)> on_failure = [](const std::string&) {};
  std::function<bool()> stop = [] { return false; };
};

/// Sequential bias correction (Nagel et al., "Data-Free Quantization Through Weight Equalization
/// and Bias Correction", 2019, with pictures in place of statistics): sets the `error` of each
/// product that has codes to what its results are too large by in the mean over the pictures,
/// output by output, when the products before it are in 8 bits and corrected. The plan is
/// unfused_plan() of a model of pictures. False when it was stopped. Throws what
/// quantize_products() does, and CorruptFile when no picture could be read.
bool correct_biases(const PlanData& plan, Quantization& codes, CalibrationImages images,
                    const BiasCorrectionOptions& options);

}  // namespace vitro
