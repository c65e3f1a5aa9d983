#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vitro/image.h"

namespace vitro::test {

/// tests/image/data
std::filesystem::path data_directory();
/// The pictures in data_directory(), sorted.
std::vector<std::filesystem::path> sample_pictures();
std::vector<std::byte> read_bytes(const std::filesystem::path& path);

/// CRC-32 as in zlib.
uint32_t crc32(std::span<const std::byte> bytes);

/// The picture that tools/make_image_goldens.py calls noise().
Image noise_image(int width, int height, uint32_t seed);

/// "bilinear", "bicubic", "lanczos".
Interpolation interpolation_from(std::string_view name);

/// A fresh directory that is removed with everything in it.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Creates missing parent directories.
  std::filesystem::path write(const std::string& name, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace vitro::test
