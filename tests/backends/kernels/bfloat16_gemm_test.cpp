#include <cmath>

#include "backends/cpu/kernels/panel16.h"
#include "core/convert.h"
#include "dice.h"
#include "narrow_products.h"

namespace vitro::cpu {
namespace {

enum class Source { Floats, LayerNorm, Patches, BFloat16 };

struct Case {
  int64_t m = 1, n = 1, k = 1;
  Source source = Source::Floats;
  PatchSource patches;
  Activation activation;
  bool bias = false, residual = false, in_place = false, rounded = false;
};

float to_bfloat16(float x) { return bfloat16_to_float32(float32_to_bfloat16(x)); }

Case draw_case(Dice& dice, int64_t number) {
  Case c;
  c.m = number % 7 == 0 ? 1 : dice.whole(1, 40);
  c.n = dice.whole(1, 150);
  c.k = number % 50 == 0 ? dice.whole(500, 2500) : dice.whole(1, 200);
  c.source = static_cast<Source>(dice.whole(0, 3));
  if (c.source == Source::Patches) {
    c.patches = draw_patches(dice);
    c.m = 2 * c.patches.out_h * c.patches.out_w;
    c.k = c.patches.kernel_h * c.patches.kernel_w * c.patches.channels;
  }
  c.activation = {static_cast<Activation::Kind>(dice.whole(0, 8)), -0.5f, 0.75f};
  if (dice.coin()) c.activation.kind = Activation::Kind::None;
  c.bias = dice.coin();
  c.rounded = dice.coin();
  c.residual = dice.coin();
  c.in_place = c.residual && !c.rounded && c.source != Source::Patches && dice.coin();
  return c;
}

/// A product, its operands, and its value from the definition.
class Problem {
 public:
  Problem(const Case& c, Dice& dice) : case_(c) {
    const bool patches = c.source == Source::Patches;
    a_ = dice.values(patches ? 2 * c.patches.in_h * c.patches.in_w * c.patches.pixel_stride
                             : c.m * lda());
    residual_ = dice.values(c.m * ldc());
    bias_ = dice.values(c.n);
    std::vector<float> weights = dice.values(c.n * c.k), panels(panel16_size(c.n, c.k));
    pack_panel16(weights.data(), c.n, c.k, panels.data());
    pairs_.resize(panel16x2_size(c.n, c.k));
    pair_panel16(panels.data(), c.n, c.k, pairs_.data());
    for (float w : weights) weights_.push_back(to_bfloat16(w));
    // Zeros fill the last block of a row, and nobody looks behind it.
    rows_.resize(static_cast<size_t>(c.m * bfloat16_stride(c.k)), kNaN);
    for (int64_t i = 0; i < c.m && !patches; ++i)
      for (int64_t j = 0; j < whole_blocks(c.k); ++j)
        rows_[i * bfloat16_stride(c.k) + j] = j < c.k ? float32_to_bfloat16(a_[i * lda() + j]) : 0;
  }

  /// Runs it cut into calls of `rows` x `panels`. [m, n]
  std::vector<float> run(const NarrowProduct& product, int64_t rows, int64_t panels) const {
    const Case& s = case_;
    Guarded c(s.m * ldc());
    if (s.in_place) std::copy(residual_.begin(), residual_.end(), c.data());
    std::vector<uint16_t> rounded(static_cast<size_t>(s.m * ldc()), kNaN);
    GemmArgs g = args();
    g.residual = !s.residual ? nullptr : s.in_place ? c.data() : residual_.data();
    g.c_bfloat16 = s.rounded ? rounded.data() : nullptr;
    g.c = s.rounded ? nullptr : c.data();
    Guarded scratch(static_cast<int64_t>(product.kernel.scratch_size(g)));
    g.scratch = scratch.data();
    const int64_t all = num_panels(s.n);
    for (int64_t row = 0; row < s.m; row += rows)
      for (int64_t panel = 0; panel < all; panel += panels)
        product.kernel.tile(g, row, std::min(s.m, row + rows), panel,
                            std::min(all, panel + panels));
    EXPECT_TRUE(c.walls_hold() && scratch.walls_hold()) << describe();
    std::vector<float> result;
    for (int64_t i = 0; i < s.m * ldc(); ++i) {
      const int64_t column = i % ldc();
      if (column < s.n)
        result.push_back(s.rounded ? bfloat16_to_float32(rounded[i]) : c.data()[i]);
      else if (s.rounded)
        EXPECT_EQ(rounded[i], column < whole_blocks(s.n) ? 0 : kNaN) << describe();
      else
        EXPECT_TRUE(s.in_place || c.untouched(i)) << describe();
    }
    return result;
  }

