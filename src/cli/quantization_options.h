#pragma once

#include <CLI/CLI.hpp>
#include <optional>

#include "calibration/layer_precisions.h"
#include "vitro/build.h"

namespace vitro::cli {

/// What `build` does to products.
struct QuantizationOptions {
  bool int8 = false;
  std::string calibration;  ///< file or pictures
  std::string method = "output-mse";
  std::vector<LayerPrecision> precisions;
};

void add_quantization_options(CLI::App& verb, QuantizationOptions& options);

/// A plan of a model with its products in 8 bits; nothing when calibrating was interrupted. Notes
/// of the calibration are printed as warnings.
std::optional<Plan> quantized(const std::string& model, const BuildOptions& build,
                              const QuantizationOptions& options, bool quiet);

}  // namespace vitro::cli
