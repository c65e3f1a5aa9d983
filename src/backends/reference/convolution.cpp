#include <algorithm>
#include <array>
#include <vector>

#include "backends/reference/codes.h"
#include "backends/reference/ops.h"
#include "ir/infer.h"

namespace vitro::reference {
namespace {

/// One spatial axis of a convolution or pool.
struct Axis {
  int64_t in = 1, out = 1;
  WindowAxis window;

  /// The taps [first, last) of the kernel that meet the input, for an output position.
  std::pair<int64_t, int64_t> taps(int64_t position) const {
    const int64_t start = first(position), step = window.dilation;
    const int64_t before = start < 0 ? (-start + step - 1) / step : 0;
    const int64_t until = in > start ? (in - start + step - 1) / step : 0;
    return {std::min(before, window.kernel), std::min(until, window.kernel)};
  }
  /// Where the first tap lies.
  int64_t first(int64_t position) const { return position * window.stride - window.pad_begin; }
  int64_t at(int64_t position, int64_t tap) const {
    return first(position) + tap * window.dilation;
  }
};

/// Three spatial axes, the outer ones of extent 1 where there are fewer.
struct Geometry {
  int64_t batch, in_channels, out_channels;
  std::array<Axis, 3> axes;  ///< depth, height, width

  Geometry(const OpContext& op, const std::vector<WindowAxis>& windows) {
    const Dims &src = op.input(0).dims, &dst = op.output().dims;  // [n, spatial..., c]
    batch = src.front();
    in_channels = src.back();
    out_channels = dst.back();
    for (size_t i = 0; i < windows.size(); ++i)
      axes[3 - windows.size() + i] = {src[i + 1], dst[i + 1], windows[i]};
  }
  int64_t num_pixels() const { return batch * axes[0].out * axes[1].out * axes[2].out; }
};

/// An output pixel and the taps that meet the input there.
struct Window {
  const Geometry& geometry;
  int64_t image;
  std::array<int64_t, 3> position, first, last;

  Window(const Geometry& g, int64_t pixel) : geometry(g) {
    for (size_t i = 3; i-- > 0; pixel /= g.axes[i].out) {
      position[i] = pixel % g.axes[i].out;
      std::tie(first[i], last[i]) = g.axes[i].taps(position[i]);
    }
    image = pixel;
  }
  /// Index of the input pixel under a tap.
  int64_t input_pixel(int64_t kz, int64_t ky, int64_t kx) const {
    const auto& [z, y, x] = geometry.axes;
    return ((image * z.in + z.at(position[0], kz)) * y.in + y.at(position[1], ky)) * x.in +
           x.at(position[2], kx);
  }
  /// Calls body(kz, ky) for each row of taps.
  template <typename Body>
  void for_each_row(const Body& body) const {
    for (int64_t kz = first[0]; kz < last[0]; ++kz)
      for (int64_t ky = first[1]; ky < last[1]; ++ky) body(kz, ky);
  }
  template <typename Body>
  void for_each_tap(const Body& body) const {
    for_each_row([&](int64_t kz, int64_t ky) {
      for (int64_t kx = first[2]; kx < last[2]; ++kx) body(kz, ky, kx);
    });
  }
};

// dst[n, y, x, o] = bias[o] + sum over the taps and the channels i of o's group of
// w[o, ky, kx, i] * src[n, y', x', i]
void conv_pixel(const Geometry& g, int64_t groups, int64_t pixel, const float* src,
                const float* weight, const float* bias, float* dst) {
  const Window window(g, pixel);
  const Axis &z = g.axes[0], &y = g.axes[1], &x = g.axes[2];
  const int64_t in = g.in_channels / groups, out = g.out_channels / groups;
  const int64_t num_taps = window.last[2] - window.first[2];
  // Without groups and dilation a row of taps is one run of memory in the input as in the weights.
  const bool is_run = groups == 1 && x.window.dilation == 1;
  for (int64_t o = 0; o < g.out_channels; ++o) {
    double sum = bias ? bias[o] : 0.0;
    const int64_t channel = o / std::max<int64_t>(out, 1) * in;
    window.for_each_row([&](int64_t kz, int64_t ky) {
      for (int64_t kx = window.first[2]; kx < window.last[2]; kx += is_run ? num_taps : 1) {
        const float* row = src + window.input_pixel(kz, ky, kx) * g.in_channels + channel;
        const int64_t tap = ((o * z.window.kernel + kz) * y.window.kernel + ky) * x.window.kernel;
        sum += dot(row, weight + (tap + kx) * in, is_run ? num_taps * in : in);
      }
    });
    dst[pixel * g.out_channels + o] = static_cast<float>(sum);
  }
}

/// The codes under the taps of a window, [taps, channels]. Outside of the input x is 0.
template <typename Codes>
void window_codes(const Geometry& g, int64_t pixel, const float* src, const float* factor,
                  const float* offset, typename Codes::Code* codes) {
  const Window window(g, pixel);
  const Axis &y = g.axes[1], &x = g.axes[2];
  const int64_t taps = g.axes[0].window.kernel * y.window.kernel * x.window.kernel;
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t c = 0; c < g.in_channels; ++c)
      codes[tap * g.in_channels + c] = Codes::code_of(0.0f, factor[c], offset[c]);
  window.for_each_tap([&](int64_t kz, int64_t ky, int64_t kx) {
    const float* row = src + window.input_pixel(kz, ky, kx) * g.in_channels;
    auto* dst = codes + ((kz * y.window.kernel + ky) * x.window.kernel + kx) * g.in_channels;
    for (int64_t c = 0; c < g.in_channels; ++c)
      dst[c] = Codes::code_of(row[c], factor[c], offset[c]);
  });
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
    window.for_each_tap([&](int64_t kz, int64_t ky, int64_t kx) {
      const float* in = src + window.input_pixel(kz, ky, kx) * channels + first;
      const float* w = weight + (ky * g.axes[2].window.kernel + kx) * channels + first;
      for (int64_t c = 0; c < count; ++c)
        sums[c] += static_cast<double>(in[c]) * static_cast<double>(w[c]);
    });
    for (int64_t c = 0; c < count; ++c)
      dst[pixel * channels + first + c] = static_cast<float>(sums[c]);
  }
}

