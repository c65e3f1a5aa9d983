#include "calibration/small_model.h"

#include <fmt/core.h>

#include <fstream>
#include <random>

#include "formats/onnx_bytes.h"

namespace vitro::test {
namespace {

std::vector<float> weights(size_t count, uint32_t seed, float factor) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> even(-factor, factor);
  std::vector<float> values(count);
  for (float& value : values) value = even(random);
  return values;
}

void append(std::string& bytes, uint32_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
}

}  // namespace

void write_small_model(const std::filesystem::path& path, float factor) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {-1, 3, -1, -1})};
  graph.outputs = {onnx_value("y", {-1, 4})};
  graph.initializers = {
      onnx_tensor("w1", {8, 3, 3, 3}, weights(8 * 27, 1, factor)),
      onnx_tensor("b1", {8}, weights(8, 2, 1)), onnx_tensor("w2", {8, 8, 1, 1}, weights(64, 3, 1)),
      onnx_tensor("w3", {4, 8}, weights(32, 4, 1)), onnx_tensor("b3", {4}, weights(4, 5, 1))};
  graph.nodes = {
      onnx_node("Conv", {"x", "w1", "b1"}, {"c"},
                {onnx_attribute("pads", {1, 1, 1, 1}), onnx_attribute("strides", {2, 2})}, "stem"),
      onnx_node("Relu", {"c"}, {"r"}, {}, "act"),
      onnx_node("Conv", {"r", "w2"}, {"m"}, {}, "mix"),
      onnx_node("GlobalAveragePool", {"m"}, {"p"}, {}, "pool"),
      onnx_node("Flatten", {"p"}, {"f"}, {}, "flatten"),
      onnx_node("Gemm", {"f", "w3", "b3"}, {"y"}, {onnx_attribute("transB", 1)}, "head")};
  std::ofstream(path, std::ios::binary) << onnx_model(graph).text();
}

void write_picture(const std::filesystem::path& path, uint32_t seed, bool one_colour) {
  constexpr uint32_t kSide = 32;
  std::string bytes = "BM";
  append(bytes, 54 + kSide * kSide * 3, 4);
  append(bytes, 0, 4);
  append(bytes, 54, 4);
  append(bytes, 40, 4);
  append(bytes, kSide, 4);
  append(bytes, kSide, 4);
  append(bytes, 1, 2);
  append(bytes, 24, 2);
  for (int i = 0; i < 6; ++i) append(bytes, 0, 4);
  std::mt19937 random(seed);
  const uint32_t colour = random();
  for (uint32_t i = 0; i < kSide * kSide; ++i) append(bytes, one_colour ? colour : random(), 3);
  std::ofstream(path, std::ios::binary) << bytes;
}

void write_pictures(const std::filesystem::path& root, int classes, int per_class, uint32_t seed) {
  for (int c = 0; c < classes; ++c) {
    const auto directory = root / std::string(1, static_cast<char>('a' + c));
    std::filesystem::create_directories(directory);
    for (int i = 0; i < per_class; ++i) write_picture(directory / fmt::format("{}.bmp", i), ++seed);
  }
}

}  // namespace vitro::test
