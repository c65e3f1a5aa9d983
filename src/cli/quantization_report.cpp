#include "cli/quantization_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "calibration/precision_search.h"
#include "cli/table.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

const std::optional<QuantizationRecord>& record_of(const Plan& plan) {
  return Internals::data(plan).quantization;
}

std::vector<QuantizedRow> rows_of(const Plan& plan) {
  std::map<std::string, const ProductRecord*> records;
  if (record_of(plan))
    for (const ProductRecord& record : record_of(plan)->products) records[record.product] = &record;
  std::vector<QuantizedRow> rows;
  for (QuantizedProduct& product : quantized_products(Internals::data(plan).graph)) {
    const auto found = records.find(product.name);
    rows.push_back({std::move(product), found == records.end() ? ProductRecord() : *found->second});
  }
  return rows;
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

std::string table_text(std::span<const QuantizedRow> rows) {
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

Json row_json(const QuantizedRow& row) {
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

/// Most sensitive first, in the order in which they are restored.
std::string sensitivity_text(const QuantizationRecord& record, bool all) {
  const std::vector<size_t> order = by_sensitivity(record);
  const auto restored = static_cast<size_t>(std::count_if(
      order.begin(), order.end(), [&](size_t i) { return !record.products[i].in_8_bits(); }));
  const size_t shown = all ? order.size() : std::min(order.size(), std::max(restored, kWorstShown));
  Table table({"product", "KL", "MFLOP", "KL / GFLOP", "precision"});
  for (size_t i = 0; i < shown; ++i) {
    const ProductRecord& product = record.products[order[i]];
    table.add_row({printable_line(product.product), fmt::format("{:.2e}", *product.divergence),
                   fmt::format("{:.1f}", product.flops * 1e-6),
                   fmt::format("{:.2e}", *product.divergence / std::max(product.flops, 1.0) * 1e9),
                   product.in_8_bits() ? "int8" : "fp32"});
  }
  std::string text = table.text();
  if (shown < order.size())
    text += fmt::format("({} of {} products, the most sensitive first)\n", shown, order.size());
  return text + "\n";
}

double percent(int64_t part, int64_t total) {
  return 100 * static_cast<double>(part) / static_cast<double>(total);
}

Json search_json(const QuantizationRecord& record) {
  const PrecisionSearch& search = *record.search;
  Json points = Json::array();
  for (size_t i = 0; i < search.points.size(); ++i) {
    const PrecisionPoint& point = search.points[i];
    const PairedDifference drop = search.drop(point);
    points.push_back({{"products", point.products},
                      {"flops_share", point.flops / std::max(record.flops(), 1.0)},
                      {"top1", percent(point.top1, search.images)},
                      {"drop", drop.value},
                      {"drop_interval", {drop.interval.low, drop.interval.high}},
                      {"pareto", is_pareto(search, i)},
                      {"chosen", i == search.chosen}});
  }
  Json products = Json::array();
  for (size_t i : by_sensitivity(record))
    products.push_back({{"product", record.products[i].product},
                        {"kl", *record.products[i].divergence},
                        {"flops", record.products[i].flops},
                        {"restored", !record.products[i].in_8_bits()}});
  return {{"max_drop", search.max_drop},
          {"images", search.images},
          {"sensitivity_images", search.sensitivity_images},
          {"sensitivity", products},
          {"points", points}};
}

}  // namespace

std::optional<double> QuantizedRow::sqnr() const {
  if (!record.nmse) return std::nullopt;
  return -10 * std::log10(*record.nmse);
}

std::vector<QuantizedRow> worst_first(const Plan& plan) {
  std::vector<QuantizedRow> rows = rows_of(plan);
  const auto key = [](const QuantizedRow& row) {
    return std::pair(row.record.nmse.value_or(-1), row.record.clipped.value_or(-1));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const QuantizedRow& a, const QuantizedRow& b) { return key(a) > key(b); });
  return rows;
}

std::string method_text(const QuantizationRecord& record) {
  return record.method.empty() ? "scales of TensorRT's cache" : record.method;
}

std::string search_text(const QuantizationRecord& record, bool all) {
  const PrecisionSearch& search = *record.search;
  std::vector<size_t> order(search.points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return search.points[a].flops > search.points[b].flops;
  });
  Table table({"int8", "FLOP %", "top-1 %", "drop", "95 % interval", ""});
  for (size_t i : order) {
    const PrecisionPoint& point = search.points[i];
    const PairedDifference drop = search.drop(point);
    const bool holds = is_at_most(drop, search.max_drop);
    table.add_row({fmt::format("{}", point.products),
                   fmt::format("{:.1f}", 100 * point.flops / std::max(record.flops(), 1.0)),
                   fmt::format("{:.2f}", percent(point.top1, search.images)),
                   fmt::format("{:.2f}", drop.value),
                   fmt::format("{:.2f} to {:.2f}", drop.interval.low, drop.interval.high),
                   fmt::format("{}{}", is_pareto(search, i) ? "pareto" : "",
                               i == search.chosen && holds ? ", chosen" : "")});
  }
  const PrecisionPoint& any = search.points.front();
  table.add_row({"0", "0.0",
                 fmt::format("{:.2f}", percent(any.top1 - any.only_model + any.only_reference,
                                               search.images)),
                 "0.00", "", "float32"});
  const std::string sensitivity =
      search.sensitivity_images > 0 ? sensitivity_text(record, all) : std::string();
  return sensitivity + table.text();
}

std::string quantization_text(const Plan& plan, bool all) {
  const std::vector<QuantizedRow> rows = worst_first(plan);
  if (rows.empty()) return "no product is in 8 bits\n";
  const size_t shown = all ? rows.size() : std::min(rows.size(), kWorstShown);
  std::string text = table_text(std::span(rows).first(shown));
  if (shown < rows.size())
    text += fmt::format("({} of {} products in 8 bits, the worst first; --all shows all)\n", shown,
                        rows.size());
  const auto& record = record_of(plan);
  if (!record) return text;
  std::vector<std::pair<std::string, std::string>> fields{{"method", method_text(*record)}};
  for (const ProductRecord& product : record->products)
    if (!product.in_8_bits())
      fields.emplace_back("float32", fmt::format("{}: {}", printable_line(product.product),
                                                 printable_line(product.stays_float)));
  text += "\n" + fields_text(fields);
  return record->search ? text + "\n" + search_text(*record, all) : text;
}

Json quantization_json(const Plan& plan) {
  Json products = Json::array(), floats = Json::array();
  for (const QuantizedRow& row : rows_of(plan)) products.push_back(row_json(row));
  const auto& record = record_of(plan);
  if (record)
    for (const ProductRecord& product : record->products)
      if (!product.in_8_bits())
        floats.push_back({{"product", product.product}, {"why", product.stays_float}});
  return {{"method", record && !record->method.empty() ? Json(record->method) : Json()},
          {"products", products},
          {"float", floats},
          {"search", record && record->search ? search_json(*record) : Json()}};
}

}  // namespace vitro::cli