  /// [m, n], sums in double precision.
  std::vector<double> reference(const KernelTable& table) const {
    std::vector<double> result;
    for (int64_t row = 0; row < case_.m; ++row) {
      const std::vector<float> x = operands(table, row);
      std::vector<float> y;
      for (int64_t j = 0; j < case_.n; ++j) {
        double sum = case_.bias ? bias_[j] : 0.0;
        for (int64_t i = 0; i < case_.k; ++i) sum += double{x[i]} * weights_[j * case_.k + i];
        y.push_back(static_cast<float>(sum + (case_.residual ? residual_[row * ldc() + j] : 0)));
      }
      table.activate(case_.activation, {.x = y.data(), .dst = y.data(), .columns = case_.n});
      for (float v : y) result.push_back(case_.rounded ? to_bfloat16(v) : v);
    }
    return result;
  }

  std::string describe() const {
    return std::to_string(case_.m) + "x" + std::to_string(case_.k) + "x" + std::to_string(case_.n) +
           " source " + std::to_string(static_cast<int>(case_.source)) + " activation " +
           std::to_string(static_cast<int>(case_.activation.kind)) +
           (case_.rounded ? " rounded" : "");
  }

 private:
  static constexpr float kEps = 1e-5f;
  static constexpr uint16_t kNaN = 0x7fc1;
  static int64_t whole_blocks(int64_t k) {
    return (k + kBFloat16Block - 1) / kBFloat16Block * kBFloat16Block;
  }
  int64_t lda() const { return case_.k + 3; }
  int64_t ldc() const { return case_.rounded ? bfloat16_stride(case_.n) : case_.n + 5; }

  GemmArgs args() const {
    GemmArgs g;
    g.m = case_.m;
    g.n = case_.n;
    g.k = case_.k;
    g.a = a_.data();
    g.lda = lda();
    g.eps = kEps;
    g.layer_norm = case_.source == Source::LayerNorm;
    if (case_.source == Source::Patches) {
      patches_ = case_.patches;
      patches_.input = a_.data();
      g.patches = &patches_;
    }
    if (case_.source == Source::BFloat16) {
      g.a_bfloat16 = rows_.data();
      g.lda = bfloat16_stride(case_.k);
    }
    g.pairs = pairs_.data();
    g.bias = case_.bias ? bias_.data() : nullptr;
    g.ldr = g.ldc = ldc();
    g.activation = case_.activation;
    return g;
  }

  /// A row of A as it is multiplied.
  std::vector<float> operands(const KernelTable& table, int64_t row) const {
    std::vector<float> x;
    for (int64_t i = 0; i < case_.k; ++i) {
      const int64_t at =
          case_.source == Source::Patches ? patch_index(case_.patches, row, i) : row * lda() + i;
      x.push_back(at < 0 ? 0.0f : a_[at]);
    }
    if (case_.source == Source::LayerNorm)
      table.layer_norm({.x = x.data(), .dst = x.data(), .channels = case_.k, .eps = kEps}, 0, 1);
    for (float& v : x) v = to_bfloat16(v);
    return x;
  }

  Case case_;
  mutable PatchSource patches_;
  std::vector<float> a_, residual_, bias_, weights_;
  std::vector<uint16_t> pairs_, rows_;
};

class BFloat16Gemm : public testing::TestWithParam<size_t> {
 protected:
  const NarrowProduct& product() const { return bfloat16_products()[GetParam()]; }