/// A NaN in the window stays.
void max_pool_pixel(const Geometry& g, int64_t pixel, const float* src, float* dst) {
  const Window window(g, pixel);
  for (int64_t c = 0; c < g.in_channels; ++c) {
    float peak = -std::numeric_limits<float>::infinity();
    window.for_each_tap([&](int64_t kz, int64_t ky, int64_t kx) {
      const float x = src[window.input_pixel(kz, ky, kx) * g.in_channels + c];
      if (x > peak || x != x) peak = x;
    });
    dst[pixel * g.in_channels + c] = peak;
  }
}

/// The taps that count: those on the input, or those on input and padding.
double count_taps(const Window& window, bool with_padding) {
  double count = 1;
  for (size_t i = 0; i < 3; ++i) {
    const Axis& axis = window.geometry.axes[i];
    int64_t taps = window.last[i] - window.first[i];
    if (with_padding) {  // a window of ceil_mode may reach beyond the padding
      taps = 0;
      for (int64_t tap = 0; tap < axis.window.kernel; ++tap)
        taps += axis.at(window.position[i], tap) < axis.in + axis.window.pad_end;
    }
    count *= static_cast<double>(taps);
  }
  return count;
}

void average_pool_pixel(const Geometry& g, bool count_padding, int64_t pixel, const float* src,
                        float* dst) {
  const Window window(g, pixel);
  const double count = count_taps(window, count_padding);
  for (int64_t c = 0; c < g.in_channels; ++c) {
    double sum = 0;
    window.for_each_tap([&](int64_t kz, int64_t ky, int64_t kx) {
      sum += static_cast<double>(src[window.input_pixel(kz, ky, kx) * g.in_channels + c]);
    });
    dst[pixel * g.in_channels + c] = static_cast<float>(sum / count);
  }
}

/// function(pixel, args) for each pixel of the result.
template <typename Function>
std::unique_ptr<Kernel> make_pixelwise(const Geometry& geometry, Function function) {
  const int64_t num_pixels = geometry.num_pixels();
  return make_kernel([num_pixels, function](const KernelArgs& args) {
    parallel_for(num_pixels, team_of(args), [&](int64_t pixel) { function(pixel, args); });
  });
}

}  // namespace

std::unique_ptr<Kernel> make_conv(const OpContext& op) {
  const Geometry g(op, conv_windows(op.node, op.input(1).dims));  // [out, kernel..., in / groups]
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  return make_pixelwise(g, [g, groups](int64_t pixel, const KernelArgs& args) {
    conv_pixel(g, groups, pixel, args.in<float>(0), args.in<float>(1), args.in<float>(2),
               args.out<float>());
  });
}

std::unique_ptr<Kernel> make_quantized_conv(const OpContext& op) {
  const Dims& dims = op.input(1).dims;  // [out, kernel..., in]
  const Geometry g(op, conv_windows(op.node, dims));
  const int64_t terms = num_elements(Dims(dims.begin() + 1, dims.end()));
  return with_codes(op, [&]<typename Codes>(Codes) {
    const CodeOperand<typename Codes::Weight> weight(op, 1);
    return make_pixelwise(g, [g, terms, weight](int64_t pixel, const KernelArgs& args) {
      std::vector<typename Codes::Code> codes(static_cast<size_t>(terms));
      window_codes<Codes>(g, pixel, args.in<float>(0), args.in<float>(4), args.in<float>(5),
                          codes.data());
      const float *bias = args.in<float>(2), *scale = args.in<float>(3);
      for (int64_t o = 0; o < g.out_channels; ++o)
        args.out<float>()[pixel * g.out_channels + o] =
            Codes::result(codes.data(), weight.data(args) + o * terms, terms, scale[o], bias[o]);
    });
  });
}

std::unique_ptr<Kernel> make_depthwise_conv2d(const OpContext& op) {
  const Dims& weight = op.input(1).dims;  // [kernel_h, kernel_w, channels]
  const auto& attrs = op.node.as<Conv2dAttrs>();
  const Geometry g(op, {{weight[0], attrs.stride[0], 1, attrs.pad[0], attrs.pad[2]},
                        {weight[1], attrs.stride[1], 1, attrs.pad[1], attrs.pad[3]}});
  return make_pixelwise(g, [g](int64_t pixel, const KernelArgs& args) {
    depthwise_conv2d_pixel(g, pixel, args.in<float>(0), args.in<float>(1), args.in<float>(2),
                           args.out<float>());
  });
}

std::unique_ptr<Kernel> make_pool(const OpContext& op) {
  const Geometry g(op, pool_windows(op.node));
  const auto& attrs = op.node.as<PoolAttrs>();
  if (attrs.function == PoolFunction::Max)
    return make_pixelwise(g, [g](int64_t pixel, const KernelArgs& args) {
      max_pool_pixel(g, pixel, args.in<float>(0), args.out<float>());
    });
  return make_pixelwise(
      g, [g, count_padding = attrs.count_include_pad](int64_t pixel, const KernelArgs& args) {
        average_pool_pixel(g, count_padding, pixel, args.in<float>(0), args.out<float>());
      });
}

}  // namespace vitro::reference
