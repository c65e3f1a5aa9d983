#include "backends/cuda/kernels/elementwise.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

using ElementwiseTest = DeviceTest;

class UnaryTest : public DeviceTest, public testing::WithParamInterface<UnaryOp> {};

TEST_P(UnaryTest, EqualsItsDefinition) {
  const auto [alpha, beta] =
      GetParam() == UnaryOp::Clip ? std::pair{-0.5f, 4.0f} : std::pair{0.25f, 0.4f};
  for (const Element element : kElements)
    for (const int64_t count : {1, 7, 8, 1000, 4099}) {
      Random random(static_cast<uint32_t>(count));
      const auto x = random.values(element, count, -6, 6);
      const DeviceTensor dx(element, x);
      DeviceTensor dy(element, count);
      std::vector<double> expected;
      for (const double v : x) expected.push_back(exactly({GetParam(), alpha, beta}, v));
      expect_result(
          fmt::format("{} {} {}", static_cast<int>(GetParam()), element_name(element), count), dy,
          [&](const Launch& launch) {
            unary({{GetParam(), alpha, beta}, element, dx.data(), dy.data(), count}, launch);
          },
          expected, tolerance_of(element));
    }
}
INSTANTIATE_TEST_SUITE_P(Functions, UnaryTest,
                         testing::Values(UnaryOp::Relu, UnaryOp::Gelu, UnaryOp::GeluTanh,
                                         UnaryOp::Sigmoid, UnaryOp::Tanh, UnaryOp::HardSigmoid,
                                         UnaryOp::HardSwish, UnaryOp::Silu, UnaryOp::Clip));

TEST_F(ElementwiseTest, Casts) {
  for (const Element from : kElements)
    for (const Element to : kElements)
      for (const int64_t count : {5, 1003}) {
        Random random(7);
        const auto x = random.values(from, count, -100, 100);
        const DeviceTensor dx(from, x);
        DeviceTensor dy(to, count);
        std::vector<double> expected;
        for (const float v : x) {
          std::byte bytes[4];
          to_bytes(to, v, bytes);
          expected.push_back(from_bytes(to, bytes));
        }
        expect_result(fmt::format("{} to {}", element_name(from), element_name(to)), dy,
                      [&](const Launch& launch) {
                        cast({from, to, dx.data(), dy.data(), count}, launch);
                      },
                      expected, {0, 0});
      }
}

}  // namespace
}  // namespace vitro::cuda
