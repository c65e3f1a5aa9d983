#include <cmath>

#include "backends/cpu/kernels/panel16.h"
#include "dice.h"
#include "narrow_products.h"

namespace vitro::cpu {
namespace {

enum class Source { Floats, LayerNorm, Patches, Codes, PatchesOfCodes };

bool gathers(Source source) {
  return source == Source::Patches || source == Source::PatchesOfCodes;
}

struct Case {
  int64_t m = 1, n = 1, k = 1;
  Source source = Source::Floats;
  PatchSource patches;
  Activation activation;
  bool bias = false, residual = false, in_place = false, codes = false;
  bool extreme = false;  ///< the largest codes and weights, infinities and NaN
};

uint8_t code_of(float x, float factor, float offset) {
  const float y = std::nearbyint(std::fma(x, factor, offset));
  return y >= 255 ? 255 : y > 0 ? static_cast<uint8_t>(y) : uint8_t{0};
}

Case draw_case(Dice& dice, int64_t number) {
  Case c;
  c.m = number % 7 == 0 ? 1 : dice.whole(1, 40);
  c.n = dice.whole(1, 150);
  c.k = number % 50 == 0 ? dice.whole(500, 2500) : dice.whole(1, 200);
  c.source = static_cast<Source>(dice.whole(0, 4));
  if (gathers(c.source)) {
    c.patches = draw_patches(dice);
    c.m = 2 * c.patches.out_h * c.patches.out_w;
    c.k = c.patches.kernel_h * c.patches.kernel_w * c.patches.channels;
  }
  c.activation = {static_cast<Activation::Kind>(dice.whole(0, 8)), -0.5f, 0.75f};
  if (dice.coin()) c.activation.kind = Activation::Kind::None;
  c.bias = dice.coin();
  c.codes = dice.coin();
  c.residual = dice.coin();
  c.in_place = c.residual && !c.codes && !gathers(c.source) && dice.coin();
  c.extreme = number % 3 == 0;
  return c;
}

/// A product, its operands, and its value from the definition.
class Problem {
 public:
  Problem(const Case& c, Dice& dice) : case_(c) {
    const bool patches = gathers(c.source);
    const int64_t pixels = 2 * c.patches.in_h * c.patches.in_w * c.patches.pixel_stride;
    a_ = dice.values(patches ? pixels : c.m * lda());
    residual_ = dice.values(c.m * ldc());
    for (int64_t i = 0; i < c.n * c.k; ++i)
      weights_.push_back(static_cast<int8_t>(c.extreme ? (dice.next() < 0.9f ? 127 : -128)
                                                       : dice.whole(-127, 127)));
    for (int64_t i = 0; i < std::max(pixels, c.m * code_stride(c.k)); ++i)
      codes_.push_back(static_cast<uint8_t>(c.extreme ? 255 : dice.whole(0, 255)));
    for (int64_t i = 0; i < c.patches.channels; ++i)
      outside_.push_back(static_cast<uint8_t>(dice.whole(0, 255)));
    if (c.extreme && !a_.empty()) poison(dice);
    packed_.resize(panel16x4_size(c.n, c.k));
    pack_panel16x4(weights_.data(), c.n, c.k, packed_.data());
    for (int64_t i = 0; i < c.k; ++i) {
      factor_.push_back(i % 3 ? 150.0f * (dice.next() + 1.1f) : 1.0f);
      offset_.push_back(i % 3 ? static_cast<float>(dice.whole(0, 255)) : 0.0f);
    }
    scale_ = dice.values(c.n);
    for (float& s : scale_) s /= 400.0f * static_cast<float>(c.k);
    bias_ = dice.values(c.n);
    result_factor_ = dice.values(c.n);
    for (float& f : result_factor_) f *= 200.0f;
    result_offset_ = dice.values(c.n);
    for (float& o : result_offset_) o = 128.0f + 100.0f * o;
  }

