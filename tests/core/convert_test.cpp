#include "core/convert.h"
#include "core/float8.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/temporary_directory.h"

namespace vitro {
namespace {

/// The definition of binary16, with library functions only.
double float16_by_definition(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double mantissa = (bits & 1023) / 1024.0;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return exponent == 0 ? sign * std::ldexp(mantissa, -14)
                       : sign * std::ldexp(1.0 + mantissa, exponent - 15);
}

template <typename T>
std::vector<float> convert(DType dtype, const std::vector<T>& values, size_t misalignment = 0) {
  std::vector<std::byte> bytes(misalignment + values.size() * sizeof(T));
  std::memcpy(bytes.data() + misalignment, values.data(), values.size() * sizeof(T));
  std::vector<float> result(values.size());
  to_float32(dtype, std::span(bytes).subspan(misalignment), result.data());
  return result;
}

TEST(Convert, Float16IsExactForAllBitPatterns) {
  std::vector<uint16_t> all(65536);
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const auto converted = convert(DType::Float16, all, 1);
  for (uint32_t i = 0; i < all.size(); ++i) {
    const double expected = float16_by_definition(i);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(converted[i])) << i;
    } else {
      ASSERT_EQ(converted[i], expected) << i;
    }
    ASSERT_EQ(std::signbit(converted[i]), (i & 0x8000) != 0) << i;
  }
}

/// By the definition of the OCP 8-bit formats: a bias of 2^(exponent_bits - 1) - 1.
double float8_by_definition(uint32_t bits, int exponent_bits, bool has_infinity) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const int mantissa_bits = 7 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits & 0x7f) >> mantissa_bits;
  const int fraction = static_cast<int>(bits) & ((1 << mantissa_bits) - 1);
  const double sign = (bits & 0x80) != 0 ? -1.0 : 1.0;
  if (has_infinity && exponent == (1 << exponent_bits) - 1)
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : kNaN;
  if (!has_infinity && (bits & 0x7f) == 0x7f) return kNaN;
  const double mantissa = std::ldexp(fraction, -mantissa_bits);
  return exponent == 0 ? sign * std::ldexp(mantissa, 1 - bias)
                       : sign * std::ldexp(1.0 + mantissa, exponent - bias);
}

TEST(Convert, Float8IsExactForAllBitPatterns) {
  std::vector<uint8_t> all(256);
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i);
  const auto e4m3 = convert(DType::Float8E4M3, all), e5m2 = convert(DType::Float8E5M2, all);
  for (uint32_t i = 0; i < all.size(); ++i)
    for (const auto& [converted, expected] :
         {std::pair{e4m3[i], float8_by_definition(i, 4, false)},
          std::pair{e5m2[i], float8_by_definition(i, 5, true)}}) {
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(converted)) << i;
      else
        EXPECT_EQ(converted, expected) << i;
      EXPECT_EQ(std::signbit(converted), i >= 0x80) << i;
    }
}

TEST(Convert, EveryFloat8IsItsOwnNearest) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    const auto code = static_cast<uint8_t>(bits);
    const float value = float8_e4m3_to_float32(code);
    EXPECT_EQ(float32_to_float8_e4m3(value), code);
    if (value == value)
      EXPECT_EQ(nearest_float8_e4m3(value), value);
    else
      EXPECT_TRUE(std::isnan(nearest_float8_e4m3(value)));
  }
}

