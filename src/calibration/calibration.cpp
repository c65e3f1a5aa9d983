#include "calibration/calibration.h"

#include <fmt/ranges.h>
#include <algorithm>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/checksum.h"
#include "image/names.h"

namespace vitro {
namespace {

constexpr size_t kSummaryBins = 64;

}  // namespace

HistogramSummary summary_of(const TensorStatistics& statistics) {
  const Range whole = minmax_range(statistics);
  HistogramSummary summary{whole.low, whole.high, {}};
  const Histogram& histogram = statistics.histogram();
  if (histogram.total() == 0) return summary;
  summary.counts.resize(kSummaryBins);
  const auto add = [&](double value, uint64_t count) {
    const double width = std::max(whole.high - whole.low, 1e-300);
    const double bin = (value - whole.low) / width * static_cast<double>(kSummaryBins);
    summary
        .counts[static_cast<size_t>(std::clamp(bin, 0.0, static_cast<double>(kSummaryBins - 1)))] +=
        count;
  };
  if (histogram.width() == 0) add(0, histogram.total());
  for (size_t i = 0; i < histogram.num_bins(); ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * histogram.width();
    add(centre, histogram.positive()[i]);
    add(-centre, histogram.negative()[i]);
  }
  return summary;
}

const ChosenRange* CalibratedInput::find(CalibrationMethod method) const {
  const auto found = std::find_if(ranges.begin(), ranges.end(),
                                  [&](const ChosenRange& range) { return range.method == method; });
  return found == ranges.end() ? nullptr : &*found;
}

std::string model_hash(const PlanInfo& info, std::span<const WeightRecord> weights) {
  Checksum sum;
  sum.update(as_byte_span(info.source_checksum));
  for (const WeightRecord& weight : weights)
    sum.update(as_byte_span(fmt::format("\n{}\t{}", weight.name, weight.checksum)));
  return sum.digits();
}

std::string preprocessing_id(const Preprocessing& p) {
  return fmt::format("{}x{} crop {} {} {} mean {} std {}", p.height, p.width, p.crop_pct,
                     name_in(kCropModes, p.crop_mode), name_in(kInterpolations, p.interpolation),
                     fmt::join(p.mean, ","), fmt::join(p.std, ","));
}

Quantization quantizations_of(const Calibration& calibration, CalibrationMethod method) {
  Quantization result;
  for (const CalibratedInput& input : calibration.inputs) {
    const ChosenRange* range = input.find(method);
    if (range == nullptr) {
      std::string others;
      for (const ChosenRange& other : input.ranges)
        others += fmt::format("{}{}", others.empty() ? "" : ", ", to_string(other.method));
      fail_hint(ErrorCode::NotFound,
                fmt::format("calibrate again with --calib-method {}", to_string(method)),
                "the calibration has nothing of method {} for '{}', only of {}", to_string(method),
                input.product, others.empty() ? "none" : others);
    }
    result[input.product] = range->codes;
    result[input.product].mean = input.means;
  }
  return result;
}

void check_model(const Calibration& calibration, const PlanInfo& info,
                 std::span<const WeightRecord> weights, const std::string& file) {
  const std::string expected = model_hash(info, weights);
  if (calibration.model_hash == expected) return;
  fail_hint(ErrorCode::InvalidArgument,
            fmt::format("calibrate this one: vitro calibrate {} IMAGES -o {}", info.source, file),
            "calibration '{}' is of another model: '{}' with hash {}, expected {} of '{}'", file,
            calibration.source, calibration.model_hash, expected, info.source);
}

}  // namespace vitro
