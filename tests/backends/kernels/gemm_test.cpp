#include <cmath>

#include "backends/cpu/kernels/panel16.h"
#include "core/convert.h"
#include "kernel_test.h"

namespace vitro::cpu {
namespace {

struct Case {
  int64_t m, n, k;
  bool bias = false, gelu = false, residual = false, layer_norm = false, in_place = false,
       plain_b = false, bfloat16 = false, clamp = false;
};

/// A product with padded leading dimensions, its operands, and its value in double precision.
class Problem {
 public:
  Problem(const Case& c, uint32_t seed) : case_(c) {
    Random random(seed);
    a_ = random.values(c.m * (c.k + 3));
    weights_ = random.values(c.n * c.k);
    bias_ = random.values(c.n);
    residual_ = random.values(c.m * (c.n + 5));
    if (c.bfloat16)
      for (float& w : weights_) w = bfloat16_to_float32(float32_to_bfloat16(w));
    if (c.plain_b) {
      b_ = nans(static_cast<size_t>(c.k * (c.n + 7)));
      for (int64_t i = 0; i < c.k; ++i)
        for (int64_t j = 0; j < c.n; ++j) b_[i * (c.n + 7) + j] = weights_[j * c.k + i];
    } else {
      b_.resize(panel16_size(c.n, c.k));
      pack_panel16(weights_.data(), c.n, c.k, b_.data());
      half_b_.resize(b_.size());
      std::transform(b_.begin(), b_.end(), half_b_.begin(), float32_to_bfloat16);
    }
  }

  GemmArgs args(const KernelTable& table, Guarded& c, std::vector<float>& scratch) const {
    GemmArgs g;
    g.m = case_.m;
    g.n = case_.n;
    g.k = case_.k;
    g.a = a_.data();
    g.lda = case_.k + 3;
    g.b = case_.bfloat16  ? panel16_matrix(half_b_.data(), case_.k)
          : case_.plain_b ? row_major_matrix(b_.data(), case_.n + 7)
                          : panel16_matrix(b_.data(), case_.k);
    g.bias = case_.bias ? bias_.data() : nullptr;
    if (case_.gelu) g.activation.kind = Activation::Kind::Gelu;
    if (case_.clamp) g.activation = {Activation::Kind::Clamp, -0.25f, 0.5f};
    g.layer_norm = case_.layer_norm;
    g.eps = 1e-5f;
    g.c = c.data();
    g.ldc = case_.n + 5;
    g.residual = case_.in_place ? c.data() : case_.residual ? residual_.data() : nullptr;
    g.ldr = case_.n + 5;
    scratch = nans(table.gemm_scratch_size(g));
    g.scratch = scratch.data();
    return g;
  }

  /// Runs the product cut into calls of `rows` x `panels`, and gives C without its padding.
  std::vector<float> run(const KernelTable& table, int64_t rows, int64_t panels) const {
    Guarded c(case_.m * (case_.n + 5));
    if (case_.in_place) std::copy(residual_.begin(), residual_.end(), c.data());
    std::vector<float> scratch;
    const GemmArgs g = args(table, c, scratch);
    const int64_t all = (case_.n + 15) / 16;
    for (int64_t row = 0; row < case_.m; row += rows)
      for (int64_t panel = 0; panel < all; panel += panels)
        table.gemm_tile(g, row, std::min(case_.m, row + rows), panel,
                        std::min(all, panel + panels));
    EXPECT_TRUE(c.walls_hold());
    std::vector<float> result;
    for (int64_t i = 0; i < case_.m; ++i) {
      for (int64_t j = 0; j < case_.n; ++j) result.push_back(c.data()[i * (case_.n + 5) + j]);
      for (int64_t j = case_.n; j < case_.n + 5 && !case_.in_place; ++j)
        EXPECT_TRUE(c.untouched(i * (case_.n + 5) + j)) << "row " << i << " column " << j;
    }
    return result;
  }

  std::vector<double> reference() const {
    std::vector<double> result;
    for (int64_t i = 0; i < case_.m; ++i) {
      std::vector<double> row(a_.begin() + i * (case_.k + 3),
                              a_.begin() + i * (case_.k + 3) + case_.k);
      if (case_.layer_norm) normalise(row);
      for (int64_t j = 0; j < case_.n; ++j) {
        double sum = case_.bias ? bias_[j] : 0.0;
        for (int64_t p = 0; p < case_.k; ++p) sum += row[p] * weights_[j * case_.k + p];
        if (case_.residual || case_.in_place) sum += residual_[i * (case_.n + 5) + j];
        if (case_.gelu) sum = 0.5 * sum * std::erfc(-sum / std::sqrt(2.0));
        if (case_.clamp) sum = std::clamp(sum, -0.25, 0.5);
        result.push_back(sum);
      }
    }
    return result;
  }

 private:
  static void normalise(std::vector<double>& row) {
    double mean = 0, var = 0;
    for (double v : row) mean += v / static_cast<double>(row.size());
    for (double v : row) var += (v - mean) * (v - mean) / static_cast<double>(row.size());
    for (double& v : row) v = (v - mean) / std::sqrt(var + static_cast<double>(1e-5f));
  }

