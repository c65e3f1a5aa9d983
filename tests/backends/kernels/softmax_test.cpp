#include <cmath>

#include "kernel_test.h"

namespace vitro::cpu {
namespace {

class Softmax : public KernelTest {};

constexpr int64_t kMaps = 3;
const int64_t kRows[] = {1, 2, 5, 15, 16, 17, 49, 196};
const int64_t kColumns[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33};

std::vector<double> expected_of(const std::vector<float>& x, int64_t rows, int64_t columns) {
  std::vector<double> expected(x.size());
  for (int64_t map = 0; map < kMaps; ++map)
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      const auto at = [&](int64_t row) {
        return static_cast<size_t>((map * rows + row) * columns + c);
      };
      for (int64_t row = 0; row < rows; ++row) sum += std::exp(static_cast<double>(x[at(row)]));
      for (int64_t row = 0; row < rows; ++row)
        expected[at(row)] = std::exp(static_cast<double>(x[at(row)])) / sum;
    }
  return expected;
}

TEST_P(Softmax, OverTheRowsOfMaps) {
  for (int64_t rows : kRows)
    for (int64_t columns : kColumns) {
      SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
      const int64_t count = kMaps * rows * columns;
      std::vector<float> x = Random(static_cast<uint32_t>(count)).values(count);
      Guarded whole(count), parts(count);
      table().softmax_maps({x.data(), whole.data(), columns}, rows, 0, kMaps);
      const Distance d =
          distance(whole.span(), std::span<const double>(expected_of(x, rows, columns)));
      EXPECT_TRUE(d.within(kKernelRow)) << report(d, kKernelRow);
      EXPECT_TRUE(whole.walls_hold());
      for (int64_t map : {2, 0, 1})
        table().softmax_maps({x.data(), parts.data(), columns}, rows, map, map + 1);
      EXPECT_TRUE(same_bits(whole.span(), parts.span()));
      table().softmax_maps({x.data(), x.data(), columns}, rows, 0, kMaps);
      EXPECT_TRUE(same_bits(whole.span(), x)) << "in place";
    }
}

// A NaN is its column's, whatever shares registers with it.
TEST_P(Softmax, KeepsNanInItsColumn) {
  for (int64_t at : {0, 5, 50, 58}) {
    std::vector<float> x(60, 1.0f);
    x[static_cast<size_t>(at)] = NAN;
    table().softmax_maps({x.data(), x.data(), 4}, 15, 0, 1);
    for (int64_t i = 0; i < 60; ++i)
      EXPECT_EQ(std::isnan(x[static_cast<size_t>(i)]), i % 4 == at % 4) << at << ", " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Softmax, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
