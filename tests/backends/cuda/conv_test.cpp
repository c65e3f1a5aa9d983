#include "backends/cuda/kernels/conv.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using ConvTest = DeviceTest;

/// Channel o of the window whose first taps those are.
double convolved(const ConvArgs& a, const float* image, const float* weight, int z0, int y0, int x0,
                 int o) {
  const int channels = a.c / a.groups, first = o / (a.o / a.groups) * channels;
  const auto inside = [](const ConvAxis& axis, int at) { return at >= 0 && at < axis.in; };
  const float* row = weight + o * a.depth.kernel * a.height.kernel * a.width.kernel * channels;
  double sum = 0;
  for (int kz = 0; kz < a.depth.kernel; ++kz)
    for (int ky = 0; ky < a.height.kernel; ++ky)
      for (int kx = 0; kx < a.width.kernel; ++kx, row += channels) {
        const int z = z0 + kz * a.depth.dilation, y = y0 + ky * a.height.dilation,
                  x = x0 + kx * a.width.dilation;
        if (!inside(a.depth, z) || !inside(a.height, y) || !inside(a.width, x)) continue;
        const float* pixel = image + ((z * a.height.in + y) * a.width.in + x) * a.c + first;
        for (int c = 0; c < channels; ++c) sum += static_cast<double>(row[c]) * pixel[c];
      }
  return sum;
}

std::vector<double> reference(const ConvArgs& a, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias,
                              const std::vector<float>& residual) {
  std::vector<double> y;
  const auto first = [](const ConvAxis& axis, int out) {
    return out * axis.stride - axis.pad_begin;
  };
  for (int n = 0; n < a.n; ++n)
    for (int oz = 0; oz < a.depth.out; ++oz)
      for (int oy = 0; oy < a.height.out; ++oy)
        for (int ox = 0; ox < a.width.out; ++ox)
          for (int o = 0; o < a.o; ++o) {
            double v = convolved(a, x.data() + n * a.depth.in * a.height.in * a.width.in * a.c,
                                 weight.data(), first(a.depth, oz), first(a.height, oy),
                                 first(a.width, ox), o);
            if (!bias.empty()) v += bias[static_cast<size_t>(o)];
            if (!residual.empty()) v += residual[y.size()];
            y.push_back(a.activation.op == UnaryOp::Relu ? std::max(v, 0.0) : v);
          }
  return y;
}

struct Case {
  int n, c, o, groups;
  ConvAxis height, width, depth{};
};

TEST_F(ConvTest, GroupsOverAnyAxes) {
  const std::vector<Case> cases{
      {2, 32, 64, 2, {9, 5, 3, 2, 1, 1}, {7, 4, 3, 2, 1, 1}},
      {1, 12, 18, 6, {5, 5, 3, 1, 2, 2}, {11, 11, 3, 1, 1, 1}},
      {1, 17, 34, 17, {6, 6, 1, 1, 1, 0}, {9, 9, 5, 1, 1, 2}},
      {2, 64, 64, 4, {9, 9, 3, 1, 1, 1}, {17, 17, 3, 1, 1, 1}},
      {1, 80, 160, 2, {12, 12, 3, 1, 1, 1}, {5, 5, 3, 1, 1, 1}},
      {2, 72, 48, 3, {17, 9, 3, 2, 1, 1}, {10, 10, 5, 1, 1, 2}},
      {1, 256, 32, 4, {7, 7, 3, 1, 2, 2}, {7, 7, 3, 1, 2, 2}},
      {2, 16, 24, 1, {}, {19, 10, 5, 2, 1, 2}},
      {1, 8, 16, 1, {5, 5, 3, 1, 1, 1}, {6, 3, 2, 2, 1, 0}, {4, 3, 2, 1, 1, 0}}};
  for (const Element element : kElements)
    for (const Case& k : cases)
      for (const bool ends : {false, true}) {
        ConvArgs args;
        args.element = element;
        args.n = k.n, args.c = k.c, args.o = k.o, args.groups = k.groups;
        args.height = k.height, args.width = k.width, args.depth = k.depth;
        const int64_t in = k.depth.in * k.height.in * k.width.in,
                      out = k.depth.out * k.height.out * k.width.out,
                      taps = k.depth.kernel * k.height.kernel * k.width.kernel;
        Random random(static_cast<uint32_t>(k.c));
        const auto x = random.values(element, k.n * in * k.c);
        const auto weight = random.values(element, k.o * taps * k.c / k.groups, -0.3f, 0.3f);
        const auto bias = ends ? random.values(Element::Float32, k.o) : std::vector<float>{};
        const auto residual = ends ? random.values(element, k.n * out * k.o) : std::vector<float>{};
        const DeviceTensor dx(element, x), dweight(element, weight), dbias(Element::Float32, bias),
            dresidual(element, residual);
        DeviceTensor dy(element, k.n * out * k.o);
        args.x = dx.data(), args.weight = dweight.data(), args.y = dy.data();
        if (ends) {
          args.bias = dbias.floats(), args.residual = dresidual.data();
          args.activation.op = UnaryOp::Relu;
        }
        expect_result(
            fmt::format("{} {} to {} in {} groups, ends {}", element_name(element), k.c, k.o,
                        k.groups, ends),
            dy, [&](const Launch& launch) { conv(args, launch); },
            reference(args, x, weight, bias, residual), tolerance_of(element));
      }
}

}  // namespace
}  // namespace vitro::cuda
