#include "backends/cuda/kernels/unary_math.h"

#include <cmath>

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using UnaryMathTest = DeviceTest;

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

struct Case {
  MathOp op;
  float low, high;
  std::function<double(double)> exact;
  float alpha = 0;
};

std::vector<Case> cases() {
  using enum MathOp;
  const auto of = [](double (*function)(double)) { return function; };
  return {{Exp, -6, 6, of(std::exp)},
          {Log, 0.1f, 9, of(std::log)},
          {Sqrt, 0, 9, of(std::sqrt)},
          {Rsqrt, 0.1f, 9, [](double x) { return 1 / std::sqrt(x); }},
          {Reciprocal, 0.1f, 9, [](double x) { return 1 / x; }},
          {Neg, -6, 6, [](double x) { return -x; }},
          {Abs, -6, 6, of(std::fabs)},
          {Erf, -3, 3, of(std::erf)},
          {Floor, -6, 6, of(std::floor)},
          {Ceil, -6, 6, of(std::ceil)},
          {Round, -6, 6, of(std::nearbyint)},
          {Sign, -6, 6, [](double x) { return (x > 0) - (x < 0); }},
          {Mish, -6, 6, [](double x) { return x * std::tanh(softplus(x)); }},
          {Elu, -6, 6, [](double x) { return x > 0 ? x : 0.7 * std::expm1(x); }, 0.7f},
          {Celu, -6, 6, [](double x) { return x > 0 ? x : 1.3 * std::expm1(x / 1.3); }, 1.3f},
          {Selu, -6, 6,
           [](double x) {
             return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
           }},
          {LeakyRelu, -6, 6, [](double x) { return x >= 0 ? x : 0.25 * x; }, 0.25f},
          {ThresholdedRelu, -6, 6, [](double x) { return x > 0.5 ? x : 0; }, 0.5f},
          {Softplus, -6, 6, softplus},
          {Softsign, -6, 6, [](double x) { return x / (1 + std::abs(x)); }},
          {Sin, -6, 6, of(std::sin)},
          {Cos, -6, 6, of(std::cos)},
          {Tan, -1.2f, 1.2f, of(std::tan)},
          {Asin, -1, 1, of(std::asin)},
          {Acos, -1, 1, of(std::acos)},
          {Atan, -6, 6, of(std::atan)},
          {Sinh, -6, 6, of(std::sinh)},
          {Cosh, -6, 6, of(std::cosh)},
          {Asinh, -6, 6, of(std::asinh)},
          {Acosh, 1.1f, 9, of(std::acosh)},
          {Atanh, -0.9f, 0.9f, of(std::atanh)}};
}

TEST_F(UnaryMathTest, EqualsItsDefinition) {
  for (const Case& k : cases())
    for (const Element element : kElements)
      for (const int64_t count : {1, 257, 1003}) {
        const auto x = Random(static_cast<uint32_t>(count)).values(element, count, k.low, k.high);
        const DeviceTensor dx(element, x);
        DeviceTensor dy(element, count);
        std::vector<double> expected;
        for (const float v : x) expected.push_back(k.exact(static_cast<double>(v)));
        expect_result(
            fmt::format("{} {} {}", static_cast<int>(k.op), element_name(element), count), dy,
            [&](const Launch& launch) {
              unary_math({k.op, k.alpha, 0, element, dx.data(), dy.data(), count}, launch);
            },
            expected, tolerance_of(element));
      }
}

TEST_F(UnaryMathTest, TellsWhatIsNoNumber) {
  const std::vector<float> x{0, 1, NAN, INFINITY, -INFINITY, -2};
  const DeviceTensor dx(Element::Float32, x);
  const auto booleans = [&](MathOp op, float alpha, float beta) {
    const DeviceTensor bytes(Element::Float32, 2);
    unary_math({op, alpha, beta, Element::Float32, dx.data(), bytes.data(), 6}, {});
    check_cuda(cudaDeviceSynchronize(), "unary_math");
    std::string text;
    for (size_t i = 0; i < x.size(); ++i) text += bytes.download()[i] == std::byte{1} ? "1" : "0";
    return text;
  };
  EXPECT_EQ(booleans(MathOp::IsNan, 0, 0), "001000");
  EXPECT_EQ(booleans(MathOp::IsInf, 1, 1), "000110");
  EXPECT_EQ(booleans(MathOp::IsInf, 0, 1), "000100");
  EXPECT_EQ(booleans(MathOp::IsInf, 1, 0), "000010");
  EXPECT_EQ(booleans(MathOp::IsNotZero, 0, 0), "011111");
}

}  // namespace
}  // namespace vitro::cuda
