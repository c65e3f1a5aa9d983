#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "calibration/ranges.h"
#include "frontend/imported_model.h"
#include "runtime/quantization_record.h"

namespace vitro {

/// What a method chose for the input of a product.
struct ChosenRange {
  CalibrationMethod method{};
  InputQuantization codes;
  double clipped = 0;                           ///< share of the values outside of the codes
  std::optional<double> alpha = {}, nmse = {};  ///< of output-mse, see OutputChoice

  bool operator==(const ChosenRange&) const = default;
};

/// Of 64 parts.
HistogramSummary summary_of(const TensorStatistics& statistics);

struct CalibratedInput {
  std::string product;                   ///< Node::source
  std::vector<std::string> input_names;  ///< what other tools may call the tensor
  int64_t channels = 0;
  int64_t rows = 0;        ///< that were seen
  int64_t not_finite = 0;  ///< values
  float min = 0, max = 0;
  std::vector<float> means;  ///< by channel
  HistogramSummary histogram;
  std::vector<ChosenRange> ranges;  ///< of each method that was asked for

  /// Null when the method was not asked for.
  const ChosenRange* find(CalibrationMethod method) const;
  bool operator==(const CalibratedInput&) const = default;
};

/// What a model's products read on some pictures, and the codes that follow from it.
struct Calibration {
  std::string source;      ///< file name of the model
  std::string model_hash;  ///< model_hash() of it
  std::string image_hash;  ///< of the contents of the pictures, in order
  int64_t images = 0;
  std::string preprocessing;  ///< preprocessing_id()
  std::vector<std::string> notes;
  std::vector<CalibratedInput> inputs;  ///< in execution order

  bool operator==(const Calibration&) const = default;
};

/// 16 hexadecimal digits that say which model: XXH3-64 of the checksum of the file it was read from
/// and of the names and checksums of the weights that were taken from it (and from files beside
/// it).
std::string model_hash(const PlanInfo& info, std::span<const WeightRecord> weights);

/// "224x224 crop 0.875 center bicubic mean 0.485,0.456,0.406 std 0.229,0.224,0.225"
std::string preprocessing_id(const Preprocessing& preprocessing);

/// What a method chose. Throws NotFound when the calibration does not have it, and says which it
/// has.
Quantization quantizations_of(const Calibration& calibration, CalibrationMethod method);

/// Throws InvalidArgument when it is that of another model.
void check_model(const Calibration& calibration, const PlanInfo& info,
                 std::span<const WeightRecord> weights, const std::string& file);

}  // namespace vitro
