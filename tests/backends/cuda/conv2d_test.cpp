#include "backends/cuda/kernels/conv2d.h"

#include <cmath>

#include "backends/cuda/device_codes.h"
#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

using Conv2dTest = DeviceTest;

Conv2dArgs windows(int n, int h, int w, int c, int o, int kernel, int stride, int pad) {
  Conv2dArgs a;
  a.n = n, a.h = h, a.w = w, a.c = c, a.o = o;
  a.kh = a.kw = kernel, a.stride_y = a.stride_x = stride, a.pad_top = a.pad_left = pad;
  a.oh = (h + 2 * pad - kernel) / stride + 1, a.ow = (w + 2 * pad - kernel) / stride + 1;
  return a;
}

Conv2dArgs patches(bool image, int n, int size, int c, int o, int stride) {
  Conv2dArgs a;
  a.image = image, a.n = n, a.h = a.w = size, a.c = c, a.o = o;
  a.oh = a.ow = size / stride, a.kh = a.kw = a.stride_y = a.stride_x = stride;
  return a;
}

/// x as stored, in the layout of the arguments.
std::vector<double> reference(const Conv2dArgs& a, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias,
                              const std::vector<float>& gamma, const std::vector<float>& beta,
                              const std::vector<float>& residual) {
  const int k = a.kh * a.kw * a.c, m = a.n * a.oh * a.ow;
  std::vector<double> rows;
  rows.reserve(static_cast<size_t>(m) * k);
  for (int row = 0; row < m; ++row)
    for (int i = 0; i < k; ++i) {
      const bool planes = a.image && !a.pixels;
      const int channel = planes ? i / a.kw / a.kh : i % a.c;
      const int kx = planes ? i % a.kw : i / a.c % a.kw,
                ky = planes ? i / a.kw % a.kh : i / a.c / a.kw;
      const int image = row / a.ow / a.oh,
                y = row / a.ow % a.oh * a.stride_y + ky * a.dilation_y - a.pad_top;
      const int column = row % a.ow * a.stride_x + kx * a.dilation_x - a.pad_left;
      const bool inside = y >= 0 && y < a.h && column >= 0 && column < a.w;
      const int64_t at = planes ? ((int64_t{image} * a.c + channel) * a.h + y) * a.w + column
                                : ((int64_t{image} * a.h + y) * a.w + column) * a.c + channel;
      rows.push_back(inside ? static_cast<double>(x[static_cast<size_t>(at)]) : 0.0);
    }
  std::vector<double> y = multiply_rows(rows, weight, bias, m, a.o, k);
  for (size_t i = 0; i < residual.size(); ++i) y[i] += static_cast<double>(residual[i]);
  for (double& v : y) v = exactly(a.activation, v);
  if (gamma.empty()) return y;
  normalize_rows(y, a.o, static_cast<double>(a.eps));
  for (size_t i = 0; i < y.size(); ++i) y[i] = y[i] * gamma[i % a.o] + beta[i % a.o];
  return y;
}

/// Each of `count` rows filled with zeros up to a multiple of eight.
std::vector<float> padded_rows(const std::vector<float>& rows, int count) {
  const size_t k = rows.size() / static_cast<size_t>(count), wide = (k + 7) / 8 * 8;
  std::vector<float> padded(wide * static_cast<size_t>(count));
  for (size_t i = 0; i < rows.size(); ++i) padded[i / k * wide + i % k] = rows[i];
  return padded;
}

