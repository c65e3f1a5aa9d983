#include <algorithm>

#include "kernel_test.h"

namespace vitro::cpu {
namespace {

struct Case {
  int64_t h, w, c, kernel_h, kernel_w, stride, pad_top, pad_left;
  bool bias = true;
  bool clamp = false;
  int64_t more_after = 0;  ///< padding below and to the right beyond that above and to the left
};

constexpr float kLow = -0.25f, kHigh = 0.5f;

std::vector<double> reference(const DepthwiseArgs& d) {
  const bool clamp = d.activation.kind == Activation::Kind::Clamp;
  std::vector<double> result;
  for (int64_t y = 0; y < d.out_h; ++y)
    for (int64_t x = 0; x < d.out_w; ++x)
      for (int64_t c = 0; c < d.channels; ++c) {
        double sum = d.bias ? d.bias[c] : 0.0;
        for (int64_t ky = 0; ky < d.kernel_h; ++ky)
          for (int64_t kx = 0; kx < d.kernel_w; ++kx) {
            const int64_t in_y = y * d.stride_h + ky - d.pad_top;
            const int64_t in_x = x * d.stride_w + kx - d.pad_left;
            if (in_y < 0 || in_y >= d.in_h || in_x < 0 || in_x >= d.in_w) continue;
            sum += static_cast<double>(d.input[(in_y * d.in_w + in_x) * d.channels + c]) *
                   d.weights[(ky * d.kernel_w + kx) * d.channels + c];
          }
        result.push_back(clamp ? std::clamp<double>(sum, kLow, kHigh) : sum);
      }
  return result;
}

class DepthwiseTest : public KernelTest {
 protected:
  void expect_matches(const Case& s) {
    Random random(static_cast<uint32_t>(s.h * 131 + s.w * 17 + s.c));
    // A wall of NaN around the image: reading outside it shows in the result.
    Guarded input(s.h * s.w * s.c);
    for (int64_t i = 0; i < s.h * s.w * s.c; ++i) input.data()[i] = random.next();
    const std::vector<float> weights = random.values(s.kernel_h * s.kernel_w * s.c);
    const std::vector<float> bias = random.values(s.c);
    DepthwiseArgs d;
    d.input = input.data();
    d.weights = weights.data();
    d.bias = s.bias ? bias.data() : nullptr;
    if (s.clamp) d.activation = {Activation::Kind::Clamp, kLow, kHigh};
    d.in_h = s.h;
    d.in_w = s.w;
    d.channels = s.c;
    d.kernel_h = s.kernel_h;
    d.kernel_w = s.kernel_w;
    d.stride_h = d.stride_w = s.stride;
    d.pad_top = s.pad_top;
    d.pad_left = s.pad_left;
    d.out_h = (s.h + 2 * s.pad_top + s.more_after - s.kernel_h) / s.stride + 1;
    d.out_w = (s.w + 2 * s.pad_left + s.more_after - s.kernel_w) / s.stride + 1;
    Guarded whole(d.out_h * d.out_w * s.c), rows(d.out_h * d.out_w * s.c);
    d.output = whole.data();
    table().depthwise(d, 0, d.out_h);
    d.output = rows.data();
    for (int64_t y = d.out_h; y-- > 0;) table().depthwise(d, y, y + 1);
    // The lower rows alone, into a buffer that begins with them.
    const int64_t first = d.out_h / 2, row_size = d.out_w * s.c;
    Guarded lower((d.out_h - first) * row_size);
    d.output = lower.data();
    d.out_y0 = first;
    table().depthwise(d, first, d.out_h);
    const std::vector<double> expected = reference(d);
    const Distance distance_to = distance(whole.span(), std::span<const double>(expected));
    EXPECT_TRUE(distance_to.within(kKernelProduct))
        << s.h << "x" << s.w << "x" << s.c << " kernel " << s.kernel_h << "x" << s.kernel_w << ": "
        << report(distance_to, kKernelProduct);
    EXPECT_TRUE(same_bits(whole.span(), rows.span())) << "row by row";
    EXPECT_TRUE(
        same_bits(whole.span().subspan(static_cast<size_t>(first * row_size)), lower.span()))
        << "the lower rows";
    EXPECT_TRUE(whole.walls_hold() && rows.walls_hold() && lower.walls_hold());
  }
};

TEST_P(DepthwiseTest, EveryWidth) {
  for (int64_t kernel : {3, 5, 7})
    for (int64_t w = 1; w <= 31; ++w)
      expect_matches({4, w, 19, kernel, kernel, 1, kernel / 2, kernel / 2});
}

TEST_P(DepthwiseTest, EveryChannelCount) {
  for (int64_t kernel : {3, 5, 7})
    for (int64_t c = 1; c <= 70; ++c)
      expect_matches({3, 9, c, kernel, kernel, 1, kernel / 2, kernel / 2, c % 2 == 0});
}

TEST_P(DepthwiseTest, ImagesLowerThanTheKernel) {
  for (int64_t h = 1; h <= 6; ++h) expect_matches({h, 14, 16, 5, 5, 1, 2, 2});
}

TEST_P(DepthwiseTest, OtherGeometries) {
  expect_matches({9, 8, 21, 3, 3, 2, 1, 1});
  expect_matches({9, 8, 16, 3, 3, 1, 0, 0});
  expect_matches({9, 12, 5, 7, 7, 1, 3, 3});
  expect_matches({6, 7, 33, 2, 3, 1, 0, 1, false});
  expect_matches({8, 8, 8, 5, 5, 1, 2, 1});
  for (int64_t w = 1; w <= 40; ++w) {
    expect_matches({7, w, 19, 3, 3, 2, 1, 1});
    expect_matches({9, w, 67, 5, 5, 2, 2, 2});
    expect_matches({11, w, 35, 7, 7, 2, 3, 3});
  }
  expect_matches({13, 40, 80, 7, 7, 3, 3, 3, false});
}

TEST_P(DepthwiseTest, StridesWithLessPaddingBeforeThanAfter) {
  for (int64_t w = 4; w <= 40; ++w) {
    expect_matches({6, w, 19, 3, 3, 2, 0, 0});
    expect_matches({6, w, 19, 3, 3, 2, 0, 0, true, false, 1});
    expect_matches({8, w, 11, 5, 5, 2, 1, 1, true, false, 1});
    expect_matches({8, w, 11, 5, 5, 2, 1, 1, true, false, 3});
    if (w > 4) expect_matches({9, w, 11, 7, 7, 2, 1, 1, true, false, 4});
  }
}

TEST_P(DepthwiseTest, Clamps) {
  for (int64_t kernel : {3, 5, 7})
    for (int64_t stride : {1, 2})
      for (int64_t c : {1, 8, 19, 67})
        expect_matches({9, 13, c, kernel, kernel, stride, kernel / 2, kernel / 2, true, true});
}

/// Pixels of these are copied before they are read, some at a time.
TEST_P(DepthwiseTest, PixelsThatShareFewCacheSets) {
  for (int64_t c : {256, 384, 1024})
    for (int64_t kernel : {3, 5, 7})
      for (int64_t stride : {1, 2})
        expect_matches(
            {19, 37, c, kernel, kernel, stride, kernel / 2, kernel / 2, c < 1024, c == 384});
  expect_matches({18, 30, 512, 3, 3, 2, 0, 0, true, false, 1});
}

INSTANTIATE_TEST_SUITE_P(Isa, DepthwiseTest, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
