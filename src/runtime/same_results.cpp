#include "runtime/same_results.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/check.h"
#include "core/convert.h"
#include "ir/corners.h"
#include "measure/synthetic_input.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

using Types = std::vector<TensorType>;

int64_t elements_of(const Types& types) {
  int64_t count = 0;
  for (const TensorType& type : types) count += num_elements(type.dims);
  return count;
}

/// The default shape, and of the corners that the graph takes the largest one that costs a few
/// times as much, or else the smallest.
std::vector<Types> shapes_to_compare(const Graph& graph) {
  constexpr int64_t kMostTimes = 3;
  const Types usual = input_types(graph);
  std::vector<Types> shapes{usual};
  std::optional<Types> other;
  const auto rank = [&](const Types& types) {
    const int64_t count = elements_of(types);
    return count <= kMostTimes * elements_of(usual) ? count : -count;
  };
  const auto corners = corner_inputs(graph);
  const auto accepted = types_at(graph, corners);
  for (size_t i = 0; i < corners.size(); ++i)
    if (!accepted[i].empty() && corners[i] != usual && (!other || rank(corners[i]) > rank(*other)))
      other = corners[i];
  if (other) shapes.push_back(*other);
  return shapes;
}

double error_of(const Tensor& reference, const Tensor& tensor) {
  constexpr double kDifferent = std::numeric_limits<double>::infinity();
  const TensorView &a = reference.view(), &b = tensor.view();
  if (a.dtype != b.dtype || a.dims != b.dims) return kDifferent;
  const size_t count = static_cast<size_t>(num_elements(a.dims)),
               bytes = count * dtype_size(a.dtype);
  if (bytes == 0 || std::memcmp(a.data, b.data, bytes) == 0) return 0.0;
  const bool is_float = a.dtype == DType::Float32 || a.dtype == DType::Float64 ||
                        a.dtype == DType::Float16 || a.dtype == DType::BFloat16;
  if (!is_float) return kDifferent;
  std::vector<float> values_a(count), values_b(count);
  to_float32(a.dtype, {static_cast<const std::byte*>(a.data), bytes}, values_a.data());
  to_float32(b.dtype, {static_cast<const std::byte*>(b.data), bytes}, values_b.data());
  double difference = 0.0, largest = 0.0;
  for (size_t i = 0; i < count; ++i) {
    const double x = values_a[i], y = values_b[i];
    if (!std::isfinite(x) || !std::isfinite(y)) {
      if (!(x == y || (std::isnan(x) && std::isnan(y)))) return kDifferent;
      continue;
    }
    difference = std::max(difference, std::abs(x - y));
    largest = std::max(largest, std::abs(x));
  }
  return largest > 0 ? difference / largest : difference;
}

Session session_of(const Graph& graph) {
  auto data = std::make_shared<PlanData>();
  data->graph = graph;
  return Session(Internals::plan(std::move(data)), {"cpu"});
}

}  // namespace

std::vector<ResultsAt> compare_results(const Graph& reference, const Graph& graph) {
  const Session a = session_of(reference), b = session_of(graph);
  uint32_t seed = 11;
  std::vector<ResultsAt> results;
  for (const Types& types : shapes_to_compare(reference)) {
    ResultsAt& at = results.emplace_back();
    std::vector<Tensor> inputs;
    for (const TensorType& type : types) {
      inputs.push_back(synthetic_input(type.dims, type.dtype, seed++));
      at.inputs.push_back(type.dims);
    }
    const std::vector<Tensor> expected = a.run(inputs), got = b.run(inputs);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double error = error_of(expected[i], got[i]);
      if (i > 0 && !(error > at.error)) continue;
      at.error = error;
      at.output = expected[i].name;
    }
  }
  return results;
}

}  // namespace vitro