  void expect_matches(const Case& c, Dice& dice) {
    const Problem problem(c, dice);
    const std::vector<float> whole = problem.run(product(), c.m, num_panels(c.n));
    const std::vector<double> expected = problem.reference(*product().table);
    const Tolerance bound = c.rounded ? kKernelBFloat16Result : kKernelBFloat16;
    const Distance d = distance(std::span<const float>(whole), std::span<const double>(expected));
    EXPECT_TRUE(d.within(bound)) << problem.describe() << ": " << report(d, bound);
    EXPECT_TRUE(same_bits(whole, problem.run(product(), 7, 3))) << problem.describe();
  }
};

TEST_P(BFloat16Gemm, EqualsItsDefinition) {
  Dice dice(9);
  for (int64_t number = 0; number < 1200 && !HasFailure(); ++number)
    expect_matches(draw_case(dice, number), dice);
}

TEST_P(BFloat16Gemm, ManyRowsAndDeepRows) {
  Dice dice(10);
  const int64_t extents[][3] = {{500, 20, 64}, {70, 33, 4000}, {3, 2, 4101}};
  for (const auto& [m, n, k] : extents)
    for (Source source : {Source::Floats, Source::LayerNorm, Source::BFloat16})
      expect_matches({.m = m, .n = n, .k = k, .source = source, .patches = {}, .activation = {}},
                     dice);
}

/// Bits of floats: every exponent and sign with mantissas at and beside ties, and some at random.
std::vector<float> many_floats() {
  std::vector<float> floats;
  Random random(11);
  for (uint32_t exponent = 0; exponent < 512; ++exponent)
    for (uint32_t low : {0u, 0x7fffu, 0x8000u, 0x8001u, 0x17fffu, 0x18000u, 0x18001u, 0x7fffffu})
      floats.push_back(std::bit_cast<float>(exponent << 23 | low));
  for (float x : random.values(1000))
    floats.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(x) * 2654435761u));
  return floats;
}

bool same_number(float a, float b) {
  return same_bits({&a, 1}, {&b, 1}) || (std::isnan(a) && std::isnan(b));
}

// A row times 1 is the row as it was multiplied; what is below the least normal number may be 0.
TEST_P(BFloat16Gemm, RoundsRowsToNearestEven) {
  const float one[16] = {1};
  std::vector<uint16_t> pairs(panel16x2_size(1, 1));
  pair_panel16(one, 1, 1, pairs.data());
  const std::vector<float> x = many_floats();
  std::vector<float> y(x.size());
  GemmArgs g;
  g.m = static_cast<int64_t>(x.size());
  g.n = g.k = g.lda = g.ldc = 1;
  g.a = x.data();
  g.pairs = pairs.data();
  g.c = y.data();
  std::vector<float> scratch(product().kernel.scratch_size(g));
  g.scratch = scratch.data();
  product().kernel.tile(g, 0, g.m, 0, 1);
  for (size_t i = 0; i < x.size(); ++i) {
    const float expected = to_bfloat16(x[i]);
    EXPECT_TRUE(same_number(y[i], expected + 0.0f) ||
                (std::fabs(x[i]) < std::numeric_limits<float>::min() && y[i] == 0))
        << x[i] << ": " << y[i] << ", expected " << expected;
  }
}

INSTANTIATE_TEST_SUITE_P(Product, BFloat16Gemm,
                         testing::Range<size_t>(0, bfloat16_products().size()),
                         [](const auto& product) {
                           return bfloat16_products()[product.param].name;
                         });

TEST(Panel16x2, RoundsAndPairs) {
  const std::vector<float> floats = many_floats();
  for (int64_t n : {1, 16, 17})
    for (int64_t k : {1, 2, 5, 64}) {
      std::vector<float> w, panels(panel16_size(n, k));
      for (int64_t i = 0; i < n * k; ++i) w.push_back(floats[i * 97 % floats.size()]);
      pack_panel16(w.data(), n, k, panels.data());
      std::vector<uint16_t> pairs(panel16x2_size(n, k), 99);
      pair_panel16(panels.data(), n, k, pairs.data());
      // Weights that are stored as bfloat16 keep their bits.
      std::vector<uint16_t> halves(panels.size()), same(pairs.size(), 99);
      std::transform(panels.begin(), panels.end(), halves.begin(), float32_to_bfloat16);
      pair_panel16(halves.data(), n, k, same.data());
      EXPECT_EQ(same, pairs);
      const int64_t steps = (k + 1) / 2;
      for (int64_t row = 0; row < num_panels(n) * 16; ++row)
        for (int64_t i = 0; i < 2 * steps; ++i) {
          const uint16_t bits = pairs[((row / 16 * steps + i / 2) * 16 + row % 16) * 2 + i % 2];
          const float expected = row < n && i < k ? to_bfloat16(w[row * k + i]) : 0.0f;
          EXPECT_TRUE(same_number(bfloat16_to_float32(bits), expected)) << row << ", " << i;
        }
    }
}

}  // namespace
}  // namespace vitro::cpu
