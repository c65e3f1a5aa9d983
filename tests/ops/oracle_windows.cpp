#include <algorithm>
#include <cmath>

#include "ir/infer.h"
#include "ops/oracle_ops.h"

namespace vitro::oracle {
namespace {

/// Calls body(n, y, x, o, index) for each element of [n, h, w, c].
template <typename Body>
void for_each_nhwc(const Dims& dims, Body body) {
  int64_t index = 0;
  for (int64_t n = 0; n < dims[0]; ++n)
    for (int64_t y = 0; y < dims[1]; ++y)
      for (int64_t x = 0; x < dims[2]; ++x)
        for (int64_t o = 0; o < dims[3]; ++o) body(n, y, x, o, index++);
}

}  // namespace

void conv2d(const Node& node, const Arrays& in, Array& out) {
  const Array &src = in[0], &weight = in[1];
  const Dims& w = weight.dims;  // [out, kernel_h, kernel_w, in / groups]
  const auto axes = conv_windows(node, w);
  const int64_t group = w[0] / node.as<ConvAttrs>().groups;  // results of one
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t o, int64_t index) {
    double sum = in.size() > 2 ? in[2][o] : 0.0;
    for (int64_t ky = 0; ky < w[1]; ++ky)
      for (int64_t kx = 0; kx < w[2]; ++kx)
        for (int64_t i = 0; i < w[3]; ++i)
          sum += weight[((o * w[1] + ky) * w[2] + kx) * w[3] + i] *
                 src.at_or_zero(n, y * axes[0].stride + ky * axes[0].dilation - axes[0].pad_begin,
                                x * axes[1].stride + kx * axes[1].dilation - axes[1].pad_begin,
                                o / group * w[3] + i);
    out[index] = sum;
  });
}

void pool(const Node& node, const Arrays& in, Array& out) {
  const auto axes = pool_windows(node);
  const auto& attrs = node.as<PoolAttrs>();
  const Dims& dims = in[0].dims;
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t c, int64_t index) {
    double highest = -HUGE_VAL, sum = 0, count = 0;
    for (int64_t ky = 0; ky < axes[0].kernel; ++ky)
      for (int64_t kx = 0; kx < axes[1].kernel; ++kx) {
        const int64_t row = y * axes[0].stride + ky * axes[0].dilation - axes[0].pad_begin;
        const int64_t column = x * axes[1].stride + kx * axes[1].dilation - axes[1].pad_begin;
        const bool inside = row >= 0 && row < dims[1] && column >= 0 && column < dims[2];
        const bool padded = row < dims[1] + axes[0].pad_end && column < dims[2] + axes[1].pad_end;
        count += inside || (attrs.count_include_pad && padded) ? 1 : 0;
        if (!inside) continue;
        const double value = in[0].at_or_zero(n, row, column, c);
        highest = std::max(highest, value);
        sum += value;
      }
    out[index] = attrs.function == PoolFunction::Max ? highest : sum / count;
  });
}

void depthwise_conv2d(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<Conv2dAttrs>();
  const Array &src = in[0], &weight = in[1];
  const Dims& w = weight.dims;  // [kernel_h, kernel_w, channels]
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t c, int64_t index) {
    double sum = in.size() > 2 ? in[2][c] : 0.0;
    for (int64_t ky = 0; ky < w[0]; ++ky)
      for (int64_t kx = 0; kx < w[1]; ++kx)
        sum += weight[(ky * w[1] + kx) * w[2] + c] *
               src.at_or_zero(n, y * attrs.stride[0] + ky - attrs.pad[0],
                              x * attrs.stride[1] + kx - attrs.pad[1], c);
    out[index] = sum;
  });
}

}  // namespace vitro::oracle
