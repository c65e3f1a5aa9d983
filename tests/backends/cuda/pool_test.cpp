#include "backends/cuda/kernels/pool.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using PoolTest = DeviceTest;

std::vector<double> reference(const PoolArgs& a, const std::vector<float>& x) {
  std::vector<double> y;
  const auto counts = [](const PoolAxis& axis, int at) { return at < axis.in + axis.pad_end; };
  for (int n = 0; n < a.n; ++n)
    for (int oy = 0; oy < a.height.out; ++oy)
      for (int ox = 0; ox < a.width.out; ++ox)
        for (int c = 0; c < a.c; ++c) {
          double sum = 0, peak = -1e300, met = 0, taps = 0;
          for (int ky = 0; ky < a.height.kernel; ++ky)
            for (int kx = 0; kx < a.width.kernel; ++kx) {
              const int row = oy * a.height.stride - a.height.pad_begin + ky * a.height.dilation;
              const int column = ox * a.width.stride - a.width.pad_begin + kx * a.width.dilation;
              taps += counts(a.height, row) && counts(a.width, column);
              if (row < 0 || row >= a.height.in || column < 0 || column >= a.width.in) continue;
              const double v =
                  x[static_cast<size_t>(((n * a.height.in + row) * a.width.in + column) * a.c + c)];
              sum += v, peak = std::max(peak, v), ++met;
            }
          y.push_back(a.average ? sum / (a.count_padding ? taps : met) : peak);
        }
  return y;
}

TEST_F(PoolTest, WindowsOfAnyShape) {
  struct Case {
    int n, c;
    PoolAxis height, width;
  };
  for (const Element element : kElements)
    for (const Case& k : {Case{2, 64, {20, 10, 3, 2, 1, 1, 1}, {14, 7, 3, 2, 1, 1, 1}},
                          Case{1, 5, {9, 4, 2, 2, 1, 0, 0}, {11, 10, 2, 1, 1, 0, 0}},
                          Case{3, 16, {7, 4, 3, 2, 1, 1, 1}, {6, 2, 3, 2, 2, 0, 1}}})
      for (const bool average : {false, true})
        for (const bool count_padding : {false, true}) {
          PoolArgs args{average, count_padding, element,  nullptr, nullptr,
                        k.n,     k.c,           k.height, k.width};
          Random random(7);
          const auto x = random.values(
              element, static_cast<int64_t>(k.n) * k.height.in * k.width.in * k.c, -2, 2);
          const DeviceTensor dx(element, x);
          DeviceTensor dy(element, static_cast<int64_t>(k.n) * k.height.out * k.width.out * k.c);
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
