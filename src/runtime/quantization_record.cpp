#include "runtime/quantization_record.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/json_reader.h"

namespace vitro {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "vitro-quantization";
constexpr int kVersion = 1;
/// Names have 4096 bytes at most, and three in place of each that is no UTF-8.
constexpr size_t kMaxText = 3 * 4096, kMaxProducts = 1 << 16, kMaxPoints = 1024, kMaxBins = 4096;
constexpr int64_t kMaxCount = int64_t{1} << 53;
constexpr double kMostNumber = 1e300;

constexpr Expect expect{"quantization"};

/// JSON has no infinity, which the divergence of answers that are no numbers is.
double finite(double value) { return std::isfinite(value) ? value : kMostNumber; }

Json product_to_json(const ProductRecord& record) {
  Json json{{"product", record.product}, {"flops", record.flops}};
  if (!record.stays_float.empty()) json["float"] = record.stays_float;
  if (record.forced) json["forced"] = true;
  const auto put = [&](const char* name, const std::optional<double>& value) {
    if (value) json[name] = finite(*value);
  };
  put("clipped", record.clipped);
  put("alpha", record.alpha);
  put("nmse", record.nmse);
  put("kl", record.divergence);
  if (record.histogram)
    json["histogram"] = {{"low", record.histogram->low},
                         {"high", record.histogram->high},
                         {"counts", record.histogram->counts}};
  return json;
}

Json search_to_json(const PrecisionSearch& search) {
  Json points = Json::array();
  for (const PrecisionPoint& point : search.points)
    points.push_back({{"products", point.products},
                      {"flops", point.flops},
                      {"top1", point.top1},
                      {"only_model", point.only_model},
                      {"only_reference", point.only_reference}});
  return {{"max_drop", search.max_drop},
          {"images", search.images},
          {"sensitivity_images", search.sensitivity_images},
          {"points", points},
          {"chosen", search.chosen}};
}

JsonReader reader(const Json& json, std::string where) {
  return {expect, json, std::move(where), kMaxText};
}

HistogramSummary histogram_from_json(const JsonReader& json) {
  const double low = json.number("low", -kMostNumber, kMostNumber);
  return {low, json.number("high", low, kMostNumber), json.counts("counts", kMaxBins)};
}

ProductRecord product_from_json(const Json& entry, size_t index) {
  const std::string name = reader(entry, fmt::format("product {}", index)).text("product");
  const JsonReader json = reader(entry, fmt::format("'{}'", name));
  const auto get = [&](const char* part, double most) -> std::optional<double> {
    if (!json.has(part)) return std::nullopt;
    return json.number(part, 0, most);
  };
  ProductRecord record;
  record.product = name;
  if (json.has("float")) record.stays_float = json.text("float");
  if (json.has("forced")) {
    expect(json.at("forced").is_boolean(), "'{}': 'forced' is {}, expected true or false", name,
           json.at("forced").type_name());
    record.forced = json.at("forced").get<bool>();
  }
  record.flops = json.number("flops", 0, kMostNumber);
  record.clipped = get("clipped", 1);
  record.alpha = get("alpha", 1);
  record.nmse = get("nmse", kMostNumber);
  record.divergence = get("kl", kMostNumber);
  if (json.has("histogram"))
    record.histogram =
        histogram_from_json(reader(json.at("histogram"), fmt::format("'{}' 'histogram'", name)));
  return record;
}

PrecisionSearch search_from_json(const JsonReader& json) {
  PrecisionSearch search;
  search.max_drop = json.number("max_drop", 0, 100);
  search.images = json.count("images", 1, kMaxCount);
  search.sensitivity_images = json.count("sensitivity_images", 0, search.images);
  for (const Json& entry : json.list("points", kMaxPoints)) {
    const JsonReader point = reader(entry, fmt::format("point {}", search.points.size()));
    search.points.push_back(
        {point.count("products", 0, kMaxCount), point.number("flops", 0, kMostNumber),
         point.count("top1", 0, search.images), point.count("only_model", 0, search.images),
         point.count("only_reference", 0, search.images)});
  }
  expect(!search.points.empty(), "'search': 'points' is empty");
  search.chosen =
      static_cast<size_t>(json.count("chosen", 0, static_cast<int64_t>(search.points.size()) - 1));
  return search;
}

QuantizationRecord parse(const Json& parsed) {
  const JsonReader json = reader(parsed, "the record");
  expect(json.text("format") == kFormat, "its 'format' is not '{}'", kFormat);
  expect(json.at("version") == kVersion, "version {}, this Vitro reads version {}",
         json.at("version").dump().substr(0, 40), kVersion);
  QuantizationRecord record;
  record.method = json.text("method", 0);
  for (const Json& entry : json.list("products", kMaxProducts))
    record.products.push_back(product_from_json(entry, record.products.size()));
  if (json.has("search")) record.search = search_from_json(reader(json.at("search"), "'search'"));
  return record;
}

/// "'a', 'b' and 3 more"
std::string names_text(const std::vector<std::string>& names) {
  constexpr size_t kListed = 5;
  std::string text;
  const size_t shown = std::min(names.size(), kListed);
  for (size_t i = 0; i < shown; ++i)
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", names[i]);
  return names.size() == shown ? text : fmt::format("{} and {} more", text, names.size() - shown);
}

}  // namespace

PairedDifference PrecisionSearch::drop(const PrecisionPoint& point) const {
  return paired_points(point.only_reference, point.only_model, images);
}

int64_t QuantizationRecord::num_in_8_bits() const {
  return std::count_if(products.begin(), products.end(),
                       [](const ProductRecord& record) { return record.in_8_bits(); });
}

double QuantizationRecord::flops() const {
  double sum = 0;
  for (const ProductRecord& record : products) sum += record.flops;
  return sum;
}

double QuantizationRecord::flops_in_8_bits() const {
  double sum = 0;
  for (const ProductRecord& record : products) sum += record.in_8_bits() ? record.flops : 0;
  return sum;
}

std::string QuantizationRecord::note() const {
  std::string text =
      fmt::format("{} of {} products are in 8 bits", num_in_8_bits(), products.size());
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons;  // as they come
  for (const ProductRecord& record : products) {
    if (record.in_8_bits()) continue;
    const auto found = std::find_if(reasons.begin(), reasons.end(), [&](const auto& reason) {
      return reason.first == record.stays_float;
    });
    auto& names = found == reasons.end()
                      ? reasons.emplace_back(record.stays_float, std::vector<std::string>()).second
                      : found->second;
    names.push_back(record.product);
  }
  const char* before = "; in float32: ";
  for (const auto& [reason, names] : reasons)
    text += fmt::format("{}{} ({})", std::exchange(before, ", "), names_text(names), reason);
  return text;
}

std::string quantization_to_json(const QuantizationRecord& record) {
  Json products = Json::array();
  for (const ProductRecord& product : record.products) products.push_back(product_to_json(product));
  Json json{{"format", kFormat},
            {"version", kVersion},
            {"method", record.method},
            {"products", products}};
  if (record.search) json["search"] = search_to_json(*record.search);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

QuantizationRecord quantization_from_json(std::string_view text) try {
  expect(text.size() <= kMaxJsonBytes, "{} bytes, at most {} are read", text.size(), kMaxJsonBytes);
  return parse(Json::parse(text));
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "quantization: {}", json_problem(error.what()));
}

}  // namespace vitro
