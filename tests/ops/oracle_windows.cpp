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

/// Calls body(number of the tap, its place in src, whether that is inside, whether it is before the
/// end of the padding) for each tap of the window of the result at `at`.
template <typename Body>
void for_each_tap(const std::vector<WindowAxis>& axes, const Dims& src, const Dims& at, Body body) {
  Dims kernel;
  for (const WindowAxis& axis : axes) kernel.push_back(axis.kernel);
  for (int64_t tap = 0; tap < num_elements(kernel); ++tap) {
    const Dims k = coordinates(tap, kernel);
    Dims from = at;
    bool inside = true, padded = true;
    for (size_t a = 0; a < axes.size(); ++a) {
      from[a + 1] = at[a + 1] * axes[a].stride + k[a] * axes[a].dilation - axes[a].pad_begin;
      inside = inside && from[a + 1] >= 0 && from[a + 1] < src[a + 1];
      padded = padded && from[a + 1] < src[a + 1] + axes[a].pad_end;
    }
    body(tap, from, inside, padded);
  }
}

}  // namespace

void conv(const Node& node, const Arrays& in, Array& out) {
  const Array &src = in[0], &weight = in[1];
  const Dims& w = weight.dims;  // [out, kernel..., in / groups]
  const auto axes = conv_windows(node, w);
  const int64_t group = w[0] / node.as<ConvAttrs>().groups;  // results of one
  const int64_t taps = num_elements(w) / w[0] / w.back();
  for (int64_t pixel = 0; pixel < out.size(); pixel += w[0]) {
    for (int64_t o = 0; o < w[0]; ++o) out[pixel + o] = in.size() > 2 ? in[2][o] : 0.0;
    for_each_tap(axes, src.dims, coordinates(pixel, out.dims),
                 [&](int64_t tap, const Dims& from, bool inside, bool) {
                   if (!inside) return;
                   const int64_t src_pixel = position(from, src.dims);
                   for (int64_t o = 0; o < w[0]; ++o) {
                     const int64_t row = (o * taps + tap) * w.back();
                     const int64_t first = src_pixel + o / group * w.back();
                     double sum = 0.0;
                     for (int64_t i = 0; i < w.back(); ++i) sum += weight[row + i] * src[first + i];
                     out[pixel + o] += sum;
                   }
                 });
  }
}

void pool(const Node& node, const Arrays& in, Array& out) {
  const auto axes = pool_windows(node);
  const auto& attrs = node.as<PoolAttrs>();
  for (int64_t index = 0; index < out.size(); ++index) {
    double highest = -HUGE_VAL, sum = 0, count = 0;
    for_each_tap(axes, in[0].dims, coordinates(index, out.dims),
                 [&](int64_t, const Dims& from, bool inside, bool padded) {
                   count += inside || (attrs.count_include_pad && padded) ? 1 : 0;
                   if (!inside) return;
                   const double value = in[0][position(from, in[0].dims)];
                   highest = std::max(highest, value);
                   sum += value;
                 });
    out[index] = attrs.function == PoolFunction::Max ? highest : sum / count;
  }
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
