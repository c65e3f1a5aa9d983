#include "calibration/tensorrt_cache.h"

#include <bit>
#include <charconv>
#include <cmath>

#include "core/expect.h"
#include "image/text_list.h"

namespace vitro {
namespace {

constexpr std::string_view kPrefix = "TRT-";
constexpr std::string_view kEntropy = "-EntropyCalibration2", kMinMax = "-MinMaxCalibration";
constexpr Expect expect{"TensorRT's calibration cache"};

bool are_digits(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

void read_header(std::string_view line, TensorRtCache& cache) {
  expect(line.starts_with(kPrefix), "line 1 is '{}', expected 'TRT-VERSION-EntropyCalibration2'",
         line.substr(0, 80));
  line.remove_prefix(kPrefix.size());
  const bool entropy = line.ends_with(kEntropy);
  expect(entropy || line.ends_with(kMinMax),
         "line 1 has the calibrator '{}', expected EntropyCalibration2 or MinMaxCalibration",
         line.substr(std::min(line.find('-') + 1, line.size())).substr(0, 80));
  cache.method = entropy ? CalibrationMethod::Entropy : CalibrationMethod::MinMax;
  line.remove_suffix(entropy ? kEntropy.size() : kMinMax.size());
  expect(are_digits(line, "0123456789") && line.size() <= 16,
         "line 1 has the version '{}', expected digits", line.substr(0, 80));
  cache.version = line;
}

/// Names may have colons: the last one ends the name.
void read_scale(std::string_view line, size_t number, TensorRtCache& cache) {
  const size_t colon = line.rfind(": ");
  expect(colon != std::string_view::npos && colon > 0, "line {} is '{}', expected 'NAME: SCALE'",
         number, line.substr(0, 80));
  const std::string_view digits = line.substr(colon + 2);
  expect(digits.size() == 8 && are_digits(digits, "0123456789abcdefABCDEF"),
         "line {}: the scale is '{}', expected 8 hexadecimal digits", number, digits.substr(0, 80));
  uint32_t bits = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  const auto scale = std::bit_cast<float>(bits);
  expect(std::isnormal(scale) && scale > 0, "line {}: the scale {} is {}, expected more than zero",
         number, digits, scale);
  const std::string name(line.substr(0, colon));
  expect(cache.scales.emplace(name, scale).second, "line {}: '{}' is there twice", number, name);
}

}  // namespace

bool is_tensorrt_cache(std::string_view text) { return text.starts_with(kPrefix); }

TensorRtCache parse_tensorrt_cache(std::string_view text) {
  const std::vector<std::string_view> lines = split_lines(text, "TensorRT's calibration cache");
  TensorRtCache cache;
  read_header(lines[0], cache);
  for (size_t i = 1; i < lines.size(); ++i) read_scale(lines[i], i + 1, cache);
  return cache;
}

std::string tensorrt_cache_text(const TensorRtCache& cache) {
  std::string text = fmt::format("{}{}{}\n", kPrefix, cache.version,
                                 cache.method == CalibrationMethod::Entropy ? kEntropy : kMinMax);
  for (const auto& [name, scale] : cache.scales)
    text += fmt::format("{}: {:08x}\n", name, std::bit_cast<uint32_t>(scale));
  return text;
}

Quantization quantizations_of(const TensorRtCache& cache, std::span<const CalibratedInput> inputs,
                              std::vector<std::string>* missing) {
  Quantization result;
  for (const CalibratedInput& input : inputs) {
    std::vector<std::string> names = input.input_names;
    names.push_back(input.product);
    for (const std::string& name : names) {
      const auto found = cache.scales.find(name);
      if (found == cache.scales.end()) continue;
      result[input.product] = symmetric_codes(static_cast<double>(found->second) * 127,
                                              static_cast<size_t>(input.channels));
      break;
    }
    if (missing != nullptr && !result.contains(input.product)) missing->push_back(input.product);
  }
  if (result.empty() && !inputs.empty())
    fail_hint(ErrorCode::NotFound,
              "names must be those of this model's tensors: calibrate it instead",
              "TensorRT's calibration cache has {} tensors, and none is an input of the {} "
              "products, such as '{}'",
              cache.scales.size(), inputs.size(),
              inputs[0].input_names.empty() ? inputs[0].product : inputs[0].input_names[0]);
  return result;
}

TensorRtCache to_tensorrt_cache(const Calibration& calibration, CalibrationMethod method) {
  check(method == CalibrationMethod::Entropy || method == CalibrationMethod::MinMax,
        ErrorCode::InvalidArgument,
        "TensorRT's calibration cache of method {}, expected entropy or minmax", to_string(method));
  TensorRtCache cache;
  cache.method = method;
  quantizations_of(calibration, method);  // throws when it is not there
  for (const CalibratedInput& input : calibration.inputs) {
    double threshold = static_cast<double>(std::max(-input.min, input.max));
    if (method == CalibrationMethod::Entropy)
      threshold = 127 / static_cast<double>(input.find(method)->codes.factor[0]);
    if (!(threshold > 1e-30)) threshold = 1;
    cache.scales[input.input_names.empty() ? input.product : input.input_names[0]] =
        static_cast<float>(threshold / 127);
  }
  return cache;
}

}  // namespace vitro
