#include "calibration/calibration_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "calibration/products.h"
#include "core/byte_reader.h"
#include "core/expect.h"
#include "core/file_io.h"
#include "core/json.h"
#include "core/json_reader.h"

namespace vitro {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "vitro-calibration";
constexpr int kVersion = 1;
constexpr size_t kMaxText = kMaxProductName, kMaxInputs = 1 << 16, kMaxNotes = 1024, kMaxNames = 16,
                 kMaxBins = 4096, kMaxKeys = 64;

constexpr Expect expect{"calibration"};

/// The shortest digits that are this float32 again.
Json number(float value) {
  const std::string digits = fmt::format("{}", value);
  double result = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), result);
  return result;
}

/// One number where all are equal.
Json numbers(const std::vector<float>& values) {
  if (std::all_of(values.begin(), values.end(), [&](float v) { return v == values.front(); }))
    return number(values.front());
  Json list = Json::array();
  for (float value : values) list.push_back(number(value));
  return list;
}

/// Notes that can be read back.
std::vector<std::string> shortened(std::vector<std::string> notes) {
  notes.resize(std::min(notes.size(), kMaxNotes));
  for (std::string& note : notes) note.resize(std::min(note.size(), kMaxText / 4));
  return notes;
}

Json range_to_json(const ChosenRange& range) {
  Json json{{"factor", numbers(range.codes.factor)},
            {"offset", numbers(range.codes.offset)},
            {"clipped", range.clipped}};
  if (range.alpha) json["alpha"] = *range.alpha;
  if (range.nmse) json["nmse"] = *range.nmse;
  return json;
}

Json input_to_json(const CalibratedInput& input) {
  Json methods = Json::object();
  for (const ChosenRange& range : input.ranges)
    methods[to_string(range.method)] = range_to_json(range);
  return {{"product", input.product},
          {"input_names", input.input_names},
          {"channels", input.channels},
          {"rows", input.rows},
          {"not_finite", input.not_finite},
          {"min", number(input.min)},
          {"max", number(input.max)},
          {"methods", methods},
          {"histogram",
           {{"low", input.histogram.low},
            {"high", input.histogram.high},
            {"counts", input.histogram.counts}}},
          {"means", numbers(input.means)}};
}

/// Reads the parts of an object, with those that only calibrations have.
class Reader : public JsonReader {
 public:
  Reader(const Json& json, std::string where)
      : JsonReader(expect, json, std::move(where), kMaxText) {}

  std::string hash(const char* name) const {
    const std::string digits = text(name);
    expect(digits.size() == 16 && digits.find_first_not_of("0123456789abcdef") == std::string::npos,
           "{}: '{}' is '{}', expected 16 hexadecimal digits", where(), name, digits);
    return digits;
  }
  /// One number for all channels, or one for each.
  std::vector<float> numbers(const char* name, int64_t channels, double least, double most) const {
    const Json& value = at(name);
    const auto size = static_cast<size_t>(channels);
    if (!value.is_array())
      return std::vector<float>(size, static_cast<float>(number(value, name, least, most)));
    expect(value.size() == size, "{}: '{}' has {} numbers, expected one or {}, its channels",
           where(), name, value.size(), size);
    std::vector<float> result;
    for (const Json& entry : value)
      result.push_back(static_cast<float>(number(entry, name, least, most)));
    return result;
  }
};

constexpr double kLargest = 3.4028235e38, kLeastFactor = 1.1754944e-38;
constexpr int64_t kMaxCount = int64_t{1} << 53;

ChosenRange range_from_json(const Reader& json, CalibrationMethod method, int64_t channels) {
  ChosenRange range;
  range.method = method;
  range.codes.factor = json.numbers("factor", channels, kLeastFactor, kLargest);
  range.codes.offset = json.numbers("offset", channels, -kLargest, kLargest);
  range.clipped = json.number("clipped", 0, 1);
  if (json.has("alpha")) range.alpha = json.number("alpha", 0, 1);
  if (json.has("nmse")) range.nmse = json.number("nmse", 0, 1e300);
  return range;
}

HistogramSummary summary_from_json(const Reader& json) {
  const double low = json.number("low", -kLargest, kLargest);
  return {low, json.number("high", low, kLargest), json.counts("counts", kMaxBins)};
}

