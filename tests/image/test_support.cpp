#include "image/test_support.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>

namespace vitro::test {

std::filesystem::path data_directory() {
  return std::filesystem::path(VITRO_SOURCE_DIR) / "tests" / "image" / "data";
}

std::vector<std::filesystem::path> sample_pictures() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data_directory())) {
    if (entry.path().extension() != ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

uint32_t crc32(std::span<const std::byte> bytes) {
  static const std::array<uint32_t, 256> kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t idx = 0; idx < table.size(); ++idx) {
      uint32_t value = idx;
      for (int bit = 0; bit < 8; ++bit)
        value = (value & 1) ? 0xEDB88320u ^ (value >> 1) : value >> 1;
      table[idx] = value;
    }
    return table;
  }();
  uint32_t crc = ~0u;
  for (std::byte byte : bytes) {
    crc = kTable[(crc ^ std::to_integer<uint32_t>(byte)) & 0xFF] ^ (crc >> 8);
  }
  return ~crc;
}

Image noise_image(int width, int height, uint32_t seed) {
  Image image{width, height, {}};
  image.rgb.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  for (uint32_t idx = 0; idx < image.rgb.size(); ++idx) {
    uint32_t x = idx * 2654435761u + seed * 97u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    image.rgb[idx] = static_cast<uint8_t>(x >> 24);
  }
  return image;
}

Interpolation interpolation_from(std::string_view name) {
  if (name == "bilinear") return Interpolation::Bilinear;
  if (name == "bicubic") return Interpolation::Bicubic;
  if (name == "lanczos") return Interpolation::Lanczos;
  throw std::invalid_argument(std::string(name));
}

TempDirectory::TempDirectory() {
  static std::atomic<int> counter{0};
  std::random_device random;
  path_ = std::filesystem::temp_directory_path() /
          ("vitro_image_test_" + std::to_string(random()) + "_" + std::to_string(counter++));
  std::filesystem::create_directories(path_);
}

TempDirectory::~TempDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::filesystem::path TempDirectory::write(const std::string& name, std::string_view text) const {
  const std::filesystem::path file_path = path_ / name;
  std::filesystem::create_directories(file_path.parent_path());
  std::ofstream(file_path, std::ios::binary) << text;
  return file_path;
}

}  // namespace vitro::test