/// On every tile that takes it, and on the scalar one; returns how many tiles did.
int expect_conv2d(Conv2dArgs a, Element element, bool tf32, bool norm, bool with_residual = false) {
  const int64_t count = int64_t{a.n} * a.h * a.w * a.c, k = int64_t{a.kh} * a.kw * a.c;
  // An image is rounded on its way in.
  auto x = Random(1).values(element, count, a.pixels ? 0 : -1, a.pixels ? 255 : 1);
  if (a.pixels)
    for (float& v : x) v = std::trunc(v);
  const DeviceBytes pixels(a.pixels ? std::vector<uint8_t>(x.begin(), x.end())
                                    : std::vector<uint8_t>(1));
  const auto weight = Random(2).values(element, a.o * k, -0.2f, 0.2f);
  const auto bias = Random(3).values(Element::Float32, a.o);
  const auto gamma =
      norm ? Random(4).values(Element::Float32, a.o, 0.5f, 1.5f) : std::vector<float>{};
  const auto beta = norm ? Random(5).values(Element::Float32, a.o) : std::vector<float>{};
  const DeviceTensor dx(a.image ? Element::Float32 : element, x),
      dweight(element, a.image ? padded_rows(weight, a.o) : weight);
  const WeightParts dparts(dweight);
  const DeviceTensor dbias(Element::Float32, bias), dgamma(Element::Float32, gamma),
      dbeta(Element::Float32, beta);
  const auto residual = with_residual ? Random(6).values(element, int64_t{a.n} * a.oh * a.ow * a.o)
                                      : std::vector<float>{};
  const DeviceTensor dresidual(element, residual);
  DeviceTensor y(element, int64_t{a.n} * a.oh * a.ow * a.o);
  a.element = element, a.tf32 = tf32;
  a.x = a.pixels ? pixels.data() : dx.data(), a.weight = dweight.data(), a.bias = dbias.floats(),
  a.y = y.data();
  a.weight_parts = dparts.floats();
  if (with_residual) a.residual = dresidual.data();
  if (norm) a.gamma = dgamma.floats(), a.beta = dbeta.floats();
  const std::vector<double> expected = reference(a, x, weight, bias, gamma, beta, residual);
  int ran = 0;
  for (int tile = 0; tile < static_cast<int>(linear_tiles().size()); ++tile) {
    if (conv2d_refusal(a, tile, compute_capability()) != nullptr) continue;
    ran += tile > 0;
    expect_result(
        fmt::format("{} {}{} {}x{}x{} o {} kernel {} / {} norm {}",
                    linear_tiles()[static_cast<size_t>(tile)].name, element_name(element),
                    tf32 ? " tf32" : "", a.h, a.w, a.c, a.o, a.kh, a.stride_y, norm),
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
    a.o = 16;
    EXPECT_GT(expect_conv2d(a, element, false, false), 0);
  }
}

TEST_F(Conv2dTest, WindowsThatOverlap) {
  for (const Element element : kElements)
    for (const bool tf32 : {false, true}) {
      if (tf32 && element != Element::Float32) continue;
      EXPECT_GT(expect_conv2d(windows(2, 13, 10, 64, 64, 3, 1, 1), element, tf32, false), 0);
      EXPECT_GT(expect_conv2d(windows(3, 9, 14, 96, 40, 3, 2, 1), element, tf32, true), 0);
      EXPECT_GT(expect_conv2d(windows(1, 7, 7, 24, 72, 5, 1, 2), element, tf32, false), 0);
      EXPECT_GT(expect_conv2d(windows(2, 15, 15, 128, 64, 1, 2, 0), element, tf32, false), 0);
      Conv2dArgs dilated = windows(1, 11, 12, 64, 64, 3, 1, 2);
      dilated.dilation_y = dilated.dilation_x = 2;
      EXPECT_GT(expect_conv2d(dilated, element, tf32, false), 0);
      Conv2dArgs wide = windows(2, 12, 9, 72, 32, 3, 1, 1);  // another extent and stride along x
      wide.kw = 5, wide.stride_x = 2, wide.pad_left = 3, wide.ow = 5;
      EXPECT_GT(expect_conv2d(wide, element, tf32, false), 0);
      Conv2dArgs stem = windows(2, 30, 26, 3, 64, 7, 2, 3);
      stem.image = true;
      EXPECT_GT(expect_conv2d(stem, element, tf32, false), 0);
    }
}

TEST_F(Conv2dTest, ManyTiles) {
  for (const Element element : {Element::Float16, Element::BFloat16})
    EXPECT_GT(expect_conv2d(windows(24, 30, 30, 64, 192, 3, 1, 1), element, false, false, true), 0);
}

TEST_F(Conv2dTest, ResidualAndActivation) {
  for (const Element element : kElements)
    for (const Activation& activation :
         {Activation{UnaryOp::Relu}, Activation{UnaryOp::Clip, -0.5f, 2}, Activation{UnaryOp::Silu},
          Activation{UnaryOp::HardSwish}, Activation{UnaryOp::Gelu}})
      for (const bool residual : {false, true}) {
        Conv2dArgs a = windows(2, 9, 8, 64, 72, 3, 1, 1);
        a.activation = activation;
        EXPECT_GT(expect_conv2d(a, element, false, false, residual), 0);
      }
}

TEST_F(Conv2dTest, Pixels) {
  for (const Element element : kElements)
    for (const bool tf32 : {false, true}) {
      if (tf32 && element != Element::Float32) continue;
      Conv2dArgs a = patches(true, 2, 36, 3, 64, 4);
      Conv2dArgs odd = patches(true, 1, 35, 3, 16, 5);  // lines that are no words
      Conv2dArgs gray = patches(true, 3, 24, 1, 24, 8);
      Conv2dArgs stem = windows(2, 30, 26, 3, 64, 7, 2, 3);
      stem.image = true;
      for (Conv2dArgs* args : {&a, &odd, &gray, &stem}) {
        args->pixels = true;
        EXPECT_GT(expect_conv2d(*args, element, tf32, args == &a), 0);
      }
    }
}

// Without a GPU.
TEST(Conv2dChoice, ScalarOnlyWhereTilesRefuse) {
  Conv2dArgs a = windows(1, 56, 56, 64, 64, 3, 1, 1);
  EXPECT_GT(choose_conv2d_tile(a, 132, 90), 0);
  EXPECT_GT(choose_conv2d_tile(a, 128, 80), 0);
  a.c = 63;
  EXPECT_EQ(choose_conv2d_tile(a, 132, 90), 0);
  a.image = true;
  EXPECT_GT(choose_conv2d_tile(a, 132, 90), 0);
}

}  // namespace
}  // namespace vitro::cuda
