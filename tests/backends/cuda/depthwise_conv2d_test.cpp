#include "backends/cuda/kernels/depthwise_conv2d.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

using DepthwiseConv2dTest = DeviceTest;

struct Case {
  int n, h, w, c, kernel, stride, pad;
};

std::vector<double> reference(const DepthwiseConv2dArgs& a, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias) {
  std::vector<double> y;
  for (int n = 0; n < a.n; ++n)
    for (int oy = 0; oy < a.oh; ++oy)
      for (int ox = 0; ox < a.ow; ++ox)
        for (int c = 0; c < a.c; ++c) {
          double sum = bias.empty() ? 0.0 : bias[c];
          for (int i = 0; i < a.kh; ++i)
            for (int j = 0; j < a.kw; ++j) {
              const int iy = oy * a.stride_y + i - a.pad_top, ix = ox * a.stride_x + j - a.pad_left;
              if (iy < 0 || iy >= a.h || ix < 0 || ix >= a.w) continue;
              sum += static_cast<double>(weight[(i * a.kw + j) * a.c + c]) *
                     x[((static_cast<size_t>(n) * a.h + iy) * a.w + ix) * a.c + c];
            }
          y.push_back(exactly(a.activation, sum));
        }
  return y;
}

/// The sums that it leaves of each pixel, all parts together.
void check_result_sums(DepthwiseConv2dArgs args, const std::string& what,
                       const std::vector<double>& y) {
  const int64_t pixels = int64_t{args.n} * args.oh * args.ow;
  const int parts = depthwise_conv2d_result_parts(args);
  if (parts == 0) return;
  DeviceTensor sums(Element::Float32, pixels * parts * 2);
  args.result_sums = static_cast<float2*>(sums.data());
  depthwise_conv2d(args, {});
  const std::vector<float> left = sums.values();
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    double expected[2] = {}, total[2] = {};
    for (int c = 0; c < args.c; ++c) {
      const double v = y[static_cast<size_t>(pixel * args.c + c)];
      expected[0] += v, expected[1] += v * v;
    }
    for (int part = 0; part < parts; ++part)
      for (int i = 0; i < 2; ++i)
        total[i] += static_cast<double>(left[static_cast<size_t>((pixel * parts + part) * 2 + i)]);
    ASSERT_NEAR(total[0], expected[0], 1e-4 * args.c) << what << " pixel " << pixel;
    ASSERT_NEAR(total[1], expected[1], 1e-4 * args.c) << what << " pixel " << pixel;
  }
}

void check(const Case& k, Element element, bool with_bias) {
  Random random(static_cast<uint32_t>(k.c * 31 + k.kernel));
  const int oh = (k.h + 2 * k.pad - k.kernel) / k.stride + 1;
  const int ow = (k.w + 2 * k.pad - k.kernel) / k.stride + 1;
  const auto x = random.values(element, static_cast<int64_t>(k.n) * k.h * k.w * k.c);
  const auto weight = random.values(Element::Float32, k.kernel * k.kernel * k.c);
  const auto bias = with_bias ? random.values(Element::Float32, k.c) : std::vector<float>{};
  const DeviceTensor dx(element, x), dweight(Element::Float32, weight),
      dbias(Element::Float32, bias);
  DeviceTensor dy(element, static_cast<int64_t>(k.n) * oh * ow * k.c);
  const DepthwiseConv2dArgs args{.element = element,
                                 .x = dx.data(),
                                 .weight = dweight.floats(),
                                 .bias = with_bias ? dbias.floats() : nullptr,
                                 .activation = {with_bias ? UnaryOp::HardSwish : UnaryOp::None},
                                 .y = dy.data(),
                                 .n = k.n,
                                 .h = k.h,
                                 .w = k.w,
                                 .c = k.c,
                                 .oh = oh,
                                 .ow = ow,
                                 .kh = k.kernel,
                                 .kw = k.kernel,
                                 .stride_y = k.stride,
                                 .stride_x = k.stride,
                                 .pad_top = k.pad,
                                 .pad_left = k.pad};
  const auto what =
      fmt::format("{} [{}, {}, {}, {}] {}x{} stride {} pad {} bias {}", element_name(element), k.n,
                  k.h, k.w, k.c, k.kernel, k.kernel, k.stride, k.pad, with_bias);
  expect_result(
      what, dy, [&](const Launch& launch) { depthwise_conv2d(args, launch); },
      reference(args, x, weight, bias), tolerance_of(element));
  check_result_sums(args, what, reference(args, x, weight, bias));
}

TEST_F(DepthwiseConv2dTest, UniFormerMaps) {
  for (const Case& k :
       {Case{1, 14, 14, 320, 3, 1, 1}, Case{1, 7, 7, 512, 3, 1, 1}, Case{2, 28, 28, 128, 5, 1, 2},
        Case{1, 56, 56, 64, 5, 1, 2}, Case{9, 14, 14, 320, 3, 1, 1}, Case{24, 14, 14, 64, 3, 1, 1}})
    check(k, Element::Float16, true);
}

TEST_F(DepthwiseConv2dTest, LongStrips) {
  for (const Case& k : {Case{12, 28, 28, 96, 7, 1, 3}, Case{8, 56, 54, 64, 3, 2, 1},
                        Case{8, 56, 58, 64, 5, 2, 2}, Case{16, 41, 28, 64, 7, 2, 3}})
    check(k, Element::Float16, false);
}

TEST_F(DepthwiseConv2dTest, AnyKernelStrideAndWidth) {
  for (const Element element : kElements)
    for (const Case& k :
         {Case{2, 9, 13, 24, 3, 1, 1}, Case{3, 5, 6, 72, 5, 1, 2}, Case{1, 1, 1, 8, 3, 1, 1},
          Case{1, 2, 3, 8, 5, 1, 2}, Case{2, 8, 9, 16, 3, 1, 0}, Case{2, 7, 9, 13, 3, 1, 1},
          Case{1, 9, 7, 16, 3, 2, 1}, Case{1, 11, 12, 5, 7, 3, 2}, Case{1, 6, 6, 16, 2, 2, 0},
          Case{2, 9, 12, 24, 7, 1, 3}, Case{1, 14, 15, 64, 7, 2, 3}, Case{1, 13, 12, 72, 5, 2, 2}})
      check(k, element, k.c != 24);
}

}  // namespace
}  // namespace vitro::cuda
