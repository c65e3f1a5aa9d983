#include "backends/cuda/kernels/group_norm.h"

#include <cmath>

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using GroupNormTest = DeviceTest;

std::vector<double> reference(const GroupNormArgs& args, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias) {
  const int width = args.c / args.groups;
  std::vector<double> y(x.size());
  for (int64_t n = 0; n < args.n; ++n)
    for (int group = 0; group < args.groups; ++group) {
      const auto for_each = [&](const auto& body) {
        for (int64_t pixel = 0; pixel < args.pixels; ++pixel)
          for (int c = group * width; c < (group + 1) * width; ++c)
            body(static_cast<size_t>((n * args.pixels + pixel) * args.c + c),
                 static_cast<size_t>(c));
      };
      double mean = 0, variance = 0;
      const double count = static_cast<double>(args.pixels) * width;
      for_each([&](size_t i, size_t) { mean += x[i] / count; });
      for_each([&](size_t i, size_t) { variance += (x[i] - mean) * (x[i] - mean) / count; });
      for_each([&](size_t i, size_t c) {
        const double v = (x[i] - mean) / std::sqrt(variance + static_cast<double>(args.eps));
        y[i] = v * (weight.empty() ? 1.0f : weight[c]) + (bias.empty() ? 0.0f : bias[c]);
      });
    }
  return y;
}

struct Case {
  int64_t n, pixels;
  int c, groups;
  float low = 0.5f, high = 2.0f;
};

TEST_F(GroupNormTest, AnyGroups) {
  const std::vector<Case> cases{{2, 49, 64, 1}, {1, 3136, 32, 1}, {3, 35, 17, 17},  {2, 100, 48, 4},
                                {1, 1, 6, 2},   {2, 1000, 30, 5}, {1, 700, 512, 8}, {2, 5, 8, 8}};
  for (const Element element : kElements)
    for (const Case& k : cases)
      for (const int vectors : {0, 1, 2}) {
        Random random(static_cast<uint32_t>(k.c));
        const auto x = random.values(element, k.n * k.pixels * k.c, k.low, k.high);
        const auto weight =
            vectors > 0 ? random.values(Element::Float32, k.c) : std::vector<float>{};
        const auto bias = vectors > 1 ? random.values(Element::Float32, k.c) : std::vector<float>{};
        const DeviceTensor dx(element, x), dweight(Element::Float32, weight),
            dbias(Element::Float32, bias);
        DeviceTensor dy(element, static_cast<int64_t>(x.size()));
        GroupNormArgs args{element,
                           dx.data(),
                           vectors > 0 ? dweight.floats() : nullptr,
                           vectors > 1 ? dbias.floats() : nullptr,
                           dy.data(),
                           nullptr,
                           k.n,
                           k.pixels,
                           k.c,
                           k.groups};
        const DeviceTensor scratch(Element::Float32,
                                   static_cast<int64_t>(group_norm_scratch_bytes(args) / 4));
        args.scratch = scratch.data();
        expect_result(
            fmt::format("{} [{}, {}, {}] in {} vectors {}", element_name(element), k.n, k.pixels,
                        k.c, k.groups, vectors),
            dy, [&](const Launch& launch) { group_norm(args, launch); },
            reference(args, x, weight, bias), tolerance_of(element));
        EXPECT_TRUE(scratch.walls_hold());
      }
}

// A mean of a thousand deviations: sums of squares would leave no digit.
TEST_F(GroupNormTest, AMeanFarFromZeroCostsNoDigits) {
  const int64_t pixels = 2500;
  const int c = 16;
  const auto x = Random(3).values(Element::Float32, pixels * c, 1000, 1004);
  const DeviceTensor dx(Element::Float32, x);
  DeviceTensor dy(Element::Float32, pixels * c);
  GroupNormArgs args{Element::Float32, dx.data(), nullptr, nullptr, dy.data(),
                     nullptr,          1,         pixels,  c,       1};
  const DeviceTensor scratch(Element::Float32,
                             static_cast<int64_t>(group_norm_scratch_bytes(args) / 4));
  args.scratch = scratch.data();
  expect_result(
      "far", dy, [&](const Launch& launch) { group_norm(args, launch); },
      reference(args, x, {}, {}), kCudaFarMean);
}

}  // namespace
}  // namespace vitro::cuda
