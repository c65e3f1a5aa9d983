#include "backends/cuda/kernels/conv2d.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

using Conv2dTest = DeviceTest;

Conv2dArgs patches(bool image, int n, int size, int c, int o, int stride) {
  Conv2dArgs a;
  a.image = image, a.n = n, a.h = a.w = size, a.c = c, a.o = o;
  a.oh = a.ow = size / stride, a.kh = a.kw = a.stride_y = a.stride_x = stride;
  return a;
}

/// x as stored, in the layout of the arguments.
std::vector<double> reference(const Conv2dArgs& a, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias,
                              const std::vector<float>& gamma, const std::vector<float>& beta) {
  const int k = a.kh * a.kw * a.c, m = a.n * a.oh * a.ow;
  std::vector<double> rows;
  rows.reserve(static_cast<size_t>(m) * k);
  for (int row = 0; row < m; ++row)
    for (int i = 0; i < k; ++i) {
      const int channel = a.image ? i / a.kw / a.kh : i % a.c;
      const int kx = a.image ? i % a.kw : i / a.c % a.kw,
                ky = a.image ? i / a.kw % a.kh : i / a.c / a.kw;
      const int image = row / a.ow / a.oh, y = row / a.ow % a.oh * a.stride_y + ky - a.pad_top;
      const int column = row % a.ow * a.stride_x + kx - a.pad_left;
      const bool inside = y >= 0 && y < a.h && column >= 0 && column < a.w;
      const int64_t at = a.image ? ((int64_t{image} * a.c + channel) * a.h + y) * a.w + column
                                 : ((int64_t{image} * a.h + y) * a.w + column) * a.c + channel;
      rows.push_back(inside ? static_cast<double>(x[static_cast<size_t>(at)]) : 0.0);
    }
  std::vector<double> y = multiply_rows(rows, weight, bias, m, a.o, k);
  if (gamma.empty()) return y;
  normalize_rows(y, a.o, static_cast<double>(a.eps));
  for (size_t i = 0; i < y.size(); ++i) y[i] = y[i] * gamma[i % a.o] + beta[i % a.o];
  return y;
}

/// On every tile that takes it, and on FFMA; returns how many tiles did.
int expect_conv2d(Conv2dArgs a, Element element, bool tf32, bool norm) {
  const int64_t count = int64_t{a.n} * a.h * a.w * a.c, k = int64_t{a.kh} * a.kw * a.c;
  // An image is rounded on its way in.
  const auto x = Random(1).values(element, count);
  const auto weight = Random(2).values(element, a.o * k, -0.2f, 0.2f);
  const auto bias = Random(3).values(Element::Float32, a.o);
  const auto gamma =
      norm ? Random(4).values(Element::Float32, a.o, 0.5f, 1.5f) : std::vector<float>{};
  const auto beta = norm ? Random(5).values(Element::Float32, a.o) : std::vector<float>{};
  const DeviceTensor dx(a.image ? Element::Float32 : element, x), dweight(element, weight);
  const DeviceTensor dbias(Element::Float32, bias), dgamma(Element::Float32, gamma),
      dbeta(Element::Float32, beta);
  DeviceTensor y(element, int64_t{a.n} * a.oh * a.ow * a.o);
  a.element = element, a.tf32 = tf32;
  a.x = dx.data(), a.weight = dweight.data(), a.bias = dbias.floats(), a.y = y.data();
  if (norm) a.gamma = dgamma.floats(), a.beta = dbeta.floats();
  const std::vector<double> expected = reference(a, x, weight, bias, gamma, beta);
  int ran = 0;
  for (int tile = 0; tile < static_cast<int>(linear_tiles().size()); ++tile) {
    if (conv2d_refusal(a, tile, compute_capability()) != nullptr) continue;
    ran += tile > 0;
    expect_result(
        fmt::format("{} {}{} c {} o {} kernel {} norm {}",
                    linear_tiles()[static_cast<size_t>(tile)].name, element_name(element),
                    tf32 ? " tf32" : "", a.c, a.o, a.kh, norm),
        y, [&](const Launch& launch) { conv2d(a, tile, launch); }, expected,
        tf32 && tile > 0 ? kCudaTf32 : tolerance_of(element));
  }
  return ran;
}

TEST_F(Conv2dTest, Patches) {
  for (const Element element : kElements)
    for (const bool norm : {false, true})
      for (const bool tf32 : {false, true}) {
        if (tf32 && element != Element::Float32) continue;
        EXPECT_GT(expect_conv2d(patches(true, 2, 36, 3, 64, 4), element, tf32, norm), 0);
        EXPECT_GT(expect_conv2d(patches(false, 2, 14, 64, 128, 2), element, tf32, norm), 0);
        EXPECT_GT(expect_conv2d(patches(false, 1, 14, 128, 320, 2), element, tf32, norm), 0);
        EXPECT_GT(expect_conv2d(patches(false, 1, 6, 320, 512, 2), element, tf32, norm), 0);
      }
}

TEST_F(Conv2dTest, LinesLeftOverAtTheEdge) {
  Conv2dArgs a = patches(false, 2, 7, 64, 64, 2);
  EXPECT_GT(expect_conv2d(a, Element::Float16, false, true), 0);
  a = patches(true, 2, 16, 3, 48, 8);
  EXPECT_GT(expect_conv2d(a, Element::Float16, false, false), 0);
}

TEST_F(Conv2dTest, AnyKernelStrideAndPadding) {
  for (const Element element : kElements) {
    Conv2dArgs a = patches(false, 2, 9, 5, 7, 2);
    a.kh = 3, a.kw = 2, a.pad_top = 1, a.pad_left = 1, a.oh = 5, a.ow = 5;
    EXPECT_EQ(expect_conv2d(a, element, false, true), 0);
    a.image = true;
    EXPECT_EQ(expect_conv2d(a, element, false, false), 0);
  }
}

// Without a GPU.
TEST(Conv2dChoice, TilesWhereWindowsDoNotOverlap) {
  Conv2dArgs a = patches(true, 1, 224, 3, 64, 4);
  EXPECT_GT(choose_conv2d_tile(a, 132, 90), 0);
  a.kh = 3;
  EXPECT_EQ(choose_conv2d_tile(a, 132, 90), 0);
}

}  // namespace
}  // namespace vitro::cuda
