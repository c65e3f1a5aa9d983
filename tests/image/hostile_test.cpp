// Any bytes give a picture or a vitro::Error.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "image/test_support.h"
#include "vitro/error.h"
#include "vitro/image.h"

namespace vitro::test {
namespace {

/// Small, so that a damaged header cannot make a test slow.
const DecodeLimits kSmall{.max_pixels = 1 << 20};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Error error_of(std::span<const std::byte> bytes, const DecodeLimits& limits = {}) {
  try {
    decode_image(bytes, "picture", limits);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::Internal, ""};
}

/// True when the bytes make a picture, false when they make an Error; anything else fails the test.
bool decodes(std::span<const std::byte> bytes) {
  try {
    const Image image = decode_image(bytes, "picture", kSmall);
    const auto pixels = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
    EXPECT_EQ(image.rgb.size(), pixels * 3);
    return true;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'picture'"), std::string::npos) << error.what();
    return false;
  }
}

TEST(HostileImage, EveryTruncationIsAnError) {
  for (const auto& path : sample_pictures()) {
    const std::vector<std::byte> bytes = read_bytes(path);
    SCOPED_TRACE(path.filename().string());
    // A JPEG may miss its end marker and a PNG its IEND chunk (12 bytes) once all pixels are there.
    // Of an animated GIF the first picture is all that is read.
    const std::string file = path.filename().string();
    const size_t tail = file == "gif_animated.gif"   ? bytes.size() / 2
                        : path.extension() == ".png" ? 12 + 8
                                                     : 24;
    for (size_t size = 0; size + 1 < bytes.size(); size += size < 64 ? 1 : 13) {
      const std::vector<std::byte> head(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const bool decoded = decodes(head);  // a copy, so that reading past its end is seen
      EXPECT_TRUE(!decoded || size + tail >= bytes.size())
          << size << " of " << bytes.size() << " bytes";
    }
  }
}

TEST(HostileImage, TruncationIsNamed) {
  for (const char* file :
       {"jpeg_420.jpg", "jpeg_420_progressive.jpg", "png_rgb_8.png", "webp_lossy.webp"}) {
    std::vector<std::byte> bytes = read_bytes(data_directory() / file);
    bytes.resize(bytes.size() * 2 / 3);
    const Error error = error_of(bytes);
    EXPECT_EQ(error.code(), ErrorCode::CorruptFile);
    EXPECT_NE(std::string(error.what()).find("truncated"), std::string::npos) << error.what();
  }
}

TEST(HostileImage, FlippedBytesNeverCrash) {
  std::mt19937 random(20240607);
  std::vector<std::vector<std::byte>> samples;
  for (const auto& path : sample_pictures()) samples.push_back(read_bytes(path));
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> bytes = samples[random() % samples.size()];
    for (uint32_t flips = 1 + random() % 8; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
    }
    decodes(bytes);
  }
}

TEST(HostileImage, GarbageIsRefused) {
  std::mt19937 random(7);
  for (const std::string magic :
       {"", "\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "RIFF\x20\x01\x01\x01WEBP"}) {
    for (int round = 0; round < 50; ++round) {
      std::string text = magic;
      for (uint32_t size = 1 + random() % 400; size > 0; --size)
        text.push_back(static_cast<char>(random()));
      EXPECT_FALSE(decodes(bytes_of(text)));
    }
  }
}

TEST(HostileImage, EmptyAndForeign) {
  EXPECT_EQ(error_of({}).code(), ErrorCode::CorruptFile);
  EXPECT_NE(std::string(error_of({}).what()).find("empty"), std::string::npos);
  EXPECT_EQ(error_of(bytes_of("hello, this is text")).code(), ErrorCode::CorruptFile);
  const Error heic = error_of(bytes_of("\1\1\1\1ftypheic and more"));
  EXPECT_EQ(heic.code(), ErrorCode::Unsupported);
  EXPECT_NE(std::string(heic.what()).find("HEIC"), std::string::npos);
  EXPECT_NE(heic.hint().find("convert"), std::string::npos);
  for (const char* bytes : {"GIF89a and more", "BM and more", "BMW"})
    EXPECT_EQ(error_of(bytes_of(bytes)).code(), ErrorCode::CorruptFile) << bytes;
}

/// `png_1x1.png` with another size in its header; the header's checksum is made to fit.
std::vector<std::byte> png_of_size(uint32_t width, uint32_t height) {
  std::vector<std::byte> bytes = read_bytes(data_directory() / "png_1x1.png");
  const auto put = [&](size_t offset, uint32_t value) {
    for (size_t idx = 0; idx < 4; ++idx)
      bytes[offset + idx] = static_cast<std::byte>(value >> (24 - 8 * idx));
  };
  put(16, width);
  put(20, height);
  put(29, crc32(std::span(bytes).subspan(12, 17)));
  return bytes;
}

TEST(HostileImage, HugeHeadersAreRefusedAtOnce) {
  const Error square = error_of(png_of_size(65535, 65535));
  EXPECT_EQ(square.code(), ErrorCode::OutOfMemory);
  EXPECT_NE(std::string(square.what()).find("65535x65535"), std::string::npos) << square.what();
  EXPECT_NE(std::string(square.what()).find("178956970"), std::string::npos) << square.what();
  EXPECT_EQ(error_of(png_of_size(0xFFFFFFFF, 0xFFFFFFFF)).code(), ErrorCode::OutOfMemory);
  EXPECT_EQ(error_of(png_of_size(1'000'001, 1)).code(), ErrorCode::OutOfMemory);
  EXPECT_EQ(error_of(png_of_size(0, 5)).code(), ErrorCode::CorruptFile);

  std::vector<std::byte> jpeg = read_bytes(data_directory() / "jpeg_420.jpg");
  constexpr std::byte kFrame[] = {std::byte{0xff}, std::byte{0xc0}};
  const auto frame = std::search(jpeg.begin(), jpeg.end(), std::begin(kFrame), std::end(kFrame));
  ASSERT_NE(frame, jpeg.end());
  for (int offset : {5, 7}) {  // height, width: 0xfde8 = 65000, below libjpeg's own limit
    frame[offset] = std::byte{0xfd};
    frame[offset + 1] = std::byte{0xe8};
  }
  const Error error = error_of(jpeg);
  EXPECT_NE(std::string(error.what()).find("65000x65000"), std::string::npos) << error.what();

  DecodeLimits limits;
  limits.max_pixels = 67 * 45 - 1;
  EXPECT_EQ(error_of(read_bytes(data_directory() / "jpeg_420.jpg"), limits).code(),
            ErrorCode::OutOfMemory);
  limits.max_pixels = 67 * 45;
  EXPECT_NO_THROW(decode_image(read_bytes(data_directory() / "jpeg_420.jpg"), "picture", limits));
}

TEST(HostileImage, EncodedSizeIsLimited) {
  const std::vector<std::byte> bytes = read_bytes(data_directory() / "jpeg_420.jpg");
  DecodeLimits limits;
  limits.max_bytes = bytes.size() - 1;
  EXPECT_EQ(error_of(bytes, limits).code(), ErrorCode::OutOfMemory);
  EXPECT_THROW(load_image(data_directory() / "jpeg_420.jpg", limits), Error);
}

TEST(HostileImage, ScansAreLimited) {
  std::vector<std::byte> bytes = read_bytes(data_directory() / "jpeg_420_progressive.jpg");
  constexpr std::byte kScan[] = {std::byte{0xff}, std::byte{0xda}};
  const auto first = std::search(bytes.begin(), bytes.end(), std::begin(kScan), std::end(kScan));
  const auto second = std::search(first + 2, bytes.end(), std::begin(kScan), std::end(kScan));
  ASSERT_NE(second, bytes.end());
  // The first scan with its tables, again and again.
  const std::vector<std::byte> scan(first, second);
  bytes.erase(second, bytes.end());
  for (int round = 0; round < 300; ++round) bytes.insert(bytes.end(), scan.begin(), scan.end());
  bytes.insert(bytes.end(), {std::byte{0xff}, std::byte{0xd9}});
  EXPECT_NE(std::string(error_of(bytes).what()).find("scans"), std::string::npos);
}

TEST(LoadImage, TheNameDoesNotMatter) {
  const TempDirectory directory;
  const std::filesystem::path path = directory.path() / "really_a_jpeg.png";
  std::filesystem::copy_file(data_directory() / "jpeg_420.jpg", path);
  EXPECT_EQ(load_image(path), load_image(data_directory() / "jpeg_420.jpg"));
}

TEST(LoadImage, NamesTheFile) {
  const TempDirectory directory;
  const auto code_of = [&](const std::filesystem::path& path, const std::string& reason = "") {
    try {
      load_image(path);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
      return error.code();
    }
    return ErrorCode::Internal;
  };
  EXPECT_EQ(code_of(directory.path() / "missing.jpg"), ErrorCode::NotFound);
  EXPECT_EQ(code_of(directory.path()), ErrorCode::InvalidArgument);
  std::filesystem::create_symlink("loop.jpg", directory.path() / "loop.jpg");
  EXPECT_EQ(code_of(directory.path() / "loop.jpg", "Too many levels"), ErrorCode::DeviceError);
  EXPECT_EQ(code_of(directory.write("empty.jpg", "")), ErrorCode::CorruptFile);
  EXPECT_EQ(code_of(directory.write("text.jpg", "not a picture")), ErrorCode::CorruptFile);
}

}  // namespace
}  // namespace vitro::test
