#include <cmath>

#include "kernel_test.h"

namespace vitro::cpu {
namespace {

class Rows : public KernelTest {};

const int64_t kWidths[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 49, 63, 64, 65, 100, 196, 320};

void expect_near(const Guarded& x, const std::vector<double>& expected, const std::string& what) {
  const Distance d = distance(x.span(), std::span<const double>(expected));
  EXPECT_TRUE(d.within(kKernelRow)) << what << ": " << report(d, kKernelRow);
  EXPECT_TRUE(x.walls_hold()) << what;
}

TEST_P(Rows, LayerNorm) {
  for (int64_t n : kWidths) {
    for (bool affine : {false, true}) {
      Random random(static_cast<uint32_t>(n));
      std::vector<float> x = random.values(3 * n);
      for (float& v : x)
        v += 30.0f;  // a mean far from zero: E[x^2] - mean^2 would lose the variance
      const std::vector<float> gamma = random.values(n), beta = random.values(n);
      Guarded y(3 * n), parts(3 * n);
      LayerNormArgs a = {x.data(), y.data(), n, 1e-6f, nullptr, nullptr};
      if (affine) a.gamma = gamma.data(), a.beta = beta.data();
      table().layer_norm(a, 0, 3);
      a.dst = parts.data();
      for (int64_t row : {2, 0, 1}) table().layer_norm(a, row, row + 1);
      EXPECT_TRUE(same_bits(y.span(), parts.span()));
      std::vector<double> expected;
      for (int64_t row = 0; row < 3; ++row) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < n; ++i) mean += x[row * n + i];
        mean /= static_cast<double>(n);
        for (int64_t i = 0; i < n; ++i) var += std::pow(x[row * n + i] - mean, 2);
        for (int64_t i = 0; i < n; ++i) {
          const double v = (x[row * n + i] - mean) / std::sqrt(var / static_cast<double>(n) + 1e-6);
          expected.push_back(affine ? v * gamma[i] + beta[i] : v);
        }
      }
      const Distance d = distance(y.span(), std::span<const double>(expected));
      EXPECT_TRUE(d.within(kKernelLayerNorm)) << n << ": " << report(d, kKernelLayerNorm);
      EXPECT_TRUE(y.walls_hold());
    }
  }
}

TEST_P(Rows, Softmax) {
  for (int64_t n : kWidths) {
    Random random(static_cast<uint32_t>(n));
    std::vector<float> x = random.values(2 * n);
    for (float& v : x) v *= 5.0f;
    Guarded y(2 * n);
    table().softmax({x.data(), y.data(), n}, 0, 2);
    std::vector<double> expected;
    for (int64_t row = 0; row < 2; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[row * n + i]));
      for (int64_t i = 0; i < n; ++i)
        expected.push_back(std::exp(static_cast<double>(x[row * n + i])) / sum);
    }
    expect_near(y, expected, "softmax of " + std::to_string(n));
    table().softmax({x.data(), x.data(), n}, 0, 2);
    EXPECT_TRUE(same_bits(y.span(), x)) << "in place";
  }
}

/// softmax([0, -x]) is a sweep of the exponential: its second element is e^-x / (1 + e^-x).
TEST_P(Rows, ExponentialOverTheFloatRange) {
  double worst = 0;
  for (float x = 1e-30f; x < 85.0f; x = x < 0.01f ? x * 7.0f : x + 0.0137f) {
    const float row[2] = {0.0f, -x};
    float y[2];
    table().softmax({row, y, 2}, 0, 1);
    const double expected =
        std::exp(-static_cast<double>(x)) / (1 + std::exp(-static_cast<double>(x)));
    worst = std::max(worst, std::abs(y[1] - expected) / expected / std::max(1.0, 0.25 * x));
  }
  EXPECT_LE(worst, kExponentialRelative);
  // Results below the normal range are denormal or 0, never garbage.
  for (float x : {90.0f, 100.0f, 103.0f, 104.5f, 1e4f, 3e38f, INFINITY}) {
    const float row[2] = {0.0f, -x};
    float y[2];
    table().softmax({row, y, 2}, 0, 1);
    EXPECT_EQ(y[0], 1.0f) << x;
    EXPECT_NEAR(y[1], std::exp(-static_cast<double>(x)), 0x1p-146) << x;
  }
}

