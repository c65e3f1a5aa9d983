#include "cli/quantization_page.h"

#include <algorithm>
#include <cmath>

#include "cli/quantization_report.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>vitro inspect --quant</title>
<style>
:root { --page: #f6f7f9; --card: #fff; --text: #1c2430; --soft: #5d6878; --line: #dde2e9; --bar: #7fa8d9; --end: #a4500b; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12161c; --card: #1a2029; --text: #e4e9f0; --soft: #98a4b5; --line: #2d3643; --bar: #426b9c; --end: #f0a35e; }
}
body { margin: 0 auto; padding: 18px 24px; max-width: 1320px; background: var(--page); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 21px; overflow-wrap: anywhere; }
p, summary, figcaption { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(400px, 1fr)); gap: 12px; }
figure { margin: 0; padding: 12px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figcaption { font-size: 12.5px; }
figcaption b { display: block; color: var(--text); font-size: 14px; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; }
svg rect { fill: var(--bar); }
svg .axis { stroke: var(--line); }
svg .end { stroke: var(--end); stroke-width: 1.6; }
svg .inner { stroke-dasharray: 4 3; }
details { margin-top: 14px; }
summary { cursor: pointer; margin-bottom: 10px; }
</style>
</head>
<body>
)";

std::string escaped(std::string_view text) {
  std::string result;
  for (char c : printable_line(text)) {
    if (c == '<' || c == '>' || c == '&' || c == '"')
      result += fmt::format("&#{};", static_cast<int>(c));
    else
      result += c;
  }
  return result;
}

constexpr double kWidth = 420, kHeight = 130;

/// From values to places in the picture.
struct Axis {
  double low, high;

  double operator()(double value) const { return (value - low) / (high - low) * kWidth; }
};

/// The histogram and the ends of the codes, whichever reach further.
Axis axis_of(const QuantizedRow& row) {
  const auto [low, high] = row.product.range();
  Axis axis{static_cast<double>(low), static_cast<double>(high)};
  if (const auto& histogram = row.record.histogram) {
    axis.low = std::min(axis.low, histogram->low);
    axis.high = std::max(axis.high, histogram->high);
  }
  if (!(axis.high > axis.low)) axis.high = axis.low + 1;
  return axis;
}

/// Heights are logarithms of counts: what is clipped is rare.
std::string bars(const HistogramSummary& histogram, const Axis& axis) {
  uint64_t most = 1;
  for (uint64_t count : histogram.counts) most = std::max(most, count);
  const double part =
      (histogram.high - histogram.low) / static_cast<double>(histogram.counts.size());
  std::string svg;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    if (histogram.counts[i] == 0) continue;
    const double height = kHeight * std::log1p(static_cast<double>(histogram.counts[i])) /
                          std::log1p(static_cast<double>(most));
    const double left = axis(histogram.low + part * static_cast<double>(i)),
                 right = axis(histogram.low + part * static_cast<double>(i + 1));
    svg += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{:.4g} to "
        "{:.4g}: "
        "{}</title></rect>\n",
        left, kHeight - height, std::max(right - left - 0.5, 0.5), height,
        histogram.low + part * static_cast<double>(i),
        histogram.low + part * static_cast<double>(i + 1), histogram.counts[i]);
  }
  return svg;
}

std::string end_line(double value, const Axis& axis, const char* classes, const char* what) {
  return fmt::format(
      "<line class=\"{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"0\" y2=\"{}\"><title>{} {:.4g}</title>"
      "</line>\n",
      classes, axis(value), axis(value), kHeight, what, value);
}

std::string picture(const QuantizedRow& row) {
  const Axis axis = axis_of(row);
  const auto [low, high] = row.product.range();
  const auto [inner_low, inner_high] = row.product.common_range();
  std::string svg = fmt::format("<svg viewBox=\"-4 -4 {} {}\" role=\"img\" aria-label=\"{}\">\n",
                                kWidth + 8, kHeight + 24, escaped(row.product.name));
  if (row.record.histogram && !row.record.histogram->counts.empty())
    svg += bars(*row.record.histogram, axis);
  svg += fmt::format("<line class=\"axis\" x1=\"0\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n", kWidth,
                     kHeight, kHeight);
  svg += end_line(static_cast<double>(low), axis, "end", "least code:");
  svg += end_line(static_cast<double>(high), axis, "end", "largest code:");
  // Where smoothing gives channels other ranges: that of the narrowest.
  if (inner_low > low && inner_low < inner_high)
    svg += end_line(static_cast<double>(inner_low), axis, "end inner", "least of every channel:");
  if (inner_high < high && inner_low < inner_high)
    svg +=
        end_line(static_cast<double>(inner_high), axis, "end inner", "largest of every channel:");
  svg += fmt::format(
      "<text x=\"0\" y=\"{0}\">{1:.3g}</text><text x=\"{2}\" y=\"{0}\" text-anchor=\"end\">{3:.3g}"
      "</text></svg>\n",
      kHeight + 15, axis.low, kWidth, axis.high);
  return svg;
}

std::string figure(const QuantizedRow& row) {
  const auto [low, high] = row.product.range();
  const ProductRecord& record = row.record;
  std::string caption = fmt::format("codes {:.3g} to {:.3g}", low, high);
  if (record.clipped) caption += fmt::format(", clip {:.3f} %", 100 * *record.clipped);
  if (record.nmse) caption += fmt::format(", error {:.2e} ({:.1f} dB)", *record.nmse, *row.sqnr());
  if (record.alpha && *record.alpha > 0) caption += fmt::format(", smoothing {:g}", *record.alpha);
  if (!record.histogram) caption += "; the calibration has no histogram";
  return fmt::format("<figure>\n{}<figcaption><b>{}</b>{}</figcaption></figure>\n", picture(row),
                     escaped(row.product.name), caption);
}

std::string figures(std::span<const QuantizedRow> rows) {
  std::string html = "<div class=\"figures\">\n";
  for (const QuantizedRow& row : rows) html += figure(row);
  return html + "</div>\n";
}

}  // namespace

std::string quantization_page(const Plan& plan, const std::string& model) {
  const std::vector<QuantizedRow> rows = worst_first(plan);
  const auto& record = Internals::data(plan).quantization;
  std::string page = kHead;
  page += fmt::format(
      "<h1>{}</h1>\n<p>{} product{} in 8 bits{}. Inputs of products, the largest error "
      "first: how often values occurred (logarithmic), and between which values the "
      "codes are; dashed: those that every channel has, where smoothing makes them "
      "differ.</p>\n",
      escaped(model), rows.size(), rows.size() == 1 ? "" : "s",
      record ? fmt::format(", {}", escaped(method_text(*record))) : "");
  const size_t shown = std::min(rows.size(), kWorstShown);
  page += figures(std::span(rows).first(shown));
  if (shown < rows.size())
    page += fmt::format("<details><summary>The other {}</summary>\n{}</details>\n",
                        rows.size() - shown, figures(std::span(rows).subspan(shown)));
  return page + "</body>\n</html>\n";
}

}  // namespace vitro::cli
