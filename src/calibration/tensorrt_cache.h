#pragma once

#include <filesystem>

#include "calibration/calibration.h"

namespace vitro {

/// A calibration cache of TensorRT: text, the scale of each tensor as the digits of its float32.
struct TensorRtCache {
  std::string version = "100000";                         ///< digits: those of TensorRT 10.0.0
  CalibrationMethod method = CalibrationMethod::Entropy;  ///< or MinMax
  std::map<std::string, float> scales;                    ///< of tensors by name; positive

  bool operator==(const TensorRtCache&) const = default;
};

/// Whether a text begins like one.
bool is_tensorrt_cache(std::string_view text);

/// "TRT-100000-EntropyCalibration2", then lines "NAME: 3c010a14". Throws CorruptFile, naming the
/// line: another header, no eight digits, a scale that is not finite, normal and positive, or a
/// name that stands twice.
TensorRtCache parse_tensorrt_cache(std::string_view text);
std::string tensorrt_cache_text(const TensorRtCache& cache);

/// Codes for the inputs that the cache has a scale for, by the name of the product or of its input:
/// symmetric ones. Names of `missing` products are those that it has nothing for. Throws NotFound
/// when it has nothing for any.
Quantization quantizations_of(const TensorRtCache& cache, std::span<const CalibratedInput> inputs,
                              std::vector<std::string>* missing = nullptr);

/// What TensorRT would store for the same statistics, by the first name of each input. `method` is
/// Entropy or MinMax; throws NotFound when it was not asked for.
TensorRtCache to_tensorrt_cache(const Calibration& calibration, CalibrationMethod method);

}  // namespace vitro
