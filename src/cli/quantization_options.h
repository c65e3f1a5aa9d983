#pragma once

#include <optional>
#include <string>

#include "cli/options.h"
#include "vitro/quantize.h"

namespace CLI {
class App;
}

namespace vitro::cli {

/// What `build` does to products.
struct QuantizationOptions {
  bool int8 = false, fp8 = false;  ///< at most one
  QuantizeOptions quantize;        ///< its dtype follows from these
  std::optional<double> max_drop;  ///< points of top-1 below the model in float
  std::string evaluation;          ///< the pictures that it is measured on
  int64_t sensitivity_images = 64;

  bool in_8_bits() const { return int8 || fp8; }
};

void add_quantization_options(CLI::App& verb, QuantizationOptions& options);
/// What the options cannot say of each other, in the verb's callback. Throws a CLI::Error.
void check_quantization_options(const QuantizationOptions& options);

/// A plan of a model with its products in 8 bits; nothing when there is none, for a reason that has
/// been reported, with an exit code. Notes of the calibration are printed as warnings; `common` is
/// of the verb, whose own build options are not used.
struct QuantizedPlan {
  std::optional<Plan> plan;
  int exit_code = 0;
};
QuantizedPlan quantized(const CommonOptions& common, const BuildOptions& build,
                        const QuantizationOptions& options);

}  // namespace vitro::cli
