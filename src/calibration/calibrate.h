#pragma once

#include <functional>

#include "calibration/calibration.h"
#include "calibration/images.h"
#include "calibration/layer_precisions.h"
#include "runtime/quantization_record.h"
#include "vitro/quantize.h"

namespace vitro {

struct CalibrateOptions {
  std::vector<CalibrationMethod> methods{CalibrationMethod::OutputMse};
  std::optional<bool> smoothing = {};  ///< whether it is tried; usual: by OutputMse alone
  int64_t max_images = 1024;           ///< at equal distances, where there are more
  int64_t batch = 8;
  int threads = 0;                   ///< 0: one for each available core
  std::filesystem::path evaluation;  ///< whose pictures should be others; empty: not compared
  DecodeLimits limits = {};          ///< of one picture
  std::function<void(int64_t done, int64_t total)> on_progress = [](int64_t, int64_t) {};
  std::function<void(const std::string& message)> on_failure = [](const std::string&) {};
  std::function<bool()> stop = [] { return false; };  ///< asked between batches and products

  /// Where what was gathered is kept every `keep_every` pictures, at the end of the pass and when
  /// it is stopped; whoever has stored the calibration removes it. What is there is gone on from,
  /// when it is of the same model, pictures and settings (the methods may be others). Empty:
  /// nowhere.
  std::filesystem::path partial = {};
  int64_t keep_every = 64;
  std::function<void(int64_t done, int64_t total)> on_resume = [](int64_t, int64_t) {};
  /// Why it could not go on from what is there, which it will replace.
  std::function<void(const std::string& reason)> on_restart = [](const std::string&) {};
};

/// Runs a checkpoint or an ONNX model on pictures with its own
/// preprocessing on the cpu backend and gathers what its products read, in one pass over bounded
/// memory. Nothing when it was stopped; see `partial`. Throws what building throws, InvalidArgument
/// for a plan, Unsupported for a model that is no classifier of pictures or has no products, and
/// CorruptFile when no picture could be read.
std::optional<Calibration> calibrate(const std::filesystem::path& model, const BuildOptions& build,
                                     CalibrationImages pictures, const CalibrateOptions& options);

/// What a build in 8 bits takes.
struct CalibratedCodes {
  Quantization codes;
  QuantizationRecord record;  ///< all products: without codes, and the model's result, stay float
};

/// What codes are made of.
struct CodesRequest {
  /// A file of calibrate(), which must be of the model, a cache of TensorRT (whose codes are what
  /// they are), or pictures, with which it is calibrated now.
  std::filesystem::path calibration;
  CalibrateOptions calibrate;                   ///< of the methods the first one counts
  DType dtype = DType::Int8;                    ///< of the weights: Int8 or Float8E4M3
  std::vector<LayerPrecision> precisions = {};  ///< which products stay float
  BiasCorrection bias_correction = BiasCorrection::Rounding;
  /// Pictures of a Sequential one; empty: those of `calibration`, which must then be pictures.
  std::filesystem::path bias_images = {};
};

/// Throws InvalidArgument for what the options cannot be.
CodesRequest codes_request(const QuantizeOptions& options);

/// The codes for a build of `model`; nothing when it was stopped. What is to be said is appended to
/// `notes`. Throws what calibrate(), apply_layer_precisions(), correct_biases() and the readers of
/// these files throw, and InvalidArgument where there are no pictures to correct biases with.
std::optional<CalibratedCodes> codes_for(const std::filesystem::path& model,
                                         const BuildOptions& build, const CodesRequest& request,
                                         std::vector<std::string>& notes);

}  // namespace vitro
