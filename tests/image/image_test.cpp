#include "vitro/image.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "image/resample.h"
#include "image/test_support.h"
#include "vitro/error.h"

namespace vitro::test {
namespace {

void expect_error(ErrorCode code, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one with: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Resize, RegionEqualsCropOfWhole) {
  const Image image = noise_image(83, 61, 5);
  for (const auto& [width, height] : {std::pair{40, 90}, {83, 30}, {200, 61}, {311, 207}}) {
    const Image whole = resize(image, width, height, Interpolation::Bicubic);
    const image::Region region{width, height, 7, 11, 29, 17};
    const Image part = image::resample_region(image, region, Interpolation::Bicubic);
    ASSERT_EQ(part.rgb.size(), size_t{29 * 17 * 3});
    for (size_t row = 0; row < 17; ++row) {
      for (size_t byte = 0; byte < 29 * 3; ++byte) {
        ASSERT_EQ(part.rgb[row * 29 * 3 + byte],
                  whole.rgb[((row + 11) * static_cast<size_t>(width) + 7) * 3 + byte])
            << width << "x" << height << " row " << row << " byte " << byte;
      }
    }
  }
}

TEST(Resize, SameSizeIsCopy) {
  const Image image = noise_image(31, 17, 9);
  EXPECT_EQ(resize(image, 31, 17, Interpolation::Lanczos), image);
}

TEST(Resize, ConstantStaysConstant) {
  for (int value : {0, 1, 127, 254, 255}) {
    Image image{37, 23, {}};
    image.rgb.assign(37 * 23 * 3, static_cast<uint8_t>(value));
    const Image result = resize(image, 101, 7, Interpolation::Lanczos);
    EXPECT_EQ(result.rgb, std::vector<uint8_t>(101 * 7 * 3, static_cast<uint8_t>(value)));
  }
}

TEST(Resize, RefusesBadArguments) {
  const Image image = noise_image(4, 4, 1);
  using enum ErrorCode;
  for (const auto& [width, height] : {std::pair{0, 5}, {5, 0}, {-1, 5}, {100000, 100000}}) {
    expect_error(InvalidArgument, "resize: got " + std::to_string(width),
                 [&, w = width, h = height] { resize(image, w, h, Interpolation::Bicubic); });
  }
  expect_error(InvalidArgument, "0x0", [] { resize(Image{}, 2, 2, Interpolation::Bicubic); });
  expect_error(InvalidArgument, "got 5 bytes", [] {
    resize(Image{2, 2, std::vector<uint8_t>(5)}, 2, 2, Interpolation::Bicubic);
  });
}

TEST(Preprocess, ThinPicturesStayBounded) {
  // The whole resized picture would be 224 x 4,480,000; only the crop is computed.
  Preprocessing options;
  options.interpolation = Interpolation::Lanczos;
  EXPECT_EQ(resize_and_crop(noise_image(1, 20000, 3), options).rgb.size(), size_t{224 * 224 * 3});
  EXPECT_EQ(resize_and_crop(noise_image(20000, 1, 3), options).rgb.size(), size_t{224 * 224 * 3});
  // timm fails here, because a side rounds to zero pixels.
  options.crop_mode = CropMode::Border;
  EXPECT_EQ(resize_and_crop(noise_image(1, 20000, 3), options).rgb.size(), size_t{224 * 224 * 3});
}

TEST(Preprocess, FrameRoundsMeanAsWritten) {
  // 0.3f lies above 0.3, and 255 * 0.3 = 76.5 rounds to the even 76.
  Preprocessing options;
  options.crop_mode = CropMode::Border;
  options.mean = {0.3f, 0.1f, 0.5f};
  const Image framed = resize_and_crop(noise_image(100, 10, 1), options);
  EXPECT_EQ(framed.rgb[0], 76);
  EXPECT_EQ(framed.rgb[1], 26);
  EXPECT_EQ(framed.rgb[2], 128);
}

TEST(Preprocess, RefusesBadOptions) {
  const Image image = noise_image(8, 8, 1);
  const auto refuse = [&](const std::string& part,
                          const std::function<void(Preprocessing&)>& edit) {
    Preprocessing options;
    edit(options);
    expect_error(ErrorCode::InvalidArgument, part, [&] { resize_and_crop(image, options); });
  };
  refuse("0x224", [](Preprocessing& options) { options.width = 0; });
  refuse("224x-3", [](Preprocessing& options) { options.height = -3; });
  refuse("crop_pct 0", [](Preprocessing& options) { options.crop_pct = 0.0; });
  refuse("crop_pct 1e-09", [](Preprocessing& options) { options.crop_pct = 1e-9; });
  refuse("crop_pct 225", [](Preprocessing& options) { options.crop_pct = 225; });
  refuse("crop_pct nan", [](Preprocessing& options) {
    options.crop_pct = std::numeric_limits<double>::quiet_NaN();
  });
  refuse("std of 0", [](Preprocessing& options) { options.std[1] = 0.0f; });
  refuse("mean of inf",
         [](Preprocessing& options) { options.mean[2] = std::numeric_limits<float>::infinity(); });
  std::vector<float> planes(10);
  expect_error(ErrorCode::InvalidArgument, "3x224x224 = 150528",
               [&] { preprocess(image, Preprocessing{}, planes); });
}

TEST(Preprocessing, Compares) {
  Preprocessing options;
  EXPECT_EQ(options, Preprocessing{});
  options.crop_pct = 0.9;
  EXPECT_NE(options, Preprocessing{});
}

}  // namespace
}  // namespace vitro::test