  /// Runs it cut into calls of `rows` x `panels`, and gives the result without padding.
  void run(const NarrowProduct& product, int64_t rows, int64_t panels) {
    const Case& s = case_;
    Guarded c(s.m * ldc());
    if (s.in_place) std::copy(residual_.begin(), residual_.end(), c.data());
    std::vector<uint8_t> codes(static_cast<size_t>(s.m * ldc()), 0xa5);
    GemmArgs g = args();
    g.residual = !s.residual ? nullptr : s.in_place ? c.data() : residual_.data();
    g.c = s.codes ? nullptr : c.data();
    g.result_codes = s.codes ? codes.data() : nullptr;
    Guarded scratch(static_cast<int64_t>(product.kernel.scratch_size(g)));
    g.scratch = scratch.data();
    const int64_t all = num_panels(s.n);
    for (int64_t row = 0; row < s.m; row += rows)
      for (int64_t panel = 0; panel < all; panel += panels)
        product.kernel.tile(g, row, std::min(s.m, row + rows), panel,
                            std::min(all, panel + panels));
    EXPECT_TRUE(c.walls_hold() && scratch.walls_hold());
    const std::vector<float> expected = reference(*product.table);
    for (int64_t i = 0; i < s.m * ldc(); ++i) {
      const int64_t column = i % ldc();
      if (column >= s.n) {
        ASSERT_TRUE(s.codes ? codes[i] == 0xa5 : s.in_place || c.untouched(i));
      } else if (s.codes) {
        ASSERT_EQ(codes[i], code_of(expected[i], result_factor_[column], result_offset_[column]))
            << describe() << " element " << i;
      } else {
        const float got = c.data()[i];
        ASSERT_TRUE(same_bits({&got, 1}, {&expected[i], 1}) ||
                    (std::isnan(got) && std::isnan(expected[i])))
            << describe() << " element " << i << ": " << got << ", expected " << expected[i];
      }
    }
  }

  std::string describe() const {
    return std::to_string(case_.m) + "x" + std::to_string(case_.k) + "x" + std::to_string(case_.n) +
           " source " + std::to_string(static_cast<int>(case_.source)) + " activation " +
           std::to_string(static_cast<int>(case_.activation.kind));
  }

 private:
  int64_t lda() const { return case_.k + 3; }
  int64_t ldc() const { return case_.n + 5; }

  void poison(Dice& dice) {
    const float values[] = {std::nanf(""), HUGE_VALF, -HUGE_VALF, 3e38f, 0.5f, 1.5f, 2.5f, -0.0f};
    for (int i = 0; i < 8; ++i)
      a_[static_cast<size_t>(dice.whole(0, static_cast<int64_t>(a_.size()) - 1))] = values[i];
  }

  GemmArgs args() {
    GemmArgs g;
    g.m = case_.m;
    g.n = case_.n;
    g.k = case_.k;
    g.a = a_.data();
    g.lda = lda();
    g.eps = kEps;
    g.layer_norm = case_.source == Source::LayerNorm;
    if (gathers(case_.source)) {
      case_.patches.input = a_.data();
      if (case_.source == Source::PatchesOfCodes) {
        case_.patches.codes = codes_.data();
        case_.patches.outside = outside_.data();
      }
      g.patches = &case_.patches;
    }
    if (case_.source == Source::Codes) {
      g.codes = codes_.data();
      g.lda = code_stride(case_.k);
    }
    g.quantized = {packed_.data(), scale_.data(), {factor_.data(), offset_.data()}};
    g.bias = case_.bias ? bias_.data() : nullptr;
    g.ldr = g.ldc = ldc();
    g.activation = case_.activation;
    g.result = {result_factor_.data(), result_offset_.data()};
    return g;
  }

  uint8_t patch_code(int64_t row, int64_t i) const {
    const int64_t at = patch_index(case_.patches, row, i);
    if (case_.source == Source::PatchesOfCodes)
      return at < 0 ? outside_[i % case_.patches.channels] : codes_[at];
    return code_of(at < 0 ? 0.0f : a_[at], factor_[i], offset_[i]);
  }

