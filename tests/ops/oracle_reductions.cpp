#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/oracle_ops.h"

namespace vitro::oracle {
namespace {

double reduced(ReduceFunction function, const std::vector<double>& elements) {
  const auto sum = [&](auto term) {
    double total = 0.0;
    for (const double x : elements) total += term(x);
    return total;
  };
  switch (function) {
    case ReduceFunction::Mean:
      return sum([](double x) { return x; }) / static_cast<double>(elements.size());
    case ReduceFunction::Max:
      return *std::max_element(elements.begin(), elements.end());
    case ReduceFunction::Min:
      return *std::min_element(elements.begin(), elements.end());
    case ReduceFunction::Sum:
      return sum([](double x) { return x; });
    case ReduceFunction::L1:
      return sum([](double x) { return std::abs(x); });
    case ReduceFunction::L2:
      return std::sqrt(sum([](double x) { return x * x; }));
    case ReduceFunction::SumSquare:
      return sum([](double x) { return x * x; });
    default:
      throw std::logic_error("a reduction that no case has");
  }
}

}  // namespace

void reduce(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<ReduceAttrs>();
  std::vector<std::vector<double>> groups(static_cast<size_t>(out.size()));
  for (int64_t i = 0; i < in[0].size(); ++i) {
    const Dims from = coordinates(i, in[0].dims);
    Dims to;
    for (size_t axis = 0; axis < from.size(); ++axis)
      if (std::find(attrs.axes.begin(), attrs.axes.end(), static_cast<int64_t>(axis)) ==
          attrs.axes.end())
        to.push_back(from[axis]);
    groups[static_cast<size_t>(position(to, out.dims))].push_back(in[0][i]);
  }
  for (int64_t i = 0; i < out.size(); ++i)
    out[i] = reduced(attrs.function, groups[static_cast<size_t>(i)]);
}

void cum_sum(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<CumSumAttrs>();
  const auto axis = static_cast<size_t>(attrs.axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims at = coordinates(i, out.dims);
    const int64_t own = at[axis];
    Dims from = at;
    out[i] = 0.0;
    for (int64_t t = 0; t < out.dims[axis]; ++t) {
      from[axis] = t;
      const bool counts = attrs.reverse ? t > own : t < own;
      if (counts || (t == own && !attrs.exclusive)) out[i] += in[0][position(from, out.dims)];
    }
  }
}

}  // namespace vitro::oracle
