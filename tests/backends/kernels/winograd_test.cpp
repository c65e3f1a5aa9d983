#include "backends/cpu/kernels/winograd.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels/panel16.h"
#include "kernel_test.h"

namespace vitro::cpu {
namespace {

struct Case {
  int64_t images, h, w, channels, out_channels, pad_top = 1, pad_left = 1, pad_bottom = 1,
                                                pad_right = 1;
  bool bias = true, residual = false;
  Activation activation = {};
};

/// A convolution, its operands, and its value in double precision.
class Problem {
 public:
  explicit Problem(const Case& c) : case_(c), input_(c.images * c.h * c.w * c.channels) {
    Random random(static_cast<uint32_t>(c.h * 7919 + c.w * 131 + c.channels * 17 + c.out_channels));
    // A wall of NaN around the images: reading outside of them shows in the result.
    const std::vector<float> values = random.values(c.images * c.h * c.w * c.channels);
    std::copy(values.begin(), values.end(), input_.data());
    weights_ = random.values(c.out_channels * 9 * c.channels);
    bias_ = random.values(c.out_channels);
    residual_ = random.values(out_size());
    args_.in_h = c.h;
    args_.in_w = c.w;
    args_.channels = c.channels;
    args_.pad_top = c.pad_top;
    args_.pad_left = c.pad_left;
    args_.out_h = out_h();
    args_.out_w = out_w();
    args_.out_channels = c.out_channels;
    args_.bias = c.bias ? bias_.data() : nullptr;
    args_.residual = c.residual ? residual_.data() : nullptr;
    args_.activation = c.activation;
  }

  /// Runs it in blocks of `block` tiles.
  std::vector<float> run(const KernelTable& table, const WinogradKernel& kernel, int64_t block) {
    const Case& c = case_;
    const int64_t products = winograd_points(kernel.tile), tiles = num_tiles(kernel.tile);
    block = std::min(block, tiles);
    std::vector<float> panels(panel16_size(c.out_channels, 9 * c.channels));
    pack_panel16(weights_.data(), c.out_channels, 9 * c.channels, panels.data());
    std::vector<float> weights =
        nans(winograd_weights_size(kernel.tile, c.out_channels, c.channels));
    winograd_weights(kernel.tile, panels.data(), c.out_channels, c.channels, weights.data());
    Guarded output(out_size()), points(products * block * c.channels),
        sums(products * block * c.out_channels);
    WinogradArgs args = args_;
    args.input = input_.data();
    args.output = output.data();
    args.values = points.data();
    args.values_stride = block * c.channels;
    args.sums = sums.data();
    args.sums_stride = block * c.out_channels;
    for (int64_t begin = 0; begin < tiles; begin += block) {
      const int64_t end = std::min(tiles, begin + block);
      args.first_tile = begin;
      kernel.input(args, begin, end);
      for (int64_t i = 0; i < products; ++i) {
        GemmArgs gemm;
        gemm.m = end - begin;
        gemm.n = gemm.ldc = c.out_channels;
        gemm.k = gemm.lda = c.channels;
        gemm.a = args.values + i * args.values_stride;
        gemm.b = panel16_matrix(
            weights.data() + static_cast<size_t>(i) * panel16_size(c.out_channels, c.channels),
            c.channels);
        gemm.c = args.sums + i * args.sums_stride;
        table.gemm_tile(gemm, 0, gemm.m, 0, num_panels(gemm.n));
      }
      kernel.output(args, begin, end);
    }
    EXPECT_TRUE(output.walls_hold() && points.walls_hold() && sums.walls_hold());
    const auto result = output.span();
    return {result.begin(), result.end()};
  }

  std::vector<double> reference() {
    std::vector<double> result;
    for (int64_t image = 0; image < case_.images; ++image)
      for (int64_t y = 0; y < out_h(); ++y)
        for (int64_t x = 0; x < out_w(); ++x)
          for (int64_t o = 0; o < case_.out_channels; ++o) {
            double sum = case_.bias ? bias_[static_cast<size_t>(o)] : 0.0;
            sum += direct(image, y - case_.pad_top, x - case_.pad_left, o);
            if (case_.residual) sum += residual_[result.size()];
            result.push_back(activated(sum));
          }
    return result;
  }

