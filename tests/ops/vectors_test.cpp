#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "backends/backend.h"
#include "core/convert.h"
#include "core/mmap_file.h"
#include "core/thread_team.h"
#include "formats/safetensors.h"
#include "ir/op_info.h"
#include "ops/cases.h"
#include "tolerances.h"

// ONNX's own node test vectors, which tools/make_onnx_vectors.py exported: an oracle that shares no
// line and no author with the backends.
namespace vitro {
namespace {

struct Vector {
  std::string name;
  Graph graph;
  std::vector<TensorEntry> inputs, outputs;
};
void PrintTo(const Vector& vector, std::ostream* out) { *out << vector.name; }

const TensorFile& vector_file() {
  static const TensorFile file = read_safetensors(
      MappedFile::open(std::string(VITRO_SOURCE_DIR) + "/tests/ops/data/onnx_vectors.safetensors"));
  return file;
}

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> list = [] {
    std::map<std::string, TensorEntry> tensors;
    for (const TensorEntry& tensor : vector_file().tensors) tensors[tensor.name] = tensor;
    std::vector<Vector> result;
    for (const auto& json : nlohmann::json::parse(vector_file().metadata.at("cases"))) {
      Vector vector{json.at("name"), graph_from_json(json.at("graph").dump()), {}, {}};
      for (size_t i = 0; i < vector.graph.inputs.size(); ++i)
        vector.inputs.push_back(tensors.at(fmt::format("{}/in{}", vector.name, i)));
      for (size_t i = 0; i < vector.graph.outputs.size(); ++i)
        vector.outputs.push_back(tensors.at(fmt::format("{}/out{}", vector.name, i)));
      result.push_back(std::move(vector));
    }
    return result;
  }();
  return list;
}

/// 64-byte aligned bytes.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : lines_(bytes / sizeof(Line) + 1) {}
  std::byte* data() { return reinterpret_cast<std::byte*>(lines_.data()); }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines_;
};

std::vector<Buffer> run(const Vector& vector, const Backend& backend) {
  std::vector<TensorType> types;
  std::vector<Buffer> inputs, outputs;
  std::vector<TensorView> in, out;
  for (const TensorEntry& tensor : vector.inputs) {
    types.push_back({tensor.dtype, tensor.dims});
    inputs.emplace_back(tensor.bytes.size());
    if (!tensor.bytes.empty())
      std::memcpy(inputs.back().data(), tensor.bytes.data(), tensor.bytes.size());
    in.push_back({inputs.back().data(), tensor.dtype, tensor.dims, {}});
  }
  PlanCache cache;
  const auto executable = backend.compile({vector.graph, types, cache});
  for (size_t i = 0; i < vector.outputs.size(); ++i) {
    EXPECT_EQ(executable->outputs()[i],
              (TensorType{vector.outputs[i].dtype, vector.outputs[i].dims}));
    outputs.emplace_back(vector.outputs[i].bytes.size());
    out.push_back({outputs.back().data(), vector.outputs[i].dtype, vector.outputs[i].dims, {}});
  }
  const auto lane = backend.make_lane({});
  executable->on(*lane)->run(in, out, nullptr);
  return outputs;
}

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

/// Integers are equal; floats are close, element by element.
std::string difference(const TensorEntry& expected, const std::byte* result) {
  const auto count = static_cast<size_t>(num_elements(expected.dims));
  const double relative = expected.dtype == DType::Float16 ? kOnnxVectorHalf : kOnnxVector;
  for (size_t i = 0; i < count; ++i) {
    const double want = element(expected.dtype, expected.bytes.data(), i);
    const double got = element(expected.dtype, result, i);
    const bool same = got == want || (std::isnan(got) && std::isnan(want));
    if (!same && !(std::abs(got - want) <= relative * std::max(1.0, std::abs(want))))
      return fmt::format("element {} of {} is {}, expected {}", i, to_string(expected.dims), got,
                         want);
  }
  return "";
}

class OnnxVectors : public testing::TestWithParam<Vector> {};

TEST_P(OnnxVectors, GiveTheExpectedResults) {
  for (const char* name : {"reference", "cpu"}) {
    const BackendRow* row = nullptr;
    for (const BackendRow& candidate : backend_rows())
      if (std::string_view(candidate.name) == name) row = &candidate;
    ASSERT_NE(row, nullptr) << name;
    if (!row->backend) continue;
    std::vector<Buffer> results = run(GetParam(), *row->backend);
    for (size_t i = 0; i < results.size(); ++i)
      EXPECT_EQ(difference(GetParam().outputs[i], results[i].data()), "") << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, OnnxVectors, testing::ValuesIn(vectors()),
                         [](const auto& param_info) { return param_info.param.name; });

TEST(OnnxVectorsOfEveryOp, OrCasesByHand) {
  std::map<std::string, int> counts;
  for (const Vector& vector : vectors())
    for (const Node& node : vector.graph.nodes) ++counts[op_name(node)];
  std::set<std::string> by_hand;
  for (const OpCase& op_case : op_cases()) by_hand.insert(op_name(op_case.build().nodes.at(0)));
  for (int kind = 0; kind < kNumOpKinds; ++kind)
    for (const char* name : op_names(op_info(static_cast<OpKind>(kind)))) {
      if (counts.contains(name)) std::printf("%-20s %d vectors\n", name, counts.at(name));
      const bool has_meaning = static_cast<OpKind>(kind) != OpKind::Foreign;
      EXPECT_TRUE(!has_meaning || counts.contains(name) || by_hand.contains(name))
          << name << " has neither a vector nor a case";
    }
}

}  // namespace
}  // namespace vitro
