#include "backends/cpu/kernels/panel16.h"
#include "kernel_test.h"

namespace vitro::cpu {
namespace {

struct Case {
  int64_t h, w, groups, in, out, stride;
  int64_t pad_top = 1, pad_left = 1;
  int64_t more_after = 0;  ///< padding below and to the right beyond that above and to the left
  bool bias = true, residual = false;
  Activation activation = {};
  int64_t kernel = 3;
};

/// Sums of a case, before its activation; weights are [groups * out, kernel, kernel, in].
std::vector<double> sums_of(const DirectConvArgs& d, const std::vector<float>& weights) {
  const int64_t in_channels = d.groups * d.group_in, out_channels = d.groups * d.group_out;
  const int64_t taps = d.kernel * d.kernel;
  std::vector<double> result;
  for (int64_t y = 0; y < d.out_h; ++y)
    for (int64_t x = 0; x < d.out_w; ++x)
      for (int64_t o = 0; o < out_channels; ++o) {
        double sum = d.bias ? d.bias[o] : 0.0;
        if (d.residual) sum += d.residual[(y * d.out_w + x) * out_channels + o];
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t in_y = y * d.stride + tap / d.kernel - d.pad_top;
          const int64_t in_x = x * d.stride + tap % d.kernel - d.pad_left;
          if (in_y < 0 || in_y >= d.in_h || in_x < 0 || in_x >= d.in_w) continue;
          const float* pixel = d.input + (in_y * d.in_w + in_x) * in_channels;
          for (int64_t i = 0; i < d.group_in; ++i)
            sum += static_cast<double>(pixel[o / d.group_out * d.group_in + i]) *
                   weights[static_cast<size_t>((o * taps + tap) * d.group_in + i)];
        }
        result.push_back(sum);
      }
  return result;
}

class DirectConvTest : public KernelTest {
 protected:
  void expect_matches(const Case& s) {
    Random random(static_cast<uint32_t>(s.h * 131 + s.w * 17 + s.out));
    const int64_t in_channels = s.groups * s.in, out_channels = s.groups * s.out;
    const int64_t terms = s.kernel * s.kernel * s.in;
    // A wall of NaN around the image: reading outside it shows in the result.
    Guarded input(s.h * s.w * in_channels);
    for (int64_t i = 0; i < s.h * s.w * in_channels; ++i) input.data()[i] = random.next();
    const std::vector<float> weights = random.values(out_channels * terms);
    const std::vector<float> bias = random.values(out_channels);
    std::vector<float> packed(panel16_size(out_channels, terms));
    pack_panel16(weights.data(), out_channels, terms, packed.data());
    DirectConvArgs d;
    d.input = input.data();
    d.weights = packed.data();
    if (s.bias) d.bias = bias.data();
    d.activation = s.activation;
    d.in_h = s.h;
    d.in_w = s.w;
    d.groups = s.groups;
    d.group_in = s.in;
    d.group_out = s.out;
    d.kernel = s.kernel;
    d.stride = s.stride;
    d.pad_top = s.pad_top;
    d.pad_left = s.pad_left;
    d.out_h = (s.h + 2 * s.pad_top + s.more_after - s.kernel) / s.stride + 1;
    d.out_w = (s.w + 2 * s.pad_left + s.more_after - s.kernel) / s.stride + 1;
    const int64_t size = d.out_h * d.out_w * out_channels;
    const std::vector<float> residual = random.values(size);
    if (s.residual) d.residual = residual.data();
    const int64_t panels = (out_channels + 15) / 16;
    Guarded whole(size), parts(size);
    Guarded scratch(direct_conv_scratch_size(d, d.out_h, direct_conv_channels(d, 0, panels)));
    d.scratch = scratch.data();
    d.output = whole.data();
    table().direct_conv.run(d, 0, d.out_h, 0, panels);
    d.output = parts.data();
    for (int64_t y = d.out_h; y-- > 0;)
      for (int64_t panel = 0; panel < panels; ++panel)
        table().direct_conv.run(d, y, y + 1, panel, panel + 1);
    std::vector<float> activated(static_cast<size_t>(size));
    std::vector<double> expected = sums_of(d, weights);
    std::copy(expected.begin(), expected.end(), activated.begin());
    table().activate(s.activation,
                     {.x = activated.data(), .dst = activated.data(), .columns = size});
    if (s.activation.kind != Activation::Kind::None)
      expected.assign(activated.begin(), activated.end());
    const Distance d_to = distance(whole.span(), std::span<const double>(expected));
    EXPECT_TRUE(d_to.within(kKernelProduct))
        << s.h << "x" << s.w << ", " << s.groups << " groups of " << s.in << " -> " << s.out
        << ", stride " << s.stride << ": " << report(d_to, kKernelProduct);
    EXPECT_TRUE(same_bits(whole.span(), parts.span())) << "panel by panel, row by row";
    EXPECT_TRUE(whole.walls_hold() && parts.walls_hold() && scratch.walls_hold());
  }
  int64_t width() const { return table().direct_conv.width; }
};

TEST_P(DirectConvTest, EveryWidth) {
  for (const int64_t stride : {1, 2})
    for (int64_t w = 1; w <= 33; ++w) {
      expect_matches({4, w, 2, 5, 16, stride});
      expect_matches({3, w, 8, 4, 4, stride});
      expect_matches({3, w, 4, 8, 8, stride});
    }
}

TEST_P(DirectConvTest, SevenBySeven) {
  const auto expect = [&](Case s) {
    s.kernel = 7;
    expect_matches(s);
  };
  for (int64_t w = 1; w <= 33; ++w) expect({9, w, 1, 3, 32, 2, 3, 3});
  for (const int64_t groups : {1, 2, 3}) expect({8, 13, groups, 4, width(), 2, 2, 3, 1});
}

TEST_P(DirectConvTest, EveryDepthOfAGroup) {
  for (int64_t in = 1; in <= 33; ++in) expect_matches({4, 9, 2, in, 32, 1 + in % 2});
}

TEST_P(DirectConvTest, GroupsAcrossPanelsAndPartsOfThem) {
  for (const int64_t stride : {1, 2})
    for (const int64_t groups : {1, 2, 3, 5}) {
      expect_matches({5, 11, groups, 7, width(), stride});
      expect_matches({5, 11, groups, 3, 3 * width(), stride});
      expect_matches({5, 11, groups * width() / 4, 4, 4, stride});
      if (width() >= 8) expect_matches({5, 11, groups * width() / 8, 8, 8, stride});
    }
}

TEST_P(DirectConvTest, OtherPadding) {
  for (const int64_t stride : {1, 2}) {
    expect_matches({7, 9, 4, 16, 16, stride, 0, 0});
    expect_matches({6, 8, 4, 4, 4, stride, 0, 0, 1});
    expect_matches({5, 8, 1, 3, 32, stride, 0, 2, 1});
    expect_matches({2, 3, 2, 8, 16, stride, 6, 5, 3});
    expect_matches({1, 1, 2, 16, 16, stride});
  }
}

TEST_P(DirectConvTest, WhatFollowsTheSums) {
  using Kind = Activation::Kind;
  for (const Activation& activation : {Activation{}, Activation{Kind::Clamp, -0.25f, 0.5f},
                                       Activation{Kind::Silu}, Activation{Kind::HardSwish}})
    for (const bool residual : {false, true}) {
      expect_matches({6, 15, 3, 4, 16, 1, 1, 1, 0, !residual, residual, activation});
      expect_matches({6, 15, 12, 4, 4, 2, 1, 1, 0, true, residual, activation});
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, DirectConvTest, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
