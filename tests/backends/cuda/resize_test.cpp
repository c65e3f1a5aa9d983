#include "backends/cuda/kernels/resize.h"

#include "backends/cuda/device_list.h"

namespace vitro::cuda {
namespace {

using ResizeTest = DeviceTest;

TEST_F(ResizeTest, ResizesAlongAnAxis) {
  const std::vector<ResizeTap> taps{{0, 1.0f},  {-1, 0.0f}, {0, 0.75f}, {1, 0.25f},
                                    {1, 0.25f}, {2, 0.75f}, {2, 1.0f},  {-1, 0.0f}};
  const DeviceList<ResizeTap> table(taps);
  for (const Element from : kElements)
    for (const Element to : kElements)
      for (const int64_t inner : {16, 3}) {
        const auto x = Random(10).values(from, 2 * 3 * inner);
        std::vector<double> expected;
        for (int64_t o = 0; o < 2; ++o)
          for (size_t i = 0; i < 4; ++i)
            for (int64_t c = 0; c < inner; ++c) {
              double sum = 0;
              for (size_t t = 2 * i; t < 2 * i + 2; ++t)
                if (taps[t].position >= 0)
                  sum += static_cast<double>(taps[t].weight) *
                         x[static_cast<size_t>((o * 3 + taps[t].position) * inner + c)];
              expected.push_back(sum);
            }
        const DeviceTensor dx(from, x);
        DeviceTensor dy(to, 2 * 4 * inner);
        const ResizeArgs args{from, to, dx.data(), dy.data(), 2, inner, 3, 4, table.data(), 2};
        expect_result(
            fmt::format("{} to {}, {}", element_name(from), element_name(to), inner), dy,
            [&](const Launch& launch) { resize(args, launch); }, expected, tolerance_of(to));
      }
}

}  // namespace
}  // namespace vitro::cuda
