#include <cmath>

#include "kernel_test.h"

namespace vitro::cpu {
namespace {

class Activations : public KernelTest {};

const int64_t kWidths[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 49, 63, 64, 65, 100, 196, 320};

constexpr Activation kGelu{Activation::Kind::Gelu};

/// What a kernel makes of `count` values from x on.
void activate(const KernelTable& table, const Activation& activation, const float* x, int64_t count,
              float* dst) {
  table.activate(activation, {.x = x, .dst = dst, .columns = count});
}

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

TEST_P(Activations, GeluOverTheFloatRange) {
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

TEST_P(Activations, GeluOfSpecialValues) {
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

TEST_P(Activations, GeluIsTheSameInPiecesAndInPlace) {
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
      {{Kind::LeakyRelu, 0.125f}, [](double x) { return x >= 0 ? x : 0.125 * x; }},
      {{Kind::Elu, 1.5f, 0.5f}, [](double x) { return x > 0 ? x : 1.5 * std::expm1(0.5 * x); }},
      {{Kind::Mish}, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {{Kind::GeluTanh},
       [](double x) {
         return 0.5 * x * (1 + std::tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
       }},
  };
  return all;
}

// Relative to the value where it is small, too: sigmoid, silu and tanh keep their digits.
TEST_P(Activations, ActivationsOfARange) {
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
TEST_P(Activations, SinesOfAllNumbers) {
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

/// e^x aside, in float32 as IEEE has it.
TEST_P(Activations, FunctionsOfAllNumbers) {
  using Kind = Activation::Kind;
  const std::vector<std::pair<Kind, float (*)(float)>> functions{
      {Kind::Exp, [](float v) { return static_cast<float>(std::exp(static_cast<double>(v))); }},
      {Kind::Sqrt, [](float v) { return std::sqrt(v); }},
      {Kind::Rsqrt, [](float v) { return 1.0f / std::sqrt(v); }},
      {Kind::Reciprocal, [](float v) { return 1.0f / v; }},
      {Kind::Neg, [](float v) { return -v; }},
      {Kind::Abs, [](float v) { return std::abs(v); }},
      {Kind::Floor, [](float v) { return std::floor(v); }},
      {Kind::Ceil, [](float v) { return std::ceil(v); }},
      {Kind::Round, [](float v) { return std::nearbyint(v); }}};
  std::vector<float> x{0.0f,       -0.0f,  INFINITY, -INFINITY, NAN,        1e30f,       -1e30f,
                       88.7f,      88.73f, -87.4f,   -103.9f,   -104.1f,    0.49999997f, 0.5f,
                       -0.5f,      1.5f,   2.5f,     -2.5f,     4194304.5f, -4194303.5f, 8388607.5f,
                       8388608.0f, 1e9f,   1e-30f,   -1e-40f};
  for (int i = -3000; i <= 3000; ++i) x.push_back(static_cast<float>(i) * 0.0271f);
  const auto count = static_cast<int64_t>(x.size());
  for (const auto& [kind, function] : functions) {
    SCOPED_TRACE(static_cast<int>(kind));
    Guarded y(count);
    activate(table(), {kind}, x.data(), count, y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const float expected = function(x[i]), found = y.span()[i];
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(found)) << x[i];
      else if (kind == Kind::Exp && std::isfinite(expected))
        EXPECT_NEAR(found, expected, kExp * expected + kExpDenormal) << x[i];
      else
        EXPECT_EQ(found, expected) << x[i];
    }
    EXPECT_TRUE(y.walls_hold());
  }
}

TEST_P(Activations, ActivationsOfSpecialValues) {
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

TEST_P(Activations, ActivationsOfRowsWithAResidual) {
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

INSTANTIATE_TEST_SUITE_P(Isa, Activations, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