 private:
  int64_t out_h() const { return case_.h + case_.pad_top + case_.pad_bottom - 2; }
  int64_t out_w() const { return case_.w + case_.pad_left + case_.pad_right - 2; }
  int64_t out_size() const { return case_.images * out_h() * out_w() * case_.out_channels; }
  int64_t num_tiles(int64_t tile) const {
    return case_.images * ((out_h() + tile - 1) / tile) * ((out_w() + tile - 1) / tile);
  }
  double activated(double sum) const {
    if (case_.activation.kind == Activation::Kind::Clamp)
      return std::clamp(sum, static_cast<double>(case_.activation.alpha),
                        static_cast<double>(case_.activation.beta));
    if (case_.activation.kind == Activation::Kind::Silu) return sum / (1 + std::exp(-sum));
    return sum;
  }
  /// The sum of the window that begins at pixel (top, left).
  double direct(int64_t image, int64_t top, int64_t left, int64_t o) {
    double sum = 0;
    for (int64_t y = 0; y < 3; ++y)
      for (int64_t x = 0; x < 3; ++x) {
        if (top + y < 0 || top + y >= case_.h || left + x < 0 || left + x >= case_.w) continue;
        const float* pixel =
            input_.data() + ((image * case_.h + top + y) * case_.w + left + x) * case_.channels;
        const float* tap = &weights_[static_cast<size_t>((o * 9 + y * 3 + x) * case_.channels)];
        for (int64_t i = 0; i < case_.channels; ++i) sum += static_cast<double>(pixel[i]) * tap[i];
      }
    return sum;
  }

  Case case_;
  Guarded input_;
  std::vector<float> weights_, bias_, residual_;
  WinogradArgs args_;
};

class Winograd : public KernelTest {
 protected:
  void expect_matches(const Case& c) {
    Problem problem(c);
    const std::vector<double> reference = problem.reference();
    for (const WinogradKernel& kernel : {table().winograd2x2, table().winograd4x4}) {
      const std::vector<float> whole = problem.run(table(), kernel, 1000);
      const Distance d =
          distance(std::span<const float>(whole), std::span<const double>(reference));
      const Tolerance& bound = kernel.tile == 2 ? kKernelProduct : kKernelWinograd4x4;
      EXPECT_TRUE(d.within(bound))
          << c.h << "x" << c.w << "x" << c.channels << " -> " << c.out_channels << ", tiles of "
          << kernel.tile << ": " << report(d, bound);
      for (const int64_t block : {1, 5})
        EXPECT_TRUE(same_bits(whole, problem.run(table(), kernel, block)))
            << "blocks of " << block << " tiles";
    }
  }
};

TEST_P(Winograd, EveryExtent) {
  for (int64_t h = 1; h <= 11; ++h)
    for (int64_t w = 1; w <= 11; ++w) expect_matches({1, h, w, 3, 5});
}

TEST_P(Winograd, EveryChannelCount) {
  for (int64_t c = 1; c <= 37; ++c) expect_matches({2, 6, 7, c, 38 - c});
}

TEST_P(Winograd, EveryPadding) {
  for (int64_t pad = 0; pad <= 7; ++pad)
    for (int64_t other = 0; other <= 2; ++other)
      expect_matches({2, 5, 4, 9, 7, pad, other, 2, 7 - pad});
}

TEST_P(Winograd, EveryEpilogue) {
  for (const Activation& activation :
       {Activation{}, Activation{Activation::Kind::Clamp, -0.5f, 1.0f},
        Activation{Activation::Kind::Silu}})
    for (const bool bias : {false, true})
      for (const bool residual : {false, true})
        expect_matches({2, 9, 6, 11, 21, 1, 1, 1, 1, bias, residual, activation});
}

// The deepest layers of a ResNet: errors grow with the number of terms.
TEST_P(Winograd, ManyChannels) {
  expect_matches({1, 7, 7, 512, 64});
  expect_matches({1, 14, 14, 256, 32});
}

INSTANTIATE_TEST_SUITE_P(Isa, Winograd, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
