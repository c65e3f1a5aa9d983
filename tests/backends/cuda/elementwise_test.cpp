#include "backends/cuda/kernels/elementwise.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

using ElementwiseTest = DeviceTest;

class UnaryTest : public DeviceTest, public testing::WithParamInterface<UnaryOp> {};

TEST_P(UnaryTest, EqualsItsDefinition) {
  const auto [alpha, beta] =
      GetParam() == UnaryOp::Clip ? std::pair{-0.5f, 4.0f} : std::pair{0.25f, 0.4f};
  for (const Element element : kElements)
    for (const int64_t count : {1, 7, 8, 1000, 4099}) {
      Random random(static_cast<uint32_t>(count));
      const auto x = random.values(element, count, -6, 6);
      const DeviceTensor dx(element, x);
      DeviceTensor dy(element, count);
      std::vector<double> expected;
      for (const double v : x) expected.push_back(exactly({GetParam(), alpha, beta}, v));
      expect_result(
          fmt::format("{} {} {}", static_cast<int>(GetParam()), element_name(element), count), dy,
          [&](const Launch& launch) {
            unary({{GetParam(), alpha, beta}, element, dx.data(), dy.data(), count}, launch);
          },
          expected, tolerance_of(element));
    }
}
INSTANTIATE_TEST_SUITE_P(Functions, UnaryTest,
                         testing::Values(UnaryOp::Relu, UnaryOp::Gelu, UnaryOp::GeluTanh,
                                         UnaryOp::Sigmoid, UnaryOp::Tanh, UnaryOp::HardSigmoid,
                                         UnaryOp::HardSwish, UnaryOp::Silu, UnaryOp::Clip));

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

TEST_F(ElementwiseTest, AddAndMulBroadcast) {
  const std::vector<Case> cases = {{{3, 40}, {3, 40}, {3, 40}},
                                   {{5, 7, 64}, {5, 7, 64}, {1, 1, 64}},
                                   {{5, 13}, {5, 13}, {1, 13}},
                                   {{2, 9, 16}, {2, 9, 16}, {1, 1, 1}},
                                   {{4, 3, 24}, {1, 3, 24}, {4, 1, 1}},
                                   {{2, 3, 5, 7}, {2, 1, 5, 1}, {1, 3, 1, 7}},
                                   {{1}, {1}, {1}},
                                   {{6, 8, 8}, {6, 1, 8}, {1, 8, 8}}};
  for (const Element element : kElements)
    for (const Case& k : cases)
      for (const BinaryOp op : {BinaryOp::Add, BinaryOp::Mul}) {
        Random random(static_cast<uint32_t>(k.dims.v[0] * 13 + k.dims.rank));
        const int64_t count = element_count(k.dims);
        const auto a = random.values(element, element_count(k.a)),
                   b = random.values(element, element_count(k.b));
        const DeviceTensor da(element, a), db(element, b);
        DeviceTensor dy(element, count);
        const BinaryArgs args{op,
                              element,
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
          expected.push_back(op == BinaryOp::Add ? x + y : x * y);
        }
        expect_result(
            fmt::format("{} op {} count {} rank {}", element_name(element), static_cast<int>(op),
                        count, k.dims.rank),
            dy, [&](const Launch& launch) { binary(args, launch); }, expected,
            tolerance_of(element));
      }
}

TEST_F(ElementwiseTest, Casts) {
  for (const Element from : kElements)
    for (const Element to : kElements)
      for (const int64_t count : {5, 1003}) {
        Random random(7);
        const auto x = random.values(from, count, -100, 100);
        const DeviceTensor dx(from, x);
        DeviceTensor dy(to, count);
        std::vector<double> expected;
        for (const float v : x) {
          std::byte bytes[4];
          to_bytes(to, v, bytes);
          expected.push_back(from_bytes(to, bytes));
        }
        expect_result(fmt::format("{} to {}", element_name(from), element_name(to)), dy,
                      [&](const Launch& launch) {
                        cast({from, to, dx.data(), dy.data(), count}, launch);
                      },
                      expected, {0, 0});
      }
}

TEST(ElementwiseArgsTest, RefusesByName) {
  EXPECT_THROW(
      binary({BinaryOp::Add, Element::Float32, nullptr, nullptr, nullptr, {2, 3}, {3, 1}, {1}}, {}),
      std::invalid_argument);
  EXPECT_THROW(binary({BinaryOp::Add,
                       Element::Float32,
                       nullptr,
                       nullptr,
                       nullptr,
                       {65536, 65536},
                       {65536, 1},
                       {0, 0}},
                      {}),
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
}

}  // namespace
}  // namespace vitro::cuda
