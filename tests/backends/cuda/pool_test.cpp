#include "backends/cuda/kernels/pool.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using PoolTest = DeviceTest;

/// Of one window: its first taps along the axes, and a channel of an image.
double pooled(const PoolArgs& a, const float* image, int z0, int y0, int x0, int c) {
  const auto counts = [](const PoolAxis& axis, int at) { return at < axis.in + axis.pad_end; };
  const auto inside = [](const PoolAxis& axis, int at) { return at >= 0 && at < axis.in; };
  double sum = 0, peak = -1e300, met = 0, taps = 0;
  for (int kz = 0; kz < a.depth.kernel; ++kz)
    for (int ky = 0; ky < a.height.kernel; ++ky)
      for (int kx = 0; kx < a.width.kernel; ++kx) {
        const int z = z0 + kz * a.depth.dilation, y = y0 + ky * a.height.dilation,
                  x = x0 + kx * a.width.dilation;
        taps += counts(a.depth, z) && counts(a.height, y) && counts(a.width, x);
        if (!inside(a.depth, z) || !inside(a.height, y) || !inside(a.width, x)) continue;
        const double v =
            static_cast<double>(image[((z * a.height.in + y) * a.width.in + x) * a.c + c]);
        sum += v, peak = std::max(peak, v), ++met;
      }
  return a.average ? sum / (a.count_padding ? taps : met) : peak;
}

std::vector<double> reference(const PoolArgs& a, const std::vector<float>& x) {
  std::vector<double> y;
  const auto first = [](const PoolAxis& axis, int out) {
    return out * axis.stride - axis.pad_begin;
  };
  for (int n = 0; n < a.n; ++n)
    for (int oz = 0; oz < a.depth.out; ++oz)
      for (int oy = 0; oy < a.height.out; ++oy)
        for (int ox = 0; ox < a.width.out; ++ox)
          for (int c = 0; c < a.c; ++c)
            y.push_back(pooled(a, x.data() + n * a.depth.in * a.height.in * a.width.in * a.c,
                               first(a.depth, oz), first(a.height, oy), first(a.width, ox), c));
  return y;
}

TEST_F(PoolTest, WindowsOfAnyShape) {
  struct Case {
    int n, c;
    PoolAxis height, width, depth{};
  };
  for (const Element element : kElements)
    for (const Case& k :
         {Case{2, 64, {20, 10, 3, 2, 1, 1, 1}, {14, 7, 3, 2, 1, 1, 1}},
          Case{1, 5, {9, 4, 2, 2, 1, 0, 0}, {11, 10, 2, 1, 1, 0, 0}},
          Case{3, 16, {7, 4, 3, 2, 1, 1, 1}, {6, 2, 3, 2, 2, 0, 1}},
          Case{2, 7, {}, {15, 8, 3, 2, 1, 1, 1}},
          Case{2, 8, {6, 3, 3, 2, 1, 1, 0}, {7, 4, 2, 2, 1, 0, 1}, {5, 4, 2, 1, 1, 0, 0}}})
      for (const bool average : {false, true})
        for (const bool count_padding : {false, true}) {
          PoolArgs args{average, count_padding, element,  nullptr, nullptr,
                        k.n,     k.c,           k.height, k.width, k.depth};
          Random random(7);
          const auto x = random.values(
              element, static_cast<int64_t>(k.n) * k.depth.in * k.height.in * k.width.in * k.c, -2,
              2);
          const DeviceTensor dx(element, x);
          DeviceTensor dy(
              element, static_cast<int64_t>(k.n) * k.depth.out * k.height.out * k.width.out * k.c);
          args.x = dx.data(), args.y = dy.data();
          expect_result(
              fmt::format("{} c {} average {} padding {}", element_name(element), k.c, average,
                          count_padding),
              dy, [&](const Launch& launch) { pool(args, launch); }, reference(args, x),
              tolerance_of(element));
        }
}

}  // namespace
}  // namespace vitro::cuda