TEST(Convert, ToFloat8RoundsTiesToEvenAndSaturates) {
  for (uint32_t bits = 0; bits < 0x7e; ++bits) {  // between neighbours
    const auto code = static_cast<uint8_t>(bits), next = static_cast<uint8_t>(bits + 1);
    const float low = float8_e4m3_to_float32(code), high = float8_e4m3_to_float32(next);
    const float middle = (low + high) / 2;
    EXPECT_EQ(float32_to_float8_e4m3(middle), bits % 2 == 0 ? code : next) << bits;
    EXPECT_EQ(float32_to_float8_e4m3(std::nextafter(middle, 0.0f)), code) << bits;
    EXPECT_EQ(float32_to_float8_e4m3(std::nextafter(middle, 1e9f)), next) << bits;
    EXPECT_EQ(float32_to_float8_e4m3(-middle), (bits % 2 == 0 ? code : next) | 0x80) << bits;
  }
  const float infinity = std::numeric_limits<float>::infinity();
  for (float large : {448.0f, 449.0f, 464.0f, 480.0f, 1e30f, infinity}) {
    EXPECT_EQ(float32_to_float8_e4m3(large), 0x7e) << large;
    EXPECT_EQ(float32_to_float8_e4m3(-large), 0xfe) << large;
    EXPECT_EQ(nearest_float8_e4m3(-large), -448.0f) << large;
  }
  EXPECT_EQ(float32_to_float8_e4m3(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Convert, BFloat16IsTheUpperHalfOfAFloat32) {
  std::vector<uint16_t> all(65536);
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const auto converted = convert(DType::BFloat16, all);
  for (uint32_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(converted[i]), i << 16);
  }
}

TEST(Convert, BFloat16OfItsOwnValuesIsItself) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const float value = bfloat16_to_float32(bits);
    if (value == value)
      ASSERT_EQ(float32_to_bfloat16(value), bits);
    else
      ASSERT_TRUE(std::isnan(bfloat16_to_float32(float32_to_bfloat16(value)))) << bits;
  }
  // A NaN whose bits all lie in the lower half, and what rounds up beyond the largest number.
  EXPECT_TRUE(std::isnan(
      bfloat16_to_float32(float32_to_bfloat16(std::bit_cast<float>(uint32_t{0x7f800001})))));
  EXPECT_EQ(float32_to_bfloat16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(Convert, Float32IsCopiedAndFloat64Rounded) {
  EXPECT_EQ(convert<float>(DType::Float32, {1.5f, -0.0f}, 3), (std::vector<float>{1.5f, -0.0f}));
  EXPECT_EQ(convert<double>(DType::Float64, {0.1, 1e300}, 5),
            (std::vector<float>{0.1f, std::numeric_limits<float>::infinity()}));
  to_float32(DType::Float32, {}, nullptr);
}

TEST(Convert, RefusesWhatIsNoFloat) {
  float value = 0;
  const std::vector<std::byte> bytes(8);
  test::expect_error(ErrorCode::Unsupported, "I64",
                     [&] { to_float32(DType::Int64, bytes, &value); });
  test::expect_error(ErrorCode::InvalidArgument, "whole number",
                     [&] { to_float32(DType::Float32, std::span(bytes).first(3), &value); });
}

TEST(Convert, EveryFloat16IsItsOwnNearest) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = float16_to_float32(half);
    if (value == value)
      EXPECT_EQ(float32_to_float16(value), half);
    else
      EXPECT_NE(float16_to_float32(float32_to_float16(value)), value);
  }
}

TEST(Convert, ToFloat16RoundsTiesToEven) {
  EXPECT_EQ(float32_to_float16(1.0f + 0x1p-11f), 0x3c00);  // half way up from an even one
  EXPECT_EQ(float32_to_float16(1.0f + 0x1.8p-10f), 0x3c02);
  EXPECT_EQ(float32_to_float16(1.0f + 0x1.002p-11f), 0x3c01);
  EXPECT_EQ(float32_to_float16(0x1p-25f), 0x0000);  // half of the least one
  EXPECT_EQ(float32_to_float16(0x1.8p-24f), 0x0002);
  EXPECT_EQ(float32_to_float16(-0x1.ffcp-15f), 0x8400);  // to the least normal one
  EXPECT_EQ(float32_to_float16(65519.0f), 0x7bff);
  EXPECT_EQ(float32_to_float16(-65520.0f), 0xfc00);
}

TEST(Convert, TensorsFromAndToFloat32) {
  Tensor floats({3});
  std::ranges::copy(std::vector<float>{1.5f, -0.1f, 70000}, floats.as<float>().begin());
  EXPECT_EQ(vitro::converted(floats, DType::Float32).view().data, floats.view().data);
  const Tensor half = vitro::converted(floats, DType::Float16);
  EXPECT_EQ(half.as<Float16>()[1].bits, float32_to_float16(-0.1f));
  const Tensor back = vitro::converted(half, DType::Float32);
  EXPECT_EQ(back.as<float>()[0], 1.5f);
  EXPECT_TRUE(std::isinf(back.as<float>()[2]));
  const Tensor twice = vitro::converted(vitro::converted(floats, DType::Float64), DType::Float32);
  EXPECT_EQ(twice.as<float>()[1], -0.1f);
  test::expect_error(ErrorCode::Unsupported, "expected F16, BF16 or F64",
                     [&] { vitro::converted(floats, DType::Int64); });
}

}  // namespace
}  // namespace vitro
