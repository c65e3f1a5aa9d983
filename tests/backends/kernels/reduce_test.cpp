#include <cmath>

#include "kernel_test.h"

namespace vitro::cpu {
namespace {

class Reduce : public KernelTest {};

const int64_t kCounts[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 196};

struct Function {
  ReduceKind kind;
  double start;
  double (*step)(double, double);
  double (*finish)(double, double);
};
const Function kFunctions[] = {
    {ReduceKind::Sum, 0, [](double sum, double x) { return sum + x; },
     [](double sum, double) { return sum; }},
    {ReduceKind::Mean, 0, [](double sum, double x) { return sum + x; },
     [](double sum, double count) { return sum / count; }},
    {ReduceKind::Max, -INFINITY, [](double best, double x) { return std::max(best, x); },
     [](double best, double) { return best; }},
    {ReduceKind::Min, INFINITY, [](double best, double x) { return std::min(best, x); },
     [](double best, double) { return best; }},
    {ReduceKind::Prod, 1, [](double product, double x) { return product * x; },
     [](double product, double) { return product; }},
    {ReduceKind::L1, 0, [](double sum, double x) { return sum + std::abs(x); },
     [](double sum, double) { return sum; }},
    {ReduceKind::L2, 0, [](double sum, double x) { return sum + x * x; },
     [](double sum, double) { return std::sqrt(sum); }},
    {ReduceKind::SumSquare, 0, [](double sum, double x) { return sum + x * x; },
     [](double sum, double) { return sum; }},
};

/// Products of them stay near 1.
std::vector<float> values_for(ReduceKind kind, int64_t columns, int64_t count) {
  std::vector<float> x = Random(static_cast<uint32_t>(columns)).values(count);
  if (kind == ReduceKind::Prod)
    for (float& v : x) v = 1.0f + v / 16.0f;
  return x;
}

double expected_of(const Function& function, const float* x, int64_t count, int64_t step) {
  double value = function.start;
  for (int64_t i = 0; i < count; ++i)
    value = function.step(value, static_cast<double>(x[i * step]));
  return function.finish(value, static_cast<double>(count));
}

void expect_near(const Guarded& y, const std::vector<double>& expected, int64_t count,
                 const Tolerance& bound = kKernelRow) {
  const Distance d = distance(y.span(), std::span<const double>(expected));
  EXPECT_TRUE(d.within(bound)) << count << ": " << report(d, bound);
  EXPECT_TRUE(y.walls_hold());
}

const Tolerance& tolerance_of(ReduceKind kind) {
  return kind == ReduceKind::Prod ? kKernelFactors : kKernelRow;
}

TEST_P(Reduce, OverTokens) {
  for (const Function& function : kFunctions)
    for (int64_t n : kCounts) {
      SCOPED_TRACE(static_cast<int>(function.kind));
      const std::vector<float> x = values_for(function.kind, n, 49 * n);
      const ReduceTokens reduce = table().reduce_of(function.kind).tokens;
      Guarded whole(n), parts(n);
      reduce(x.data(), 49, n, 0, n, whole.data());
      for (int64_t c = 0; c < n; c += 6)
        reduce(x.data(), 49, n, c, std::min(n, c + 6), parts.data());
      EXPECT_TRUE(same_bits(whole.span(), parts.span()));
      std::vector<double> expected;
      for (int64_t c = 0; c < n; ++c)
        expected.push_back(expected_of(function, x.data() + c, 49, n));
      expect_near(whole, expected, n, tolerance_of(function.kind));
    }
}

TEST_P(Reduce, OverRows) {
  for (const Function& function : kFunctions)
    for (int64_t n : kCounts) {
      SCOPED_TRACE(static_cast<int>(function.kind));
      const std::vector<float> x = values_for(function.kind, n, 5 * n);
      const ReduceRows reduce = table().reduce_of(function.kind).rows;
      Guarded whole(5), parts(5);
      reduce(x.data(), n, 0, 5, whole.data());
      for (int64_t row : {3, 0}) reduce(x.data(), n, row, row == 3 ? 5 : 3, parts.data());
      EXPECT_TRUE(same_bits(whole.span(), parts.span()));
      std::vector<double> expected;
      for (int64_t row = 0; row < 5; ++row)
        expected.push_back(expected_of(function, x.data() + row * n, n, 1));
      expect_near(whole, expected, n, tolerance_of(function.kind));
    }
}

TEST_P(Reduce, NaNStays) {
  for (const Function& function : kFunctions)
    for (int64_t at : {0, 4, 18, 36}) {
      std::vector<float> x(37, 1.0f);
      x[static_cast<size_t>(at)] = NAN;
      float rows = 0, tokens = 0;
      table().reduce_of(function.kind).rows(x.data(), 37, 0, 1, &rows);
      table().reduce_of(function.kind).tokens(x.data(), 37, 1, 0, 1, &tokens);
      EXPECT_TRUE(std::isnan(rows) && std::isnan(tokens)) << static_cast<int>(function.kind);
    }
}

TEST_P(Reduce, RunningSums) {
  for (int64_t n : {1, 3, 8, 17, 40})
    for (const bool exclusive : {false, true})
      for (const bool reverse : {false, true}) {
        const std::vector<float> x = Random(static_cast<uint32_t>(n)).values(21 * n);
        Guarded whole(21 * n), parts(21 * n);
        CumSumArgs args{x.data(), whole.data(), 21, n, exclusive, reverse};
        table().cum_sum(args, 0, n);
        args.dst = parts.data();
        for (int64_t c = 0; c < n; c += 5) table().cum_sum(args, c, std::min(n, c + 5));
        EXPECT_TRUE(same_bits(whole.span(), parts.span()));
        std::vector<double> expected(x.size());
        for (int64_t c = 0; c < n; ++c) {
          double sum = 0;
          for (int64_t t = 0; t < 21; ++t) {
            const auto at = static_cast<size_t>((reverse ? 20 - t : t) * n + c);
            expected[at] = exclusive ? sum : sum + static_cast<double>(x[at]);
            sum += static_cast<double>(x[at]);
          }
        }
        expect_near(whole, expected, n);
      }
}

INSTANTIATE_TEST_SUITE_P(Isa, Reduce, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
