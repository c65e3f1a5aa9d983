#include "backends/cuda/kernels/cum_sum.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using CumSumTest = DeviceTest;

TEST_F(CumSumTest, EqualsItsDefinition) {
  for (const Element element : kElements)
    for (const auto& [outer, extent, inner] : {std::tuple{1, 1, 1}, {3, 17, 1}, {2, 9, 130}})
      for (const bool exclusive : {false, true})
        for (const bool reverse : {false, true}) {
          const int count = outer * extent * inner;
          const auto x = Random(static_cast<uint32_t>(count)).values(element, count);
          std::vector<double> expected(static_cast<size_t>(count));
          for (int line = 0; line < outer * inner; ++line) {
            double sum = 0;
            for (int i = 0; i < extent; ++i) {
              const int along = reverse ? extent - 1 - i : i;
              const auto at =
                  static_cast<size_t>((line / inner * extent + along) * inner + line % inner);
              expected[at] = exclusive ? sum : sum + x[at];
              sum += x[at];
            }
          }
          const DeviceTensor dx(element, x);
          DeviceTensor dy(element, count);
          const CumSumArgs args{exclusive, reverse, element, dx.data(),
                                dy.data(), outer,   inner,   extent};
          expect_result(
              fmt::format("{} [{}, {}, {}] exclusive {} reverse {}", element_name(element), outer,
                          extent, inner, exclusive, reverse),
              dy, [&](const Launch& launch) { cum_sum(args, launch); }, expected,
              tolerance_of(element));
        }
}

}  // namespace
}  // namespace vitro::cuda
