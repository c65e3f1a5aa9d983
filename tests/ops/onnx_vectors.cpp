#include "ops/onnx_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "core/convert.h"
#include "core/mmap_file.h"
#include "formats/safetensors.h"

namespace vitro {
namespace {

double element(DType dtype, const std::byte* bytes, size_t i) {
  const size_t size = dtype_size(dtype);
  float value = 0;
  switch (dtype) {
    case DType::Float32:
    case DType::Float16:
    case DType::BFloat16:
      to_float32(dtype, {bytes + i * size, size}, &value);
      return static_cast<double>(value);
    case DType::Float64: {
      double wide;
      std::memcpy(&wide, bytes + i * size, size);
      return wide;
    }
    default: {
      int64_t integer = 0;
      std::memcpy(&integer, bytes + i * size, size);
      return static_cast<double>(integer);
    }
  }
}

double tolerance(DType dtype) {
  if (dtype == DType::BFloat16) return kOnnxVectorBFloat;
  return dtype == DType::Float16 ? kOnnxVectorHalf : 0.0;
}

std::string difference_of(const TensorEntry& expected, const Tensor& result, double relative) {
  if (result.dtype() != expected.dtype || result.dims() != expected.dims)
    return fmt::format("{} {}, expected {} {}", dtype_name(result.dtype()),
                       to_string(result.dims()), dtype_name(expected.dtype),
                       to_string(expected.dims));
  const auto count = static_cast<size_t>(num_elements(expected.dims));
  relative = std::max(relative, tolerance(expected.dtype));
  for (size_t i = 0; i < count; ++i) {
    const double want = element(expected.dtype, expected.bytes.data(), i);
    const double got = element(expected.dtype, result.bytes().data(), i);
    const bool same = got == want || (std::isnan(got) && std::isnan(want));
    if (!same && !(std::abs(got - want) <= relative * std::max(1.0, std::abs(want))))
      return fmt::format("element {} of {} is {}, expected {}", i, to_string(expected.dims), got,
                         want);
  }
  return "";
}

}  // namespace

void PrintTo(const OnnxVector& vector, std::ostream* out) { *out << vector.name; }

std::vector<OnnxVector> read_onnx_vectors(const std::filesystem::path& path) {
  static std::map<std::string, TensorFile> files;
  TensorFile& file = files[path.string()];
  if (file.tensors.empty()) file = read_safetensors(MappedFile::open(path));
  std::map<std::string, const TensorEntry*> tensors;
  for (const TensorEntry& tensor : file.tensors) tensors[tensor.name] = &tensor;
  const auto take = [&](const std::string& stem, std::vector<TensorEntry>& list) {
    for (size_t i = 0;; ++i) {
      const auto found = tensors.find(fmt::format("{}{}", stem, i));
      if (found == tensors.end()) return;
      list.push_back(*found->second);
    }
  };
  std::vector<OnnxVector> vectors;
  for (const auto& json : nlohmann::json::parse(file.metadata.at("cases"))) {
    OnnxVector vector;
    vector.name = json.at("name");
    vector.ops = json.value("ops", std::vector<std::string>{});
    vector.has_data = json.value("data", true);
    vector.model = tensors.at(vector.name + "/model")->bytes;
    const std::string data = json.value("tensors", vector.name);  // several models may share them
    take(data + "/in", vector.inputs);
    take(data + "/out", vector.outputs);
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

std::string difference(const OnnxVector& vector, const Graph& graph, const Backend& backend,
                       double relative, Precision precision) {
  std::vector<TensorType> types;
  std::vector<Tensor> tensors;
  std::vector<TensorView> inputs, outputs;
  for (const TensorEntry& entry : vector.inputs) {
    types.push_back({entry.dtype, entry.dims});
    Tensor& tensor = tensors.emplace_back(entry.dtype, entry.dims);
    if (!entry.bytes.empty())
      std::memcpy(tensor.bytes().data(), entry.bytes.data(), entry.bytes.size());
    inputs.push_back(tensor.view());
  }
  PlanCache cache;
  const auto executable =
      backend.compile({.graph = graph, .inputs = types, .cache = cache, .precision = precision});
  const size_t first = tensors.size();
  for (const TensorType& type : executable->outputs())
    outputs.push_back(tensors.emplace_back(type.dtype, type.dims).view());
  const auto lane = backend.make_lane({});
  executable->on(*lane)->run(inputs, outputs, nullptr);
  for (size_t i = 0; i < vector.outputs.size(); ++i)
    if (const std::string text = difference_of(vector.outputs[i], tensors[first + i], relative);
        !text.empty())
      return fmt::format("output {}: {}", i, text);
  return "";
}

}  // namespace vitro
