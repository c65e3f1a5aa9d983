#include <algorithm>
#include <cmath>

#include "ir/infer.h"
#include "ops/oracle_ops.h"

namespace vitro::oracle {

void batch_norm(const Node& node, const Arrays& in, Array& out) {
  const double eps = node.as<NormAttrs>().eps;
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t c = i % out.dims.back();
    out[i] = (in[0][i] - in[3][c]) / std::sqrt(in[4][c] + eps) * in[1][c] + in[2][c];
  }
}

void layer_norm(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<NormAttrs>();
  const double eps = static_cast<double>(attrs.eps);
  const int64_t channels = num_elements(Dims(out.dims.end() - attrs.axes, out.dims.end()));
  for (int64_t first = 0; first < out.size(); first += channels) {
    double mean = 0.0, variance = 0.0;
    for (int64_t c = 0; c < channels; ++c) mean += in[0][first + c] / static_cast<double>(channels);
    for (int64_t c = 0; c < channels; ++c)
      variance += std::pow(in[0][first + c] - mean, 2) / static_cast<double>(channels);
    for (int64_t c = 0; c < channels; ++c) {
      const double y = (in[0][first + c] - mean) / std::sqrt(variance + eps);
      out[first + c] = y * (in.size() > 1 ? in[1][c] : 1.0) + (in.size() > 2 ? in[2][c] : 0.0);
    }
  }
}

void group_norm(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<GroupNormAttrs>();
  const int64_t channels = out.dims.back(), width = channels / attrs.groups;
  const int64_t image = out.size() / out.dims[0];
  const auto normalize = [&](int64_t first, int64_t first_channel) {
    double sum = 0.0, squares = 0.0, count = 0.0;
    const auto for_each = [&](auto body) {
      for (int64_t pixel = first; pixel < first + image; pixel += channels)
        for (int64_t c = first_channel; c < first_channel + width; ++c) body(pixel + c, c);
    };
    for_each([&](int64_t i, int64_t) { sum += in[0][i], ++count; });
    for_each([&](int64_t i, int64_t) { squares += std::pow(in[0][i] - sum / count, 2); });
    const double scale = 1.0 / std::sqrt(squares / count + static_cast<double>(attrs.eps));
    for_each([&](int64_t i, int64_t c) {
      const double y = (in[0][i] - sum / count) * scale;
      out[i] = y * (in.size() > 1 ? in[1][c] : 1.0) + (in.size() > 2 ? in[2][c] : 0.0);
    });
  };
  for (int64_t first = 0; first < out.size(); first += image)
    for (int64_t channel = 0; channel < channels; channel += width) normalize(first, channel);
}

void softmax(const Node& node, const Arrays& in, Array& out) {
  const auto rank = static_cast<int64_t>(out.dims.size());
  const size_t axis = axis_of(node, node.as<SoftmaxAttrs>().axis, rank);
  const int64_t extent = out.dims[axis];
  const int64_t step =
      num_elements(Dims(out.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, out.dims.end()));
  for (int64_t row = 0; row < out.size() / extent; ++row) {
    const int64_t first = row / step * extent * step + row % step;
    const int64_t end = first + extent * step;
    double peak = in[0][first], sum = 0.0;
    for (int64_t i = first; i < end; i += step) peak = std::max(peak, in[0][i]);
    for (int64_t i = first; i < end; i += step) sum += std::exp(in[0][i] - peak);
    for (int64_t i = first; i < end; i += step) {
      const double away = in[0][i] - peak;
      out[i] = node.kind == OpKind::LogSoftmax ? away - std::log(sum) : std::exp(away) / sum;
    }
  }
}

}  // namespace vitro::oracle
