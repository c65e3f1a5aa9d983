#include <algorithm>
#include <tuple>

#include "backends/reference/ops.h"

namespace vitro::reference {
namespace {

/// One spatial axis of a convolution.
struct Axis {
  int64_t in, out, kernel, stride, pad;

  /// The taps [first, last) of the kernel that meet the input, for an output position.
  std::pair<int64_t, int64_t> taps(int64_t position) const {
    const int64_t start = position * stride - pad;
    return {std::clamp<int64_t>(-start, 0, kernel), std::clamp<int64_t>(in - start, 0, kernel)};
  }
};

struct Geometry {
  int64_t batch, in_channels, out_channels;
  Axis y, x;

  Geometry(const OpContext& op, int64_t kernel_h, int64_t kernel_w) {
    const auto& attrs = op.node.as<Conv2dAttrs>();
    const Dims &src = op.input(0).dims, &dst = op.output().dims;  // [n, h, w, c]
    batch = src[0];
    in_channels = src[3];
    out_channels = dst[3];
    y = {src[1], dst[1], kernel_h, attrs.stride[0], attrs.pad[0]};
    x = {src[2], dst[2], kernel_w, attrs.stride[1], attrs.pad[1]};
  }

  int64_t num_pixels() const { return batch * y.out * x.out; }
};

/// An output pixel and the taps that meet the input there.
struct Window {
  int64_t image, start_y, start_x, first_y, last_y, first_x, last_x;

  Window(const Geometry& g, int64_t pixel) {
    const int64_t px = pixel % g.x.out, py = pixel / g.x.out % g.y.out;
    image = pixel / g.x.out / g.y.out;
    start_y = py * g.y.stride - g.y.pad;
    start_x = px * g.x.stride - g.x.pad;
    std::tie(first_y, last_y) = g.y.taps(py);
    std::tie(first_x, last_x) = g.x.taps(px);
  }

  /// Index of the input pixel under a tap.
  int64_t input_pixel(const Geometry& g, int64_t ky, int64_t kx) const {
    return (image * g.y.in + start_y + ky) * g.x.in + start_x + kx;
  }
};

// dst[n, y, x, o] = bias[o] + sum over ky, kx, i of w[o, ky, kx, i] * src[n, y', x', i]
void conv2d_pixel(const Geometry& g, int64_t pixel, const float* src, const float* weight,
                  const float* bias, float* dst) {
  const Window window(g, pixel);
  // In NHWC a row of taps is one run of memory in the input as in the weights [o, ky, kx, i].
  const int64_t run = std::max<int64_t>(window.last_x - window.first_x, 0) * g.in_channels;
  for (int64_t o = 0; o < g.out_channels; ++o) {
    double sum = bias ? bias[o] : 0.0;
    for (int64_t ky = window.first_y; ky < window.last_y; ++ky)
      sum +=
          dot(src + window.input_pixel(g, ky, window.first_x) * g.in_channels,
              weight + ((o * g.y.kernel + ky) * g.x.kernel + window.first_x) * g.in_channels, run);
    dst[pixel * g.out_channels + o] = static_cast<float>(sum);
  }
}

// dst[n, y, x, c] = bias[c] + sum over ky, kx of w[ky, kx, c] * src[n, y', x', c]
void depthwise_conv2d_pixel(const Geometry& g, int64_t pixel, const float* src, const float* weight,
                            const float* bias, float* dst) {
  constexpr int64_t kBlock = 64;  // channels whose sums live on the stack
  const Window window(g, pixel);
  const int64_t channels = g.in_channels;
  for (int64_t first = 0; first < channels; first += kBlock) {
    const int64_t count = std::min(kBlock, channels - first);
    double sums[kBlock] = {};
    if (bias) std::copy_n(bias + first, count, sums);
    for (int64_t ky = window.first_y; ky < window.last_y; ++ky)
      for (int64_t kx = window.first_x; kx < window.last_x; ++kx) {
        const float* in = src + window.input_pixel(g, ky, kx) * channels + first;
        const float* w = weight + (ky * g.x.kernel + kx) * channels + first;
        for (int64_t c = 0; c < count; ++c)
          sums[c] += static_cast<double>(in[c]) * static_cast<double>(w[c]);
      }
    for (int64_t c = 0; c < count; ++c)
      dst[pixel * channels + first + c] = static_cast<float>(sums[c]);
  }
}

using PixelFunction = void (*)(const Geometry&, int64_t, const float*, const float*, const float*,
                               float*);

std::unique_ptr<Kernel> make_pixelwise(const Geometry& geometry, PixelFunction function) {
  return make_kernel([geometry, function](const KernelArgs& args) {
    const float* bias = args.in<float>(2);
    const int64_t num_pixels = geometry.num_pixels();
    parallel_for(num_pixels, team_of(args), [&](int64_t pixel) {
      function(geometry, pixel, args.in<float>(0), args.in<float>(1), bias, args.out<float>());
    });
  });
}

}  // namespace

std::unique_ptr<Kernel> make_conv2d(const OpContext& op) {
  const Dims& weight = op.input(1).dims;  // [out, kernel_h, kernel_w, in]
  return make_pixelwise(Geometry(op, weight[1], weight[2]), conv2d_pixel);
}

std::unique_ptr<Kernel> make_depthwise_conv2d(const OpContext& op) {
  const Dims& weight = op.input(1).dims;  // [kernel_h, kernel_w, channels]
  return make_pixelwise(Geometry(op, weight[0], weight[1]), depthwise_conv2d_pixel);
}

}  // namespace vitro::reference
