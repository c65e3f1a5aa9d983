// Pictures as the input of a model: floats, or their pixels.
#include "runtime/model_input.h"

#include <gtest/gtest.h>

#include "core/temporary_directory.h"
#include "floats.h"
#include "metric.h"
#include "runtime/compare.h"
#include "runtime/small_plan.h"
#include "vitro/vitro.h"

namespace vitro {
namespace {

/// Noise, [n, h, w, 3].
Tensor noise(const Dims& dims) {
  Tensor pixels(DType::UInt8, dims);
  uint32_t state = 7;
  for (uint8_t& value : pixels.as<uint8_t>()) {
    state = state * 1664525 + 1013904223;
    value = static_cast<uint8_t>(state >> 24);
  }
  return pixels;
}

std::vector<uint8_t> bytes_of(const Tensor& tensor) {
  const auto bytes = tensor.as<uint8_t>();
  return {bytes.begin(), bytes.end()};
}

TEST(ModelInput, AModelOfPixelsGivesWhatThatOfFloatsGives) {
  const Plan of_floats = test::small_plan(), of_pixels = test::small_plan_of_pixels();
  const Preprocessing& how = of_floats.classifier().preprocessing;
  for (const char* backend : {"cpu", "reference"})
    for (const Dims& dims : {Dims{1, 8, 8, 3}, {3, 20, 12, 3}}) {
      const Tensor pixels = noise(dims);
      const Tensor expected = Session(of_floats, {backend, 1}).run(normalized(pixels, how));
      const Tensor actual = Session(of_pixels, {backend, 1}).run(pixels);
      const Distance d = distance(actual.as<float>(), expected.as<float>());
      EXPECT_TRUE(d.within(kFoldedWeights)) << backend << ": " << report(d, kFoldedWeights);
    }
}

TEST(ModelInput, PixelsComeBackFromTheirFloats) {
  const Plan plan = test::small_plan_of_pixels();
  EXPECT_TRUE(takes_pixels(plan));
  EXPECT_FALSE(takes_pixels(test::small_plan()));
  const Tensor pixels = noise({2, 12, 8, 3});
  const Tensor back = input_of(plan, normalized(pixels, plan.classifier().preprocessing));
  EXPECT_EQ(back.dims(), pixels.dims());
  EXPECT_EQ(bytes_of(back), bytes_of(pixels));
}

TEST(ModelInput, APictureIsFittedToEither) {
  const Plan of_floats = test::small_plan(), of_pixels = test::small_plan_of_pixels();
  const Preprocessing& how = of_floats.classifier().preprocessing;
  const Image image{10, 9, bytes_of(noise({1, 9, 10, 3}))};
  const Tensor pixels = picture_input(of_pixels, image);
  EXPECT_EQ(pixels.dims(), (Dims{1, how.height, how.width, 3}));
  EXPECT_EQ(bytes_of(pixels), resize_and_crop(image, how).rgb);
  EXPECT_EQ(test::floats(picture_input(of_floats, image)), test::floats(normalized(pixels, how)));
}

TEST(ModelInput, LayersOfBothAreCompared) {
  const Plan of_floats = test::small_plan(), of_pixels = test::small_plan_of_pixels();
  const Tensor pixels = noise({2, 8, 8, 3});
  const LayerErrors errors =
      compare_layers(Session(of_pixels, {"cpu", 1}), Session(of_floats, {"cpu", 1}), pixels,
                     normalized(pixels, of_floats.classifier().preprocessing));
  EXPECT_GE(errors.layers.size(), 3u);
  for (const LayerError& layer : errors.layers)
    EXPECT_LT(layer.nmse, kFoldedWeights.nmse) << layer.source;
}

TEST(ModelInput, OtherTensorsAreNoPictures) {
  const Preprocessing how;
  test::expect_error(ErrorCode::InvalidArgument, "U8 1x8x8x4, expected pictures",
                     [&] { normalized(noise({1, 8, 8, 4}), how); });
  test::expect_error(ErrorCode::InvalidArgument, "takes the pixels of pictures, got F32 1x4x8x8",
                     [&] { input_of(test::small_plan_of_pixels(), Tensor({1, 4, 8, 8})); });
}

}  // namespace
}  // namespace vitro
