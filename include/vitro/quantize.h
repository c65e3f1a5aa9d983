#pragma once

#include <functional>
#include <string>

#include "vitro/build.h"

namespace vitro {

/// What biases of products in 8 bits are corrected for.
enum class BiasCorrection : uint8_t {
  None,
  Rounding,    ///< what the rounding of the weights adds for the mean input of the calibration
  Sequential,  ///< the mean error of the results, measured product by product on pictures
};
/// "none", "rounding", "sequential". Throws InvalidArgument, listing the names.
BiasCorrection bias_correction(std::string_view name);

/// How products are made of 8 bits; docs/quantization.md explains what each choice costs.
struct QuantizeOptions {
  DType dtype = DType::Int8;  ///< of the weights: Int8 or Float8E4M3
  /// What `vitro calibrate` wrote for this model, TensorRT's calibration cache, or pictures to
  /// calibrate with: a folder, or a list with a path a line.
  std::filesystem::path calibration;
  std::string method = "output-mse";  ///< or "mse", "percentile", "entropy", "minmax"
  /// Products by name that stay float32, or are in 8 bits: "NAME:fp32,NAME:int8,NAME:fp8,..." as
  /// trtexec has it, `*` standing for any text. The head is in 8 bits where it is named.
  std::string layer_precisions;
  BiasCorrection bias_correction = BiasCorrection::Rounding;
  /// Pictures of a Sequential one; empty: those of `calibration`, which must then be pictures.
  std::filesystem::path bias_images;
  int threads = 0;  ///< of the calibration and the correction; 0: one for each available core
  /// What calibration and build have to say, a sentence each.
  std::function<void(const std::string& note)> on_note = [](const std::string&) {};
};

/// build() with products of 8 bits, as `vitro build --int8` and `--fp8` do it. Throws what build()
/// does, and InvalidArgument (a calibration of another model, a choice that cannot be), NotFound (a
/// file, a method that the file does not have, a name that fits no product), CorruptFile or
/// Unsupported (a model that is no classifier of pictures, where pictures are needed).
Plan build(const std::filesystem::path& model, const BuildOptions& options,
           const QuantizeOptions& quantize);

}  // namespace vitro