TEST_P(Rows, SoftmaxKeepsNan) {
  const float row[3] = {0.0f, NAN, 1.0f};
  float y[3];
  table().softmax({row, y, 3}, 0, 1);
  for (float v : y) EXPECT_TRUE(std::isnan(v));
}

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

TEST_P(Rows, GeluOverTheFloatRange) {
  // Every 4099th float, of both signs, from denormals to the largest.
  std::vector<float> x;
  for (uint64_t bits = 0; bits < 0x7f800000u; bits += 4099) {
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    x.push_back(-x.back());
  }
  for (int i = -60000; i <= 60000; ++i) x.push_back(static_cast<float>(i) * 1e-4f);
  Guarded y(static_cast<int64_t>(x.size()));
  table().gelu(x.data(), static_cast<int64_t>(x.size()), y.data());
  double worst = 0, worst_at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double magnitude = std::max(1.0, std::abs(static_cast<double>(x[i])));
    const double error = std::abs(y.span()[i] - exact_gelu(x[i])) / magnitude;
    if (!(error <= worst)) worst = error, worst_at = x[i];
  }
  EXPECT_LE(worst, kGeluAbsolute) << "at " << worst_at;
  EXPECT_TRUE(y.walls_hold());
}

TEST_P(Rows, GeluOfSpecialValues) {
  const float x[6] = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f, -100.0f};
  float y[6];
  table().gelu(x, 6, y);
  EXPECT_EQ(y[0], INFINITY);
  EXPECT_NEAR(y[1], 0.0, kGeluTail);
  EXPECT_TRUE(std::isnan(y[2]));
  EXPECT_EQ(y[3], 0.0f);
  EXPECT_EQ(y[4], 0.0f);
  EXPECT_NEAR(y[5], 0.0, kGeluTail);
}

TEST_P(Rows, GeluIsTheSameInPiecesAndInPlace) {
  Random random(3);
  std::vector<float> x = random.values(77);
  Guarded whole(77), parts(77);
  table().gelu(x.data(), 77, whole.data());
  for (int64_t i = 0; i < 77; i += 10)
    table().gelu(x.data() + i, std::min<int64_t>(10, 77 - i), parts.data() + i);
  EXPECT_TRUE(same_bits(whole.span(), parts.span()));
  table().gelu(x.data(), 77, x.data());
  EXPECT_TRUE(same_bits(whole.span(), x));
}

TEST_P(Rows, Add) {
  for (int64_t n : kWidths) {
    Random random(static_cast<uint32_t>(n));
    const std::vector<float> x = random.values(2 * n), y = random.values(2 * n);
    Guarded sum(2 * n);
    table().add(x.data(), y.data(), 2 * n, sum.data());
    for (int64_t i = 0; i < 2 * n; ++i) EXPECT_EQ(sum.span()[i], x[i] + y[i]);
    EXPECT_TRUE(sum.walls_hold());
  }
}

TEST_P(Rows, ReductionsOverTokens) {
  for (int64_t n : kWidths) {
    Random random(static_cast<uint32_t>(n));
    const std::vector<float> x = random.values(49 * n);
    Guarded mean(n), parts(n), top(n);
    table().mean_tokens(x.data(), 49, n, 0, n, mean.data());
    table().max_tokens(x.data(), 49, n, 0, n, top.data());
    for (int64_t c = 0; c < n; c += 6)
      table().mean_tokens(x.data(), 49, n, c, std::min(n, c + 6), parts.data());
    EXPECT_TRUE(same_bits(mean.span(), parts.span()));
    std::vector<double> expected_mean;
    for (int64_t c = 0; c < n; ++c) {
      double sum = 0;
      float best = x[c];
      for (int64_t t = 0; t < 49; ++t) sum += x[t * n + c], best = std::max(best, x[t * n + c]);
      expected_mean.push_back(sum / 49);
      EXPECT_EQ(top.span()[c], best);
    }
    expect_near(mean, expected_mean, "mean");
    EXPECT_TRUE(top.walls_hold());
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Rows, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
