#include <algorithm>
#include <cmath>

#include "ops/oracle_ops.h"

namespace vitro::oracle {
namespace {

/// A reduction of the terms of one result.
double reduced(ReduceFunction function, const std::vector<double>& x) {
  double sum = 0, product = 1, magnitudes = 0, squares = 0, exponentials = 0;
  for (double v : x) {
    sum += v, product *= v, magnitudes += std::abs(v), squares += v * v;
    exponentials += std::exp(v);
  }
  switch (function) {
    case ReduceFunction::Mean:
      return sum / static_cast<double>(x.size());
    case ReduceFunction::Max:
      return *std::max_element(x.begin(), x.end());
    case ReduceFunction::Min:
      return *std::min_element(x.begin(), x.end());
    case ReduceFunction::Sum:
      return sum;
    case ReduceFunction::Prod:
      return product;
    case ReduceFunction::L1:
      return magnitudes;
    case ReduceFunction::L2:
      return std::sqrt(squares);
    case ReduceFunction::SumSquare:
      return squares;
    case ReduceFunction::LogSum:
      return std::log(sum);
    case ReduceFunction::LogSumExp:
      return std::log(exponentials);
  }
  return sum;
}

}  // namespace

void reduce(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<ReduceAttrs>();
  std::vector<std::vector<double>> terms(out.data.size());
  for (int64_t i = 0; i < in[0].size(); ++i) {
    const Dims from = coordinates(i, in[0].dims);
    Dims to;
    for (size_t axis = 0; axis < from.size(); ++axis)
      if (std::find(attrs.axes.begin(), attrs.axes.end(), static_cast<int64_t>(axis)) ==
          attrs.axes.end())
        to.push_back(from[axis]);
    terms[static_cast<size_t>(position(to, out.dims))].push_back(in[0][i]);
  }
  for (int64_t i = 0; i < out.size(); ++i)
    out[i] = reduced(attrs.function, terms[static_cast<size_t>(i)]);
}

void cum_sum(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<CumSumAttrs>();
  const auto axis = static_cast<size_t>(attrs.axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    const int64_t end = to[axis];
    Dims from = to;
    for (from[axis] = 0; from[axis] < out.dims[axis]; ++from[axis]) {
      const bool before = attrs.reverse ? from[axis] > end : from[axis] < end;
      if (before || (from[axis] == end && !attrs.exclusive))
        out[i] += in[0][position(from, out.dims)];
    }
  }
}

/// The values; ties do not tell them apart.
void top_k(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<TopKAttrs>();
  const auto axis = static_cast<size_t>(attrs.axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    const auto place = static_cast<size_t>(from[axis]);
    std::vector<double> line;
    for (from[axis] = 0; from[axis] < in[0].dims[axis]; ++from[axis])
      line.push_back(in[0][position(from, in[0].dims)]);
    std::sort(line.begin(), line.end());
    out[i] = attrs.largest ? line[line.size() - 1 - place] : line[place];
  }
}

}  // namespace vitro::oracle
