#include "cli/quantization_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "passes/quantized_products.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

constexpr size_t kWorst = 10;

/// What the graph says of a product in 8 bits, and what the build recorded.
struct Row {
  QuantizedProduct product;
  ProductRecord record;  ///< empty where there is none: a plan of an older Vitro, or another tool's

  /// Of the product's results, in dB.
  std::optional<double> sqnr() const {
    if (!record.nmse) return std::nullopt;
    return -10 * std::log10(*record.nmse);
  }
};

const std::optional<QuantizationRecord>& record_of(const Plan& plan) {
  return Internals::data(plan).quantization;
}

std::vector<Row> rows_of(const Plan& plan) {
  std::map<std::string, const ProductRecord*> records;
  if (record_of(plan))
    for (const ProductRecord& record : record_of(plan)->products) records[record.product] = &record;
  std::vector<Row> rows;
  for (QuantizedProduct& product : quantized_products(Internals::data(plan).graph)) {
    const auto found = records.find(product.name);
    rows.push_back({std::move(product), found == records.end() ? ProductRecord() : *found->second});
  }
  return rows;
}

/// Largest error first, then what is clipped most.
void sort_worst_first(std::vector<Row>& rows) {
  const auto key = [](const Row& row) {
    return std::pair(row.record.nmse.value_or(-1), row.record.clipped.value_or(-1));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& a, const Row& b) { return key(a) > key(b); });
}

/// One number where both are the same to three digits.
std::string pair_text(const std::pair<float, float>& range) {
  const std::string low = fmt::format("{:.2e}", range.first),
                    high = fmt::format("{:.2e}", range.second);
  return low == high ? low : fmt::format("{}..{}", low, high);
}

std::string text_of(const std::optional<double>& value, fmt::format_string<const double&> format) {
  return value ? fmt::format(format, *value) : "-";
}

std::string table_text(std::span<const Row> rows) {
  Table table({"product", "least", "largest", "clipped %", "error", "SQNR dB", "smoothing",
               "input scale", "weight scale"},
              {"weight scale", "input scale", "smoothing", "error"});
  for (const auto& row : rows) {
    const auto [low, high] = row.product.range();
    const ProductRecord& record = row.record;
    const auto percent = record.clipped ? std::optional(100 * *record.clipped) : std::nullopt;
    table.add_row({printable_line(row.product.name), fmt::format("{:.3g}", low),
                   fmt::format("{:.3g}", high), text_of(percent, "{:.3f}"),
                   text_of(record.nmse, "{:.2e}"), text_of(row.sqnr(), "{:.1f}"),
                   text_of(record.alpha, "{:g}"), pair_text(row.product.input_scales()),
                   pair_text(row.product.weight_scales())});
  }
  return table.text();
}

Json pair_json(const std::pair<float, float>& range) { return {range.first, range.second}; }

Json number_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json row_json(const Row& row) {
  const auto [low, high] = row.product.range();
  const ProductRecord& record = row.record;
  return {{"product", row.product.name},
          {"low", low},
          {"high", high},
          {"input_scale", pair_json(row.product.input_scales())},
          {"weight_scale", pair_json(row.product.weight_scales())},
          {"clipped", number_json(record.clipped)},
          {"nmse", number_json(record.nmse)},
          {"sqnr_db", number_json(row.sqnr())},
          {"smoothing", number_json(record.alpha)},
          {"forced", record.forced}};
}

}  // namespace

std::string quantization_text(const Plan& plan, bool all) {
  std::vector<Row> rows = rows_of(plan);
  if (rows.empty()) return "no product is in 8 bits\n";
  sort_worst_first(rows);
  const size_t shown = all ? rows.size() : std::min(rows.size(), kWorst);
  std::string text = table_text(std::span(rows).first(shown));
  if (shown < rows.size())
    text += fmt::format("({} of {} products in 8 bits, the worst first; --all shows all)\n", shown,
                        rows.size());
  const auto& record = record_of(plan);
  if (!record) return text;
  std::vector<std::pair<std::string, std::string>> fields{
      {"method", record->method.empty() ? "scales of TensorRT's cache" : record->method}};
  for (const ProductRecord& product : record->products)
    if (!product.in_8_bits())
      fields.emplace_back("float32", fmt::format("{}: {}", printable_line(product.product),
                                                 printable_line(product.stays_float)));
  return text + "\n" + fields_text(fields);
}

Json quantization_json(const Plan& plan) {
  Json products = Json::array(), floats = Json::array();
  for (const Row& row : rows_of(plan)) products.push_back(row_json(row));
  const auto& record = record_of(plan);
  if (record)
    for (const ProductRecord& product : record->products)
      if (!product.in_8_bits())
        floats.push_back({{"product", product.product}, {"why", product.stays_float}});
  return {{"method", record && !record->method.empty() ? Json(record->method) : Json()},
          {"products", products},
          {"float", floats}};
}

}  // namespace vitro::cli
