#include "backends/cuda/kernels/binary.h"

#include <cmath>
#include <limits>

#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/unary_math.h"
#include "backends/cuda/kernels/where.h"

namespace vitro::cuda {
namespace {

using BinaryTest = DeviceTest;

/// Extents of y, and of the operands, where 1 broadcasts.
struct Case {
  Dims dims, a, b;
};

Dims broadcast_strides(const Dims& extents) {
  Dims strides = dense_strides(extents);
  for (int i = 0; i < extents.rank; ++i)
    if (extents.v[i] == 1) strides.v[i] = 0;
  return strides;
}

int64_t offset(int64_t index, const Dims& dims, const Dims& strides) {
  int64_t result = 0;
  for (int d = dims.rank - 1; d >= 0; --d) {
    result += index % dims.v[d] * strides.v[d];
    index /= dims.v[d];
  }
  return result;
}

double exactly(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return a / b;
    case BinaryOp::Pow:
      return std::pow(a, b);
    case BinaryOp::Min:
      return std::min(a, b);
    case BinaryOp::Max:
      return std::max(a, b);
    case BinaryOp::Mod:
      return a - b * std::floor(a / b);
    case BinaryOp::Fmod:
      return std::fmod(a, b);
    case BinaryOp::PRelu:
      return a >= 0 ? a : a * b;
    default:
      return a + b;
  }
}

std::vector<Case> cases() {
  return {{{3, 40}, {3, 40}, {3, 40}},
          {{5, 7, 64}, {5, 7, 64}, {1, 1, 64}},
          {{5, 13}, {5, 13}, {1, 13}},
          {{2, 9, 16}, {2, 9, 16}, {1, 1, 1}},
          {{4, 3, 24}, {1, 3, 24}, {4, 1, 1}},
          {{2, 3, 5, 7}, {2, 1, 5, 1}, {1, 3, 1, 7}},
          {{1}, {1}, {1}},
          {{6, 8, 8}, {6, 1, 8}, {1, 8, 8}}};
}

TEST_F(BinaryTest, EqualsItsDefinitionBroadcast) {
  using enum BinaryOp;
  for (const Element element : kElements)
    for (const Case& k : cases())
      for (const BinaryOp op : {Add, Sub, Mul, Div, Pow, Min, Max, Mod, Fmod, PRelu}) {
        Random random(static_cast<uint32_t>(k.dims.v[0] * 13 + k.dims.rank));
        const int64_t count = element_count(k.dims);
        const float low = op == Div || op == Pow || op == Mod || op == Fmod ? 0.25f : -2.0f;
        const auto a = random.values(element, element_count(k.a), low, 2),
                   b = random.values(element, element_count(k.b), low, 2);
        const DeviceTensor da(element, a), db(element, b);
        DeviceTensor dy(element, count);
        const BinaryArgs args{op,
                              number_of(element),
                              da.data(),
                              db.data(),
                              dy.data(),
                              k.dims,
                              broadcast_strides(k.a),
                              broadcast_strides(k.b)};
        std::vector<double> expected;
        for (int64_t i = 0; i < count; ++i) {
          const double x = a[offset(i, k.dims, args.a_strides)],
                       y = b[offset(i, k.dims, args.b_strides)];
          expected.push_back(exactly(op, x, y));
        }
        expect_result(
            fmt::format("{} op {} count {} rank {}", element_name(element), static_cast<int>(op),
                        count, k.dims.rank),
            dy, [&](const Launch& launch) { binary(args, launch); }, expected,
            tolerance_of(element));
      }
}

/// With 0 for quotients by 0, and powers of small numbers by multiplying.
__int128 exactly_of_integers(BinaryOp op, __int128 a, __int128 b) {
  const __int128 rest = b == 0 ? 0 : a % b;
  __int128 power = b < 0 ? a * a == 1 ? (b % 2 == 0 ? 1 : a) : 0 : 1;
  for (__int128 i = 0; i < b; ++i) power = static_cast<int64_t>(power * a);
  switch (op) {
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return b == 0 ? 0 : a / b;
    case BinaryOp::Pow:
      return power;
    case BinaryOp::Min:
      return std::min(a, b);
    case BinaryOp::Max:
      return std::max(a, b);
    case BinaryOp::Mod:
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    case BinaryOp::Fmod:
      return rest;
    case BinaryOp::PRelu:
      return a >= 0 ? a : a * b;
    default:
      return a + b;
  }
}

template <typename T>
void expect_same_integers(Number number) {
  const std::vector<T> a{7, -7, 5, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(),
                         0, 2,  -3};
  const std::vector<T> b{3, 3, 0, -1, 2, -4, 9, 3};
  const auto count = static_cast<int64_t>(a.size());
  const size_t bytes = a.size() * sizeof(T);
  const auto words = static_cast<int64_t>(bytes / sizeof(float));
  const DeviceTensor da(Element::Float32, words), db(Element::Float32, words),
      dy(Element::Float32, words);
  check_cuda(cudaMemcpy(da.data(), a.data(), bytes, cudaMemcpyDefault), "a to the GPU");
  check_cuda(cudaMemcpy(db.data(), b.data(), bytes, cudaMemcpyDefault), "b to the GPU");
  for (size_t f = 0; f <= static_cast<size_t>(BinaryOp::PRelu); ++f) {
    binary({static_cast<BinaryOp>(f), number, da.data(), db.data(), dy.data(), {count}, {1}, {1}},
           {});
    std::vector<T> y(a.size());
    check_cuda(cudaMemcpy(y.data(), dy.data(), bytes, cudaMemcpyDefault), "back");
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_EQ(y[i], static_cast<T>(exactly_of_integers(static_cast<BinaryOp>(f), a[i], b[i])))
          << "function " << f << " of " << a[i] << " and " << b[i];
  }
}

TEST_F(BinaryTest, IntegersWrapAroundAndDivideTowardsZero) {
  expect_same_integers<int64_t>(Number::Int64);
  expect_same_integers<int32_t>(Number::Int32);
}

/// Room for booleans, a byte each.
DeviceTensor booleans(int64_t count) { return {Element::Float32, (count + 3) / 4}; }

// y = a op b ? a : b, and the same of not (a op b) or not (a op b), and a number of the boolean.
TEST_F(BinaryTest, ComparisonsChooseBetweenNumbers) {
  using enum BinaryOp;
  const auto holds = [](BinaryOp op, float a, float b) {
    return op == Equal         ? a == b
           : op == Less        ? a < b
           : op == LessOrEqual ? a <= b
           : op == Greater     ? a > b
                               : a >= b;
  };
  const int64_t rows = 7, columns = 19, count = rows * columns;
  for (const Element element : kElements)
    for (const BinaryOp op : {Equal, Less, LessOrEqual, Greater, GreaterOrEqual}) {
      Random random(11);
      auto a = random.values(element, count), b = random.values(element, columns);
      for (int64_t i = 0; i < columns; i += 3)
        a[static_cast<size_t>(i)] = b[static_cast<size_t>(i)];
      const DeviceTensor da(element, a), db(element, b);
      const DeviceTensor condition = booleans(count), inverse = booleans(count),
                         both = booleans(count), number(element, count);
      DeviceTensor dy(element, count);
      const Dims dims{rows, columns}, dense{columns, 1}, row{0, 1};
      const auto run = [&](const Launch& launch) {
        binary({op, number_of(element), da.data(), db.data(), condition.data(), dims, dense, row},
               launch);
        unary_math({MathOp::Not, 0, 0, element, condition.data(), inverse.data(), count}, launch);
        binary(
            {Or, Number::Boolean, inverse.data(), inverse.data(), both.data(), dims, dense, dense},
            launch);
        unary_math({MathOp::NumberOf, 0, 0, element, both.data(), number.data(), count}, launch);
        unary_math({MathOp::IsNotZero, 0, 0, element, number.data(), inverse.data(), count},
                   launch);
        where({static_cast<int>(element_size(element)), inverse.data(), db.data(), da.data(),
               dy.data(), dims, dense, row, dense},
              launch);
      };
      std::vector<double> expected;
      for (int64_t i = 0; i < count; ++i) {
        const float x = a[static_cast<size_t>(i)], y = b[static_cast<size_t>(i % columns)];
        expected.push_back(holds(op, x, y) ? x : y);
      }
      expect_result(fmt::format("{} op {}", element_name(element), static_cast<int>(op)), dy, run,
                    expected, {0, 0});
    }
}

TEST(BinaryArgsTest, RefusesByName) {
  EXPECT_THROW(
      binary({BinaryOp::Add, Number::Float32, nullptr, nullptr, nullptr, {2, 3}, {3, 1}, {1}}, {}),
      std::invalid_argument);
  EXPECT_THROW(binary({BinaryOp::Add,
                       Number::Float32,
                       nullptr,
                       nullptr,
                       nullptr,
                       {65536, 65536},
                       {65536, 1},
                       {0, 0}},
                      {}),
               std::invalid_argument);
  EXPECT_THROW(
      binary({BinaryOp::Add, Number::Boolean, nullptr, nullptr, nullptr, {2}, {1}, {1}}, {}),
      std::invalid_argument);
  EXPECT_THROW(
      binary({BinaryOp::Xor, Number::Float32, nullptr, nullptr, nullptr, {2}, {1}, {1}}, {}),
      std::invalid_argument);
  EXPECT_THROW(binary({BinaryOp::Or, Number::Int64, nullptr, nullptr, nullptr, {2}, {1}, {1}}, {}),
               std::invalid_argument);
  EXPECT_THROW((Dims{1, 2, 3, 4, 5, 6, 7, 8, 9}), std::invalid_argument);
}

TEST(StridedWalkTest, MergesWhatItCan) {
  const StridedWalk dense = collapse("test", {4, 1, 6, 5}, {30, 30, 5, 1}, {30, 7, 5, 1});
  EXPECT_EQ(dense.rank, 1);
  EXPECT_EQ(dense.dims[0], 120);
  const StridedWalk bias = collapse("test", {4, 6, 5}, {30, 5, 1}, {0, 0, 1});
  EXPECT_EQ(bias.rank, 2);
  EXPECT_EQ(bias.dims[0], 24);
  EXPECT_EQ(bias.strides[0][0], 5);
  EXPECT_EQ(bias.strides[1][0], 0);
  const StridedWalk three = collapse("test", {4, 6, 5}, {30, 5, 1}, {0, 0, 1}, {0, 1, 0});
  EXPECT_EQ(three.rank, 3);
  EXPECT_EQ(three.strides[2][1], 1);
}

}  // namespace
}  // namespace vitro::cuda
