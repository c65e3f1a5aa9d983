#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>

#include "core/temporary_directory.h"
#include "ir/graph.h"
#include "models/weights.h"

namespace vitro::test {
namespace {

Constant counting(const Dims& dims) {
  std::vector<float> values(static_cast<size_t>(num_elements(dims)));
  std::iota(values.begin(), values.end(), 1.0f);
  return make_constant(dims, values);
}

TEST(Constant, IsAlignedAndSharesItsBytes) {
  const Constant constant = counting({3, 5}), copy = constant;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(constant.bytes.data()) % 64, 0u);
  EXPECT_EQ(copy.bytes.data(), constant.bytes.data());
  EXPECT_EQ(constant.floats()[14], 15.0f);
}

TEST(Constant, RefusesAnotherCountOfValues) {
  const float one = 1.0f;
  expect_error(ErrorCode::Internal, "2x2: 1 values", [&] { make_constant({2, 2}, {&one, 1}); });
}

TEST(Constant, IsStoredAsBFloat16RoundedToTheNearest) {
  const float values[] = {1.0f, -3.14159265f, 0x1.01p+0f, 0x1.03p+0f, 0x1.010002p+0f, -0.0f};
  const float rounded[] = {1.0f, -3.140625f, 1.0f, 0x1.04p+0f, 0x1.02p+0f, -0.0f};
  const Constant half = with_dtype(make_constant({6}, values), DType::BFloat16);
  EXPECT_EQ(half.bytes.size(), 12u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(half.bytes.data()) % 64, 0u);
  const Constant whole = with_dtype(half, DType::Float32);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(whole.floats()[i], rounded[i]) << values[i];
  EXPECT_EQ(with_dtype(half, DType::BFloat16).bytes.data(), half.bytes.data());
  expect_error(ErrorCode::Internal, "BF16 6: no dense float32 elements", [&] { half.floats(); });
  expect_error(ErrorCode::Internal, "cannot be stored as I8",
               [&] { with_dtype(whole, DType::Int8); });
}

TEST(Constant, RefusesToReadPackedElements) {
  Constant packed = counting({2, 2});
  packed.storage = "cpu:panel16";
  expect_error(ErrorCode::Internal, "F32 2x2 as cpu:panel16: no dense float32 elements",
               [&] { packed.floats(); });
}

TEST(Constant, RefusesSizesThatOverflow) {
  const int64_t big = int64_t{1} << 31;
  expect_error(ErrorCode::InvalidArgument, "is too large", [&] {
    dense_bytes({DType::Float32, {big, big}});
  });
}

// Values of tools/random_weights.py.
TEST(RandomWeights, EqualThoseOfPython) {
  struct Row {
    const char* name;
    Dims dims;
    uint64_t seed;
    float first, second, last;
  };
  const Row rows[] = {
      {"input",
       {1, 3, 2, 2},
       1,
       0x1.37f5800000000p-4f,
       0x1.6cdde80000000p+0f,
       0x1.20baec0000000p+0f},
      {"head.weight",
       {1000, 512},
       1,
       -0x1.fa9f480000000p-5f,
       0x1.41d35e0000000p-6f,
       -0x1.88338e0000000p-5f},
      {"patch_embed1.proj.weight",
       {64, 3, 4, 4},
       1,
       0x1.ff7f200000000p-7f,
       0x1.629d100000000p-6f,
       -0x1.3165540000000p-4f},
      {"blocks1.0.norm1.running_var",
       {64},
       1,
       0x1.cd1cea0000000p-1f,
       0x1.29c2f00000000p+0f,
       0x1.97347a0000000p-1f},
      {"blocks1.0.norm1.running_mean",
       {64},
       1,
       0x1.ed4fe00000000p-4f,
       0x1.6946c00000000p-4f,
       -0x1.a403200000000p-3f},
      {"blocks1.0.norm1.weight",
       {64},
       1,
       0x1.e966580000000p-1f,
       0x1.d3c0ce0000000p-1f,
       0x1.1da2f40000000p+0f},
      {"blocks1.0.norm1.bias",
       {64},
       0,
       -0x1.4e2b000000000p-4f,
       -0x1.4c01c00000000p-8f,
       -0x1.ecaf400000000p-7f},
      {"blocks1.0.gamma_1",
       {1, 64, 1, 1},
       7,
       0x1.70c3580000000p-1f,
       0x1.39bac00000000p-1f,
       0x1.68d15c0000000p-1f},
  };
  for (const Row& row : rows) {
    const Constant constant = RandomWeights(row.seed).take(row.name, row.dims, "");
    const auto values = constant.floats();
    EXPECT_EQ(values[0], row.first) << row.name;
    EXPECT_EQ(values[1], row.second) << row.name;
    EXPECT_EQ(values.back(), row.last) << row.name;
  }
}

TEST(Weights, ConvolutionsBecomeChannelsLast) {
  const Constant weight = counting({2, 3, 1, 2});  // [out, in, h, w]
  const Constant ohwi = conv_weight_to_ohwi(weight);
  EXPECT_EQ(ohwi.type.dims, (Dims{2, 1, 2, 3}));
  EXPECT_EQ(std::vector<float>(ohwi.floats().begin(), ohwi.floats().end()),
            (std::vector<float>{1, 3, 5, 2, 4, 6, 7, 9, 11, 8, 10, 12}));
  const Constant hwc = depthwise_weight_to_hwc(counting({3, 1, 1, 2}));
  EXPECT_EQ(hwc.type.dims, (Dims{1, 2, 3}));
  EXPECT_EQ(std::vector<float>(hwc.floats().begin(), hwc.floats().end()),
            (std::vector<float>{1, 3, 5, 2, 4, 6}));
}

TEST(Weights, ReshapingKeepsTheBytes) {
  const Constant constant = counting({2, 6});
  EXPECT_EQ(reshaped(constant, {3, 4}).bytes.data(), constant.bytes.data());
  expect_error(ErrorCode::Internal, "", [&] { reshaped(constant, {5}); });
}

}  // namespace
}  // namespace vitro::test
