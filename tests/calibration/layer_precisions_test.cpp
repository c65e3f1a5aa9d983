#include "calibration/layer_precisions.h"

#include <gtest/gtest.h>

#include "core/temporary_directory.h"

namespace vitro::test {
namespace {

QuantizationRecord record() {
  QuantizationRecord record;
  for (const char* name : {"a.mlp.fc1", "a.mlp.fc2", "b.mlp.fc2", "c:0"})
    record.products.push_back({.product = name, .stays_float = {}});
  record.products.push_back({.product = "wide", .stays_float = "a sum may not fit into 32 bits"});
  record.products.push_back({.product = "head", .stays_float = "its result is that of the model"});
  return record;
}

/// The names of the products in 8 bits, those by force with a "!".
std::string in_8_bits(const std::string& precisions) {
  QuantizationRecord all = record();
  apply_layer_precisions(*parse_layer_precisions(precisions), DType::Int8, all);
  std::string text;
  for (const ProductRecord& product : all.products)
    if (product.in_8_bits())
      text += (text.empty() ? "" : " ") + product.product + (product.forced ? "!" : "");
  return text;
}

TEST(LayerPrecisions, AreNamesAndPrecisions) {
  EXPECT_EQ(*parse_layer_precisions("a:fp32,b:0:int8,c:fp8"),
            (std::vector<LayerPrecision>{
                {"a", DType::Float32}, {"b:0", DType::Int8}, {"c", DType::Float8E4M3}}));
  for (const char* bad : {"", "a", "a:", ":fp32", "a:fp16", "a:fp32,", ",a:fp32", "a:FP32"})
    EXPECT_FALSE(parse_layer_precisions(bad)) << bad;
}

TEST(LayerPrecisions, TheLastNameThatFitsCounts) {
  EXPECT_EQ(in_8_bits("a.mlp.fc2:fp32"), "a.mlp.fc1 b.mlp.fc2 c:0");
  EXPECT_EQ(in_8_bits("*.mlp.fc2:fp32"), "a.mlp.fc1 c:0");
  EXPECT_EQ(in_8_bits("*.*.fc*:fp32,c*0:fp32"), "");
  EXPECT_EQ(in_8_bits("*:fp32,b.*:int8"), "b.mlp.fc2!");
  EXPECT_EQ(in_8_bits("c:0:int8,*:fp32"), "");
  EXPECT_EQ(in_8_bits("*:int8"), "a.mlp.fc1! a.mlp.fc2! b.mlp.fc2! c:0!") << "not the head";
  EXPECT_EQ(in_8_bits("*:fp32,head:int8"), "head!");
}

TEST(LayerPrecisions, SayWhy) {
  QuantizationRecord all = record();
  apply_layer_precisions({{"b.mlp.fc2", DType::Float32}}, DType::Int8, all);
  EXPECT_EQ(all.note(),
            "3 of 6 products are in 8 bits; in float32: 'b.mlp.fc2' (--layerPrecisions), "
            "'wide' (a sum may not fit into 32 bits), 'head' (its result is that of the model)");
}

TEST(LayerPrecisions, NamesThatFitNothingAreErrors) {
  for (const char* name : {"a.mlp.fc3", "mlp*", "b.mlp", "head*s"})
    expect_error(ErrorCode::NotFound, name, [&] { in_8_bits(std::string(name) + ":fp32"); });
  try {
    in_8_bits("b.mpl.fc2:fp32");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "the nearest of them is 'b.mlp.fc2'");
  }
  expect_error(ErrorCode::InvalidArgument, "a sum may not fit into 32 bits",
               [] { in_8_bits("wide:int8"); });
}

TEST(LayerPrecisions, EightBitsAreThoseOfTheBuild) {
  QuantizationRecord all = record();
  expect_error(ErrorCode::InvalidArgument, "'a.*:fp8' in a build with --int8, expected int8", [&] {
    apply_layer_precisions({{"a.*", DType::Float8E4M3}}, DType::Int8, all);
  });
  constexpr DType kFloats = DType::Float8E4M3;
  expect_error(ErrorCode::InvalidArgument, "'a.*:int8' in a build with --fp8, expected fp8", [&] {
    apply_layer_precisions({{"a.*", DType::Int8}}, kFloats, all);
  });
  apply_layer_precisions({{"*", DType::Float32}, {"c:0", kFloats}}, kFloats, all);
  EXPECT_TRUE(all.products[3].forced);
  EXPECT_EQ(all.num_in_8_bits(), 1);
}

}  // namespace
}  // namespace vitro::test
