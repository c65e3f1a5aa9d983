#pragma once

#include <fmt/format.h>

#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/local_mixer.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {

struct MapShape {
  int n, h, w, c;
  std::string text() const { return fmt::format("[{}, {}, {}, {}]", n, h, w, c); }
};

using Doubles = std::vector<double>;

/// A convolution of each channel with its own size x size window, padded with zeros.
inline Doubles depthwise(const MapShape& k, int size, const Doubles& x,
                         const std::vector<float>& weight) {
  Doubles y(x.size());
  for (int n = 0; n < k.n; ++n)
    for (int oy = 0; oy < k.h; ++oy)
      for (int ox = 0; ox < k.w; ++ox)
        for (int i = 0; i < size; ++i)
          for (int j = 0; j < size; ++j) {
            const int iy = oy + i - size / 2, ix = ox + j - size / 2;
            if (iy < 0 || iy >= k.h || ix < 0 || ix >= k.w) continue;
            const double* src = x.data() + ((static_cast<size_t>(n) * k.h + iy) * k.w + ix) * k.c;
            double* dst = y.data() + ((static_cast<size_t>(n) * k.h + oy) * k.w + ox) * k.c;
            for (int c = 0; c < k.c; ++c) dst[c] += weight[(i * size + j) * k.c + c] * src[c];
          }
  return y;
}

inline void add_bias(Doubles& x, const std::vector<float>& bias) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += static_cast<double>(bias[i % bias.size()]);
}

/// A local mixer of random maps and weights, on the device and in double precision.
struct LocalMixerSample {
  LocalMixerSample(const MapShape& shape, Element element)
      : map(shape),
        random(static_cast<uint32_t>(map.h * 64 + map.c)),
        near_one(1.7f / std::sqrt(static_cast<float>(map.c))),
        x(random.values(element, count())),
        pos(random.values(Element::Float32, 9 * map.c, -0.3f, 0.3f)),
        spatial(random.values(Element::Float32, 25 * map.c, -0.35f, 0.35f)),
        conv1(random.values(element, map.c * map.c, -near_one, near_one)),
        conv2(random.values(element, map.c * map.c, -near_one, near_one)),
        bias0(random.values(Element::Float32, map.c)),
        bias1(random.values(Element::Float32, map.c)),
        bias2(random.values(Element::Float32, map.c)),
        dx(element, x),
        dpos(Element::Float32, centred()),
        dspatial(Element::Float32, spatial),
        dconv1(element, conv1),
        dconv2(element, conv2),
        d0(Element::Float32, bias0),
        d1(Element::Float32, bias1),
        d2(Element::Float32, bias2) {
    args = {element,
            dx.data(),
            dpos.floats(),
            d0.floats(),
            dconv1.data(),
            d1.floats(),
            dspatial.floats(),
            dconv2.data(),
            d2.floats(),
            nullptr,
            map.n,
            map.h,
            map.w,
            map.c};
  }
  int64_t count() const { return static_cast<int64_t>(map.n) * map.h * map.w * map.c; }
  Doubles reference() const {
    const int rows = map.n * map.h * map.w;
    Doubles z = depthwise(map, 3, Doubles(x.begin(), x.end()), centred());
    add_bias(z, bias0);
    const Doubles hidden = multiply_rows(z, conv1, bias1, rows, map.c, map.c);
    Doubles y = multiply_rows(depthwise(map, 5, hidden, spatial), conv2, bias2, rows, map.c, map.c);
    for (size_t i = 0; i < z.size(); ++i) y[i] += z[i];
    return y;
  }
  /// The weight of the first convolution with the residual in its centre tap.
  std::vector<float> centred() const {
    std::vector<float> weight = pos;
    for (int c = 0; c < map.c; ++c) weight[static_cast<size_t>(4 * map.c + c)] += 1.0f;
    return weight;
  }

  MapShape map;
  Random random;
  float near_one;  // weights up to here keep the size of the values
  std::vector<float> x, pos, spatial, conv1, conv2, bias0, bias1, bias2;
  DeviceTensor dx, dpos, dspatial, dconv1, dconv2, d0, d1, d2;
  LocalMixerArgs args;  // without y
};

}  // namespace vitro::cuda
