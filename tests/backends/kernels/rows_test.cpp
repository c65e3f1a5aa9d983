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

constexpr Activation kGelu{Activation::Kind::Gelu};

/// What a kernel makes of `count` values from x on.
void activate(const KernelTable& table, const Activation& activation, const float* x, int64_t count,
              float* dst) {
  table.activate(activation, {.x = x, .dst = dst, .columns = count});
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
  activate(table(), kGelu, x.data(), static_cast<int64_t>(x.size()), y.data());
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
  activate(table(), kGelu, x, 6, y);
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
  activate(table(), kGelu, x.data(), 77, whole.data());
  for (int64_t i = 0; i < 77; i += 10)
    activate(table(), kGelu, x.data() + i, std::min<int64_t>(10, 77 - i), parts.data() + i);
  EXPECT_TRUE(same_bits(whole.span(), parts.span()));
  activate(table(), kGelu, x.data(), 77, x.data());
  EXPECT_TRUE(same_bits(whole.span(), x));
}

using Function = double (*)(double);
const std::vector<std::pair<Activation, Function>>& activations() {
  using Kind = Activation::Kind;
  static const std::vector<std::pair<Activation, Function>> all{
      {{Kind::None}, [](double x) { return x; }},
      {{Kind::Clamp, -1.5f, 2.5f}, [](double x) { return std::clamp(x, -1.5, 2.5); }},
      {{Kind::Sigmoid}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {{Kind::Silu}, [](double x) { return x / (1 + std::exp(-x)); }},
      {{Kind::Tanh}, [](double x) { return std::tanh(x); }},
      {{Kind::HardSigmoid, 0.25f, 0.375f},
       [](double x) { return std::clamp(0.25 * x + 0.375, 0.0, 1.0); }},
      {{Kind::HardSwish}, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {{Kind::Erf}, [](double x) { return std::erf(x); }},
      {{Kind::GeluTanh},
       [](double x) {
         return 0.5 * x * (1 + std::tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
       }},
  };
  return all;
}

// Relative to the value where it is small, too: sigmoid, silu and tanh keep their digits.
TEST_P(Rows, ActivationsOfARange) {
  std::vector<float> x;
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) * 1e-3f);
  Guarded y(static_cast<int64_t>(x.size()));
  for (const auto& [activation, function] : activations()) {
    SCOPED_TRACE(static_cast<int>(activation.kind));
    activate(table(), activation, x.data(), static_cast<int64_t>(x.size()), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = function(static_cast<double>(x[i]));
      ASSERT_NEAR(y.span()[i], expected, kActivation * std::max(std::abs(expected), 1e-2)) << x[i];
    }
    EXPECT_TRUE(y.walls_hold());
  }
}

// Each element by itself: its neighbours may be beyond what the polynomial is for.
TEST_P(Rows, SinesOfAllNumbers) {
  std::vector<float> x{0.0f, 1e-30f, INFINITY, -INFINITY, NAN, 8192.0f, 1e5f, 1.0f, -1e30f, 3.0f};
  for (int i = -3000; i <= 3000; ++i) x.push_back(static_cast<float>(i) * 0.0137f);
  for (int i = -3000; i <= 3000; ++i) x.push_back(static_cast<float>(i) * 3.37f);
  const auto count = static_cast<int64_t>(x.size());
  for (const auto& [kind, function] :
       {std::pair<Activation::Kind, Function>{Activation::Kind::Sin, std::sin},
        {Activation::Kind::Cos, std::cos}}) {
    Guarded y(count), parts(count);
    activate(table(), {kind}, x.data(), count, y.data());
    for (int64_t i = 0; i < count; i += 7)
      activate(table(), {kind}, x.data() + i, std::min<int64_t>(7, count - i), parts.data() + i);
    EXPECT_TRUE(same_bits(y.span(), parts.span()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = function(static_cast<double>(x[i]));
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(y.span()[i])) << x[i];
      else
        EXPECT_NEAR(y.span()[i], expected, kSine) << x[i];
    }
    EXPECT_TRUE(y.walls_hold());
  }
}

TEST_P(Rows, ActivationsOfSpecialValues) {
  const float x[4] = {NAN, INFINITY, -200.0f, 200.0f};
  for (const auto& [activation, function] : activations()) {
    SCOPED_TRACE(static_cast<int>(activation.kind));
    float y[4];
    activate(table(), activation, x, 4, y);
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_EQ(static_cast<double>(y[1]), function(INFINITY));
    for (int i : {2, 3}) EXPECT_NEAR(y[i], function(static_cast<double>(x[i])), 1e-6);
  }
}

TEST_P(Rows, ActivationsOfRowsWithAResidual) {
  for (int64_t n : kWidths) {
    Random random(static_cast<uint32_t>(n));
    const std::vector<float> x = random.values(3 * (n + 2)), r = random.values(3 * (n + 1));
    for (const auto& [activation, function] : activations()) {
      Guarded y(3 * (n + 3));
      table().activate(activation, {x.data(), n + 2, r.data(), n + 1, y.data(), n + 3, 3, n});
      for (int64_t i = 0; i < 3; ++i) {
        for (int64_t j = 0; j < n; ++j)
          EXPECT_NEAR(y.span()[i * (n + 3) + j],
                      function(static_cast<double>(x[i * (n + 2) + j] + r[i * (n + 1) + j])),
                      kActivation);
        for (int64_t j = n; j < n + 3; ++j) EXPECT_TRUE(y.untouched(i * (n + 3) + j));
      }
    }
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
