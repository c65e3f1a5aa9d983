#include "eval/prediction.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace vitro {

std::vector<double> softmax(std::span<const float> logits) {
  std::vector<double> result(logits.begin(), logits.end());
  if (result.empty()) return result;
  const double largest = *std::max_element(result.begin(), result.end());
  double sum = 0;
  for (double& value : result) sum += value = std::exp(value - largest);
  for (double& value : result) value /= sum;
  return result;
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

std::vector<int64_t> top_indices(std::span<const float> values, int64_t count) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto key = [&](int64_t i) {
    const float value = values[static_cast<size_t>(i)];
    return std::isnan(value) ? -std::numeric_limits<float>::infinity() : value;
  };
  const int64_t kept = std::min(count, static_cast<int64_t>(order.size()));
  std::partial_sort(order.begin(), order.begin() + kept, order.end(), [&](int64_t a, int64_t b) {
    return key(a) != key(b) ? key(a) > key(b) : a < b;
  });
  order.resize(static_cast<size_t>(kept));
  return order;
}

std::string class_label(const Classifier& classifier, int64_t index) {
  const auto i = static_cast<size_t>(index);
  if (i < classifier.labels.size() && !classifier.labels[i].empty()) return classifier.labels[i];
  const std::string id = class_id(classifier, index);
  return id.empty() ? fmt::format("class {}", index) : id;
}

std::string class_id(const Classifier& classifier, int64_t index) {
  const auto i = static_cast<size_t>(index);
  return i < classifier.label_ids.size() ? classifier.label_ids[i] : std::string();
}

}  // namespace vitro
