// Every byte against Pillow and every float against timm: tools/make_image_goldens.py.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "image/test_support.h"
#include "vitro/error.h"
#include "vitro/image.h"

namespace vitro::test {
namespace {

using nlohmann::json;

const json& goldens() {
  static const json kGoldens = json::parse(std::ifstream(data_directory() / "goldens.json"));
  return kGoldens;
}

uint32_t checksum(const Image& image) { return crc32(std::as_bytes(std::span(image.rgb))); }

Image source_of(const json& golden) {
  return noise_image(golden.at("src").at(0), golden.at("src").at(1), golden.at("seed"));
}

void expect_bytes(const Image& image, const std::string& hex) {
  ASSERT_EQ(image.rgb.size() * 2, hex.size());
  for (size_t idx = 0; idx < image.rgb.size(); ++idx) {
    ASSERT_EQ(int{image.rgb[idx]}, std::stoi(hex.substr(2 * idx, 2), nullptr, 16))
        << "row " << idx / 3 / static_cast<size_t>(image.width) << " column "
        << idx / 3 % static_cast<size_t>(image.width) << " channel " << idx % 3;
  }
}

std::array<float, 3> three_floats(const json& values) {
  return {values.at(0).get<float>(), values.at(1).get<float>(), values.at(2).get<float>()};
}

Preprocessing preprocessing_of(const json& golden) {
  Preprocessing options;
  options.width = golden.at("dst").at(0);
  options.height = golden.at("dst").at(1);
  options.crop_pct = golden.at("crop_pct");
  const std::string mode = golden.at("crop_mode");
  options.crop_mode = mode == "squash"   ? CropMode::Squash
                      : mode == "border" ? CropMode::Border
                                         : CropMode::Center;
  options.interpolation = interpolation_from(golden.at("filter").get<std::string>());
  options.mean = three_floats(golden.at("mean"));
  options.std = three_floats(golden.at("std"));
  return options;
}

TEST(ImageGoldens, DecodeEqualsPillow) {
  size_t count = 0;
  for (const json& golden : goldens().at("decode")) {
    const std::string file = golden.at("file");
    SCOPED_TRACE(file);
    ++count;
    if (golden.contains("error")) {
      EXPECT_THROW(load_image(data_directory() / file), Error);
      continue;
    }
    const Image image = load_image(data_directory() / file);
    EXPECT_EQ(image.width, golden.at("width"));
    EXPECT_EQ(image.height, golden.at("height"));
    EXPECT_EQ(checksum(image), golden.at("crc32"));
  }
  EXPECT_EQ(count, sample_pictures().size());
}

TEST(ImageGoldens, ResizeEqualsPillow) {
  for (const json& golden : goldens().at("resize")) {
    SCOPED_TRACE(golden.dump().substr(0, 120));
    const Image image = resize(source_of(golden), golden.at("dst").at(0), golden.at("dst").at(1),
                               interpolation_from(golden.at("filter").get<std::string>()));
    if (golden.contains("bytes")) expect_bytes(image, golden.at("bytes"));
    EXPECT_EQ(checksum(image), golden.at("crc32"));
  }
}

TEST(ImageGoldens, PreprocessEqualsTimm) {
  for (const json& golden : goldens().at("preprocess")) {
    SCOPED_TRACE(golden.dump());
    const Preprocessing options = preprocessing_of(golden);
    const Image source = source_of(golden);
    const Image cropped = resize_and_crop(source, options);
    EXPECT_EQ(cropped.width, options.width);
    EXPECT_EQ(cropped.height, options.height);
    EXPECT_EQ(checksum(cropped), golden.at("crc32"));
    std::vector<float> planes(3 * cropped.rgb.size() / 3);
    preprocess(source, options, planes);
    EXPECT_EQ(crc32(std::as_bytes(std::span(planes))), golden.at("float_crc32"));
  }
}

}  // namespace
}  // namespace vitro::test
