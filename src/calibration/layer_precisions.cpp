#include "calibration/layer_precisions.h"

#include <algorithm>

#include "core/check.h"
#include "core/edit_distance.h"
#include "passes/quantized_product.h"

namespace vitro {
namespace {

constexpr const char* kReason = "--layerPrecisions";
constexpr std::pair<std::string_view, DType> kNames[] = {
    {"fp32", DType::Float32}, {"int8", DType::Int8}, {"fp8", DType::Float8E4M3}};

std::string_view name_of(DType dtype) {
  return std::find_if(std::begin(kNames), std::end(kNames),
                      [&](const auto& known) { return known.second == dtype; })
      ->first;
}

/// Whether a text is a pattern whose '*' stand for any text. Linear in both but for the last '*',
/// whose part is tried at each place.
bool fits(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

[[noreturn]] void fail_unknown(const std::string& name, const QuantizationRecord& record) {
  check(!record.products.empty(), ErrorCode::NotFound,
        "--layerPrecisions: the model has no products, got '{}'", name);
  const auto nearest =
      std::min_element(record.products.begin(), record.products.end(),
                       [&](const ProductRecord& a, const ProductRecord& b) {
                         return edit_distance(name, a.product) < edit_distance(name, b.product);
                       });
  fail_hint(ErrorCode::NotFound, fmt::format("the nearest of them is '{}'", nearest->product),
            "--layerPrecisions: '{}' is the name of none of the {} products", name,
            record.products.size());
}

void apply(const LayerPrecision& precision, ProductRecord& product) {
  if (precision.dtype == DType::Float32) {
    product.forced = false;
    if (product.in_8_bits()) product.stays_float = kReason;
    return;
  }
  const bool is_pattern = precision.name.find('*') != std::string::npos;
  if (product.stays_float == kReason || (!is_pattern && product.stays_float == kGivesResult))
    product.stays_float.clear();
  product.forced = product.in_8_bits();
  check(product.forced || is_pattern, ErrorCode::InvalidArgument,
        "--layerPrecisions: '{}' cannot be in 8 bits: {}", product.product, product.stays_float);
}

}  // namespace

std::optional<std::vector<LayerPrecision>> parse_layer_precisions(std::string_view text) {
  std::vector<LayerPrecision> precisions;
  while (true) {
    const std::string_view item = text.substr(0, text.find(','));
    const size_t colon = item.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    const std::string_view precision = item.substr(colon + 1);
    const auto row = std::find_if(std::begin(kNames), std::end(kNames),
                                  [&](const auto& known) { return known.first == precision; });
    if (row == std::end(kNames)) return std::nullopt;
    precisions.push_back({std::string(item.substr(0, colon)), row->second});
    if (item.size() == text.size()) return precisions;
    text.remove_prefix(item.size() + 1);
  }
}

void apply_layer_precisions(const std::vector<LayerPrecision>& precisions, DType dtype,
                            QuantizationRecord& record) {
  for (const LayerPrecision& precision : precisions) {
    check(precision.dtype == DType::Float32 || precision.dtype == dtype, ErrorCode::InvalidArgument,
          "--layerPrecisions: '{}:{}' in a build with --{}, expected {} or fp32", precision.name,
          name_of(precision.dtype), name_of(dtype), name_of(dtype));
    bool found = false;
    for (ProductRecord& product : record.products) {
      if (!fits(precision.name, product.product)) continue;
      found = true;
      apply(precision, product);
    }
    if (!found) fail_unknown(precision.name, record);
  }
}

}  // namespace vitro