  std::vector<uint8_t> row_codes(const KernelTable& table, int64_t row) const {
    if (case_.source == Source::Codes)
      return {&codes_[row * code_stride(case_.k)], &codes_[row * code_stride(case_.k)] + case_.k};
    std::vector<uint8_t> codes;
    if (gathers(case_.source)) {
      for (int64_t i = 0; i < case_.k; ++i) codes.push_back(patch_code(row, i));
      return codes;
    }
    std::vector<float> x(&a_[row * lda()], &a_[row * lda()] + case_.k);
    if (case_.source == Source::LayerNorm)
      table.layer_norm({.x = x.data(), .dst = x.data(), .channels = case_.k, .eps = kEps}, 0, 1);
    for (int64_t i = 0; i < case_.k; ++i) codes.push_back(code_of(x[i], factor_[i], offset_[i]));
    return codes;
  }

  /// [m, ldc], before it becomes codes.
  std::vector<float> reference(const KernelTable& table) const {
    std::vector<float> result(static_cast<size_t>(case_.m * ldc()));
    for (int64_t row = 0; row < case_.m; ++row) {
      const std::vector<uint8_t> codes = row_codes(table, row);
      float* y = &result[row * ldc()];
      for (int64_t j = 0; j < case_.n; ++j) {
        int32_t sum = 0;
        for (int64_t i = 0; i < case_.k; ++i) sum += codes[i] * weights_[j * case_.k + i];
        y[j] = std::fma(static_cast<float>(sum), scale_[j], case_.bias ? bias_[j] : 0.0f);
      }
      table.activate(case_.activation,
                     {.x = y,
                      .residual = case_.residual ? &residual_[row * ldc()] : nullptr,
                      .dst = y,
                      .columns = case_.n});
    }
    return result;
  }

  static constexpr float kEps = 1e-5f;
  Case case_;
  std::vector<float> a_, residual_, factor_, offset_, scale_, bias_, result_factor_, result_offset_;
  std::vector<int8_t> weights_, packed_;
  std::vector<uint8_t> codes_, outside_;
};

class QuantizedGemm : public testing::TestWithParam<size_t> {
 protected:
  const NarrowProduct& product() const { return quantized_products()[GetParam()]; }
};

TEST_P(QuantizedGemm, EqualsItsDefinition) {
  Dice dice(7);
  for (int64_t number = 0; number < 1500 && !HasFatalFailure(); ++number) {
    const Case c = draw_case(dice, number);
    Problem problem(c, dice);
    problem.run(product(), c.m, num_panels(c.n));
    if (number % 4 == 0) problem.run(product(), 7, 3);
  }
}

TEST_P(QuantizedGemm, ManyRowsAndDeepRows) {
  Dice dice(8);
  const int64_t extents[][3] = {{500, 20, 64}, {70, 33, 14000}, {3, 2, kMaxQuantizedDepth}};
  for (const auto& [m, n, k] : extents) {
    Case c;
    c.m = m;
    c.n = n;
    c.k = k;
    c.extreme = c.bias = true;
    Problem(c, dice).run(product(), c.m, num_panels(c.n));
    c.source = Source::LayerNorm;
    Problem(c, dice).run(product(), c.m, num_panels(c.n));
    c.source = Source::Codes;
    Problem(c, dice).run(product(), c.m, num_panels(c.n));
  }
}

INSTANTIATE_TEST_SUITE_P(Product, QuantizedGemm,
                         testing::Range<size_t>(0, quantized_products().size()),
                         [](const auto& product) {
                           return quantized_products()[product.param].name;
                         });

TEST(Panel16x4, UnpacksWhatItPacked) {
  for (int64_t n : {1, 15, 16, 17, 40})
    for (int64_t k : {1, 3, 4, 5, 64}) {
      std::vector<int8_t> w, back(static_cast<size_t>(n * k));
      for (int64_t i = 0; i < n * k; ++i) w.push_back(static_cast<int8_t>(i * 37 % 255 - 127));
      std::vector<int8_t> panels(panel16x4_size(n, k), 99);
      pack_panel16x4(w.data(), n, k, panels.data());
      EXPECT_EQ(std::count(panels.begin(), panels.end(), 0) - std::count(w.begin(), w.end(), 0),
                static_cast<int64_t>(panels.size()) - n * k);
      unpack_panel16x4(panels.data(), n, k, back.data());
      EXPECT_EQ(w, back);
    }
}

}  // namespace
}  // namespace vitro::cpu
