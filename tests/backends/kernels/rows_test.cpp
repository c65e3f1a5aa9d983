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

TEST_P(Rows, WeightedSums) {
  for (int64_t n : kWidths)
    for (const size_t num_terms : {1u, 2u, 4u}) {
      Random random(static_cast<uint32_t>(n));
      std::vector<std::vector<float>> rows;
      std::vector<WeightedTerm> terms;
      for (size_t t = 0; t < num_terms; ++t) rows.push_back(random.values(n));
      for (size_t t = 0; t < num_terms; ++t)
        terms.push_back({rows[t].data(), 0.25f * static_cast<float>(t + 1)});
      Guarded y(n);
      table().weighted_sum(terms.data(), static_cast<int64_t>(num_terms), n, y.data());
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        double expected = 0;
        for (size_t t = 0; t < num_terms; ++t)
          expected += static_cast<double>(terms[t].weight) * rows[t][i];
        EXPECT_NEAR(y.span()[i], expected, kActivation);
      }
      EXPECT_TRUE(y.walls_hold());
    }
}

TEST_P(Rows, Binary) {
  const std::vector<std::pair<BinaryKind, float (*)(float, float)>> functions{
      {BinaryKind::Add, [](float x, float y) { return x + y; }},
      {BinaryKind::Sub, [](float x, float y) { return x - y; }},
      {BinaryKind::Mul, [](float x, float y) { return x * y; }},
      {BinaryKind::Div, [](float x, float y) { return x / y; }},
      {BinaryKind::Min, [](float x, float y) { return std::min(x, y); }},
      {BinaryKind::Max, [](float x, float y) { return std::max(x, y); }}};
  for (int64_t n : kWidths) {
    Random random(static_cast<uint32_t>(n));
    const std::vector<float> x = random.values(n), y = random.values(n);
    for (const auto& [kind, function] : functions)
      for (const auto& [x_step, y_step] : {std::pair{1, 1}, std::pair{0, 1}, std::pair{1, 0}}) {
        Guarded z(n);
        table().binary[static_cast<size_t>(kind)](
            {x.data(), x_step, y.data(), y_step, n, z.data()});
        for (int64_t i = 0; i < n; ++i)
          EXPECT_EQ(z.span()[i], function(x[i * x_step], y[i * y_step]));
        EXPECT_TRUE(z.walls_hold());
      }
  }
}

TEST_P(Rows, ExtremesKeepNaN) {
  const float x[3] = {NAN, 1, NAN}, y[3] = {2, NAN, NAN};
  for (const BinaryKind kind : {BinaryKind::Min, BinaryKind::Max}) {
    float z[3];
    table().binary[static_cast<size_t>(kind)]({x, 1, y, 1, 3, z});
    for (float v : z) EXPECT_TRUE(std::isnan(v));
  }
}

TEST_P(Rows, Transpose) {
  for (int64_t rows : {1, 3, 4, 9})
    for (int64_t columns : {1, 5, 64, 131}) {
      Random random(static_cast<uint32_t>(columns));
      const std::vector<float> x = random.values(rows * (columns + 2));
      Guarded y(columns * (rows + 1));
      table().transpose(x.data(), rows, columns, columns + 2, y.data(), rows + 1);
      for (int64_t i = 0; i < columns; ++i) {
        for (int64_t j = 0; j < rows; ++j)
          EXPECT_EQ(y.span()[i * (rows + 1) + j], x[j * (columns + 2) + i]);
        EXPECT_TRUE(y.untouched(i * (rows + 1) + rows));
      }
      EXPECT_TRUE(y.walls_hold());
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, Rows, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