CalibratedInput input_from_json(const Json& entry, size_t index) {
  const Reader unnamed(entry, fmt::format("input {}", index));
  CalibratedInput input;
  input.product = unnamed.text("product");
  const Reader json(entry, fmt::format("'{}'", input.product));
  input.input_names = json.texts("input_names", kMaxNames);
  input.channels = json.count("channels", 1, kMaxProductChannels);
  input.rows = json.count("rows", 0, kMaxCount);
  input.not_finite = json.count("not_finite", 0, kMaxCount);
  input.min = static_cast<float>(json.number("min", -kLargest, kLargest));
  input.max = static_cast<float>(json.number("max", static_cast<double>(input.min), kLargest));
  input.means = json.numbers("means", input.channels, -kLargest, kLargest);
  input.histogram = summary_from_json({json.at("histogram"), json.where() + " 'histogram'"});
  const Json& methods = json.at("methods");
  expect(methods.is_object() && !methods.empty(), "{}: 'methods' is {} of {}, expected some",
         json.where(), methods.type_name(), methods.size());
  for (const auto& [name, range] : methods.items()) {
    const auto known = std::find_if(
        std::begin(kCalibrationMethods), std::end(kCalibrationMethods),
        [&, &text = name](CalibrationMethod method) { return text == to_string(method); });
    expect(known != std::end(kCalibrationMethods), "{}: method '{}' is not known", json.where(),
           name);
    expect(input.find(*known) == nullptr, "{}: method '{}' is there twice", json.where(), name);
    input.ranges.push_back(range_from_json({range, fmt::format("{} '{}'", json.where(), name)},
                                           *known, input.channels));
  }
  return input;
}

Calibration parse(const Json& parsed) {
  expect(parsed.is_object() && parsed.contains("format") && parsed["format"] == kFormat,
         "its 'format' is not '{}'", kFormat);
  const Reader json(parsed, "the file");
  expect(json.at("version") == kVersion, "version {}, this Vitro reads version {}",
         json.at("version").dump().substr(0, 40), kVersion);
  Calibration calibration;
  const Reader model(json.at("model"), "'model'"), images(json.at("images"), "'images'");
  calibration.source = model.text("source", 0);
  calibration.model_hash = model.hash("hash");
  calibration.images = images.count("count", 1, kMaxCount);
  calibration.image_hash = images.hash("hash");
  calibration.preprocessing = json.text("preprocessing");
  calibration.notes = json.texts("notes", kMaxNotes);
  std::set<std::string> names;
  for (const Json& entry : json.list("inputs", kMaxInputs)) {
    calibration.inputs.push_back(input_from_json(entry, calibration.inputs.size()));
    const std::string& name = calibration.inputs.back().product;
    expect(names.insert(name).second, "product '{}' is there twice", name);
  }
  return calibration;
}

/// Which of two equal keys counts would be a guess; and an ordered object looks through all of its
/// keys for each new one.
Json parse_strictly(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  return Json::parse(text, [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      expect(keys.back().size() < kMaxKeys, "an object of more than {} parts", kMaxKeys);
      expect(keys.back().insert(value.get<std::string>()).second, "'{}' is there twice",
             value.get<std::string>().substr(0, 80));
    }
    return true;
  });
}

}  // namespace

std::string calibration_to_json(const Calibration& calibration) {
  const Json head{{"format", kFormat},
                  {"version", kVersion},
                  {"model", {{"source", calibration.source}, {"hash", calibration.model_hash}}},
                  {"images", {{"count", calibration.images}, {"hash", calibration.image_hash}}},
                  {"preprocessing", calibration.preprocessing},
                  {"notes", shortened(calibration.notes)}};
  const auto line = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::string text = "{\n";
  for (const auto& [name, value] : head.items())
    text += fmt::format("\"{}\": {},\n", name, line(value));
  text += "\"inputs\": [";
  for (size_t i = 0; i < calibration.inputs.size(); ++i)
    text += (i == 0 ? "\n" : ",\n") + line(input_to_json(calibration.inputs[i]));
  return text + "\n]\n}\n";
}

Calibration calibration_from_json(std::string_view text) try {
  expect(text.size() <= kMaxJsonBytes, "{} bytes, at most {} are read", text.size(), kMaxJsonBytes);
  return parse(parse_strictly(text));
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "calibration: {}", json_problem(error.what()));
}

Calibration load_calibration(const std::filesystem::path& path) {
  return parse_calibration(as_text(read_file(path, kMaxJsonBytes)), path);
}

Calibration parse_calibration(std::string_view text, const std::filesystem::path& path) {
  try {
    return calibration_from_json(text);
  } catch (const Error& error) {
    fail_hint(error.code(),
              fmt::format("write it again: vitro calibrate MODEL IMAGES -o {}", path.string()),
              "'{}': {}", path.string(), error.what());
  }
}

void save_calibration(const Calibration& calibration, const std::filesystem::path& path) {
  const std::string text = calibration_to_json(calibration);
  check(text.size() <= kMaxJsonBytes, ErrorCode::Unsupported,
        "the calibration of {} products has {} bytes, at most {} are read back",
        calibration.inputs.size(), text.size(), kMaxJsonBytes);
  write_file_atomic(path, as_byte_span(text));
}

}  // namespace vitro