  Case case_;
  std::vector<float> a_, weights_, bias_, residual_, b_;
  std::vector<uint16_t> half_b_;
};

class Gemm : public KernelTest {
 protected:
  void expect_matches(const Case& c) {
    const Problem problem(c, static_cast<uint32_t>(c.m * 7919 + c.n * 31 + c.k));
    const std::vector<float> whole = problem.run(table(), c.m, (c.n + 15) / 16);
    const std::vector<double> reference = problem.reference();
    const Distance d = distance(std::span<const float>(whole), std::span<const double>(reference));
    EXPECT_TRUE(d.within(kKernelProduct))
        << c.m << "x" << c.k << "x" << c.n << ": " << report(d, kKernelProduct);
    EXPECT_TRUE(same_bits(whole, problem.run(table(), c.m, (c.n + 15) / 16))) << "second run";
    EXPECT_TRUE(same_bits(whole, problem.run(table(), 5, 1))) << "tiles of 5 rows, 1 panel";
    EXPECT_TRUE(same_bits(whole, problem.run(table(), 17, 3))) << "tiles of 17 rows, 3 panels";
  }
};

TEST_P(Gemm, EveryHeightAndWidth) {
  for (int64_t m = 1; m <= 33; ++m) expect_matches({.m = m, .n = 37, .k = 9, .bias = true});
  for (int64_t n = 1; n <= 130; ++n) expect_matches({.m = 7, .n = n, .k = 5, .bias = true});
  for (int64_t k = 1; k <= 40; ++k) expect_matches({.m = 6, .n = 18, .k = k});
}

TEST_P(Gemm, EveryEpilogue) {
  for (int bits = 0; bits < 64; ++bits) {
    const bool residual = bits & 4;
    const bool in_place = bits & 16;
    if (residual && in_place) continue;
    for (int64_t n : {7, 64, 83})
      expect_matches({13, n, 21, (bits & 1) != 0, (bits & 2) != 0, residual, (bits & 8) != 0,
                      in_place, (bits & 32) != 0});
  }
}

TEST_P(Gemm, Clamps) {
  for (int64_t n : {7, 64, 83}) {
    expect_matches({.m = 13, .n = n, .k = 21, .bias = true, .clamp = true});
    expect_matches({.m = 13, .n = n, .k = 21, .residual = true, .clamp = true});
    expect_matches({.m = 13, .n = n, .k = 21, .in_place = true, .bfloat16 = true, .clamp = true});
  }
}

TEST_P(Gemm, LayersOfTheModel) {
  expect_matches({.m = 49, .n = 512, .k = 320, .bias = true, .gelu = true, .layer_norm = true});
  // More rows than one block of A, and a k long enough for blocks of a few rows.
  expect_matches({.m = 235, .n = 64, .k = 16, .bias = true, .residual = true});
  expect_matches({.m = 61, .n = 20, .k = 4100, .bias = true, .layer_norm = true});
  // An odd number of 16-row tiles in what the caches leave for a block of A.
  for (int64_t m : {48, 72, 80}) expect_matches({.m = m, .n = 40, .k = 2880, .bias = true});
}

TEST_P(Gemm, WeightsOfBFloat16) {
  for (int64_t m = 1; m <= 33; ++m)
    expect_matches({.m = m, .n = 37, .k = 9, .bias = true, .bfloat16 = true});
  for (int64_t n = 1; n <= 130; ++n) expect_matches({.m = 7, .n = n, .k = 5, .bfloat16 = true});
  for (int64_t k = 1; k <= 40; ++k) expect_matches({.m = 6, .n = 18, .k = k, .bfloat16 = true});
  for (const Case& c : {Case{.m = 49, .n = 512, .k = 320, .gelu = true, .layer_norm = true},
                        // Chunks of several k blocks, the last one shorter.
                        Case{.m = 13, .n = 83, .k = 421, .residual = true},
                        // More rows than one block of A; so deep that fewer panels are expanded.
                        Case{.m = 235, .n = 64, .k = 16, .residual = true},
                        Case{.m = 61, .n = 100, .k = 4100, .layer_norm = true}}) {
    Case half = c;
    half.bias = half.bfloat16 = true;
    expect_matches(half);
  }
}

TEST_P(Gemm, RowOfOneChannelNormalisesToZero) {
  expect_matches({.m = 3, .n = 5, .k = 1, .bias = true, .layer_norm = true});
}

TEST_P(Gemm, EmptyRangesDoNothing) {
  const Problem problem({.m = 4, .n = 4, .k = 4}, 1);
  Guarded c(4 * 9);
  std::vector<float> scratch;
  const GemmArgs g = problem.args(table(), c, scratch);
  table().gemm_tile(g, 2, 2, 0, 1);
  table().gemm_tile(g, 0, 4, 1, 1);
  for (int64_t i = 0; i < 4 * 9; ++i) EXPECT_TRUE(c.untouched(i));
}

struct PatchCase {
  int64_t images, h, w, c, kernel_h, kernel_w, out_c;
};

float pixel(const std::vector<float>& input, const PatchCase& s, int64_t image, int64_t y,
            int64_t x, int64_t c) {
  return input[((image * s.h + y) * s.w + x) * s.c + c];
}

std::vector<double> patch_reference(const PatchCase& s, const std::vector<float>& input,
                                    const std::vector<float>& weights) {
  std::vector<double> result;
  const int64_t k = s.kernel_h * s.kernel_w * s.c;
  for (int64_t image = 0; image < s.images; ++image)
    for (int64_t oy = 0; oy < s.h / s.kernel_h; ++oy)
      for (int64_t ox = 0; ox < s.w / s.kernel_w; ++ox)
        for (int64_t o = 0; o < s.out_c; ++o) {
          double sum = 0;
          for (int64_t i = 0; i < k; ++i)
            sum += static_cast<double>(weights[o * k + i]) *
                   pixel(input, s, image, oy * s.kernel_h + i / (s.kernel_w * s.c),
                         ox * s.kernel_w + i / s.c % s.kernel_w, i % s.c);
          result.push_back(sum);
        }
  return result;
}

TEST_P(Gemm, Patches) {
  const PatchCase cases[] = {{2, 12, 20, 3, 4, 4, 10}, {1, 9, 11, 3, 2, 5, 17},
                             {2, 8, 8, 20, 2, 2, 33},  {1, 7, 6, 1, 3, 2, 4},
                             {3, 4, 6, 5, 1, 1, 6},    {1, 64, 64, 3, 4, 4, 64}};
  for (const PatchCase& s : cases) {
    Random random(static_cast<uint32_t>(s.w));
    const std::vector<float> input = random.values(s.images * s.h * s.w * s.c);
    const int64_t k = s.kernel_h * s.kernel_w * s.c;
    const std::vector<float> weights = random.values(s.out_c * k);
    std::vector<float> packed(panel16_size(s.out_c, k));
    pack_panel16(weights.data(), s.out_c, k, packed.data());
    const PatchSource source = {.input = input.data(),
                                .in_h = s.h,
                                .in_w = s.w,
                                .channels = s.c,
                                .kernel_h = s.kernel_h,
                                .kernel_w = s.kernel_w,
                                .out_h = s.h / s.kernel_h,
                                .out_w = s.w / s.kernel_w,
                                .stride_h = s.kernel_h,
                                .stride_w = s.kernel_w,
                                .pixel_stride = s.c};
    GemmArgs g;
    g.m = s.images * (s.h / s.kernel_h) * (s.w / s.kernel_w);
    g.n = s.out_c;
    g.k = k;
    g.patches = &source;
    g.b = panel16_matrix(packed.data(), k);
    g.ldc = s.out_c;
    Guarded scratch(static_cast<int64_t>(table().gemm_scratch_size(g)));
    g.scratch = scratch.data();
    Guarded whole(g.m * g.n), parts(g.m * g.n);
    const int64_t panels = (g.n + 15) / 16;
    g.c = whole.data();
    table().gemm_tile(g, 0, g.m, 0, panels);
    g.c = parts.data();
    for (int64_t row = 0; row < g.m; row += 11)
      table().gemm_tile(g, row, std::min(g.m, row + 11), 0, panels);
    const std::vector<double> reference = patch_reference(s, input, weights);
    const Distance d = distance(whole.span(), std::span<const double>(reference));
    EXPECT_TRUE(d.within(kKernelProduct)) << report(d, kKernelProduct);
    EXPECT_TRUE(same_bits(whole.span(), parts.span()));
    EXPECT_TRUE(whole.walls_hold() && parts.walls_hold() && scratch.walls_hold());
  }
}

TEST(GemmGrid, CoversTheProductOnce) {
  for (int threads : {1, 2, 3, 7, 64})
    for (int64_t m : {1, 13, 49, 196, 3136})
      for (int64_t n : {1, 16, 100, 1280}) {
        for (Isa isa : available_isas()) {
          const GemmGrid grid = gemm_grid(m, n, 320, threads, kernels(isa).gemm.costs);
          const int64_t panels = (n + 15) / 16;
          EXPECT_LE(grid.count(), threads);
          EXPECT_GE(grid.row_tiles * grid.rows, m);
          EXPECT_LT((grid.row_tiles - 1) * grid.rows, m);
          EXPECT_GE(grid.panel_tiles * grid.panels, panels);
          EXPECT_LT((grid.panel_tiles - 1) * grid.panels, panels);
        }
      }
}

// Four panels at a time, 49 rows of 192 columns leave one of two threads a ninth more to do.
TEST(GemmGrid, CutsColumnsAsFineAsTheKernelIsNarrow) {
  for (Isa isa : available_isas()) {
    if (isa != Isa::Avx2) continue;
    const GemmGrid grid = gemm_grid(49, 192, 1152, 2, kernels(isa).gemm.costs);
    EXPECT_EQ(grid.row_tiles, 1);
    EXPECT_EQ(grid.panels, 6);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Gemm, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
