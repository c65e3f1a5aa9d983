#include "kernel_test.h"

namespace vitro::cpu {
namespace {

class Moments : public KernelTest {};

TEST_P(Moments, OverTokens) {
  for (int64_t tokens : {1, 7, 64, 65, 200})
    for (int64_t n : {1, 3, 8, 15, 16, 17, 33, 64, 65, 100}) {
      SCOPED_TRACE(std::to_string(tokens) + " x " + std::to_string(n));
      std::vector<float> x = Random(static_cast<uint32_t>(n)).values(tokens * n);
      for (float& v : x) v += 30.0f;  // E[x^2] - mean^2 would lose the variance
      Guarded means(n), squares(n), other_means(n), other_squares(n);
      table().moments(x.data(), tokens, n, 0, n, means.data(), squares.data());
      for (int64_t c = 0; c < n; c += 6)
        table().moments(x.data(), tokens, n, c, std::min(n, c + 6), other_means.data(),
                        other_squares.data());
      EXPECT_TRUE(same_bits(means.span(), other_means.span()));
      EXPECT_TRUE(same_bits(squares.span(), other_squares.span()));
      EXPECT_TRUE(means.walls_hold() && squares.walls_hold());
      std::vector<double> expected_means, expected_squares;
      for (int64_t c = 0; c < n; ++c) {
        double mean = 0, square = 0;
        for (int64_t t = 0; t < tokens; ++t) mean += double{x[static_cast<size_t>(t * n + c)]};
        mean /= static_cast<double>(tokens);
        for (int64_t t = 0; t < tokens; ++t) {
          const double d = double{x[static_cast<size_t>(t * n + c)]} - mean;
          square += d * d;
        }
        expected_means.push_back(mean);
        expected_squares.push_back(square);
      }
      const Distance mean = distance(means.span(), std::span<const double>(expected_means));
      EXPECT_TRUE(mean.within(kKernelRow)) << report(mean, kKernelRow);
      if (tokens == 1) continue;  // no squares
      const Distance square = distance(squares.span(), std::span<const double>(expected_squares));
      EXPECT_TRUE(square.within(kKernelLayerNorm)) << report(square, kKernelLayerNorm);
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, Moments, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
