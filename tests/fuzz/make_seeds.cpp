// The seeds that follow a format of this project: they are written by the version that is built, so
// that they are never out of date. usage: make_seeds FOLDER ONNX_VECTORS
#include <fmt/format.h>

#include <fstream>
#include <set>

#include "calibration/calibration_file.h"
#include "core/byte_reader.h"
#include "formats/npy.h"
#include "formats/safetensors.h"
#include "frontend/onnx/import.h"
#include "ir/builder.h"
#include "ir/op_info.h"
#include "ops/onnx_vectors.h"
#include "runtime/evaluate.h"
#include "runtime/internals.h"
#include "runtime/small_plan.h"
#include "runtime/tune.h"

namespace vitro::fuzz {
namespace {

constexpr DType kDTypes[] = {DType::Float32, DType::Float16,    DType::BFloat16,  DType::Float64,
                             DType::Int64,   DType::Int32,      DType::Int16,     DType::Int8,
                             DType::UInt8,   DType::Bool,       DType::UInt16,    DType::UInt32,
                             DType::UInt64,  DType::Float8E4M3, DType::Float8E5M2};

class Folder {
 public:
  explicit Folder(std::filesystem::path root) : root_(std::move(root)) {}

  /// The place of a seed of a target.
  std::filesystem::path of(const std::string& target, const std::string& name) const {
    const std::filesystem::path folder = root_ / (target + "_seeds");
    std::filesystem::create_directories(folder);
    return folder / name;
  }
  void write(const std::string& target, const std::string& name, const std::string& text) const {
    std::ofstream(of(target, name), std::ios::binary) << text;
  }

 private:
  std::filesystem::path root_;
};

Tactics tactics() {
  return {{{"a machine", 1}, {{"an op", {"cpu:mlp_phased", {{"cpu:mlp_phased", 1.5}}}}}}};
}

/// Two inputs, one with ranges, and constants of integers and bytes, dense and with contents.
Plan typed_plan() {
  GraphBuilder builder;
  const ValueId x =
      builder.input("x", {2, 6}, DType::Float32, {{"batch", 1, kOpenExtent, 1}, {"", 6, 6, 1}});
  const ValueId y = builder.input("y", {3}, DType::Int32);
  const auto integers = [&](const char* name, const Dims& dims, std::vector<int64_t> values,
                            DType dtype) {
    return builder.constant(name, make_constant(dims, values, dtype));
  };
  const float step = 0.5f;
  const ValueId scale = builder.constant("scale", make_constant({}, {&step, 1}));
  const ValueId bytes =
      builder.op(OpKind::DequantizeLinear, {},
                 {integers("bytes", {1, 3}, {-7, 0, 9}, DType::Int8), scale}, "dequantize");
  const ValueId columns =
      builder.op(OpKind::Gather, GatherAttrs{1},
                 {x, integers("columns", {3}, {5, 0, 2}, DType::Int64)}, "take");
  const ValueId sum = builder.op(BinaryFunction::Add, columns, bytes, "add");
  auto plan = std::make_shared<PlanData>();
  plan->graph = builder.finish({sum, y}, {"sum", "same"});
  return Internals::plan(std::move(plan));
}

void write_plans(const Folder& folder) {
  const std::string target = "fuzz_plan";
  save(with_tactics(test::small_plan(), tactics()), folder.of(target, "tuned.plan"));
  save(test::small_plan(DType::BFloat16), folder.of(target, "bf16.plan"));
  save(typed_plan(), folder.of(target, "typed.plan"));
}

/// The models above, and a graph of each op from ONNX's vectors.
void write_graphs(const Folder& folder, const std::filesystem::path& vectors) {
  const auto write = [&](const std::string& name, const std::string& json) {
    folder.write("fuzz_graph", name + ".json", json);
  };
  write("small", graph_to_json(Internals::data(test::small_plan()).graph));
  write("small_bf16", graph_to_json(Internals::data(test::small_plan(DType::BFloat16)).graph));
  write("typed", graph_to_json(Internals::data(typed_plan()).graph));
  std::set<std::string> ops;
  for (const OnnxVector& vector : read_onnx_vectors(vectors)) {
    const Graph graph = import_onnx(vector.model, "model.onnx", evaluate_constants);
    bool is_new = false;
    for (const Node& node : graph.nodes) is_new = ops.insert(op_name(node)).second || is_new;
    if (!is_new) continue;
    write(vector.name, graph_to_json(graph));
    folder.write("fuzz_onnx", vector.name + ".onnx", std::string(as_text(vector.model)));
  }
}

void write_arrays(const Folder& folder) {
  std::vector<Tensor> tensors;
  std::vector<TensorEntry> entries;
  for (DType dtype : kDTypes) {
    const Tensor& tensor = tensors.emplace_back(dtype, Dims{2, 3});
    entries.push_back({dtype_name(dtype), dtype, tensor.dims(), tensor.bytes()});
    try {
      write_npy(folder.of("fuzz_npy", fmt::format("{}.npy", dtype_name(dtype))), tensor);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Unsupported) throw;  // numpy does not have it
    }
  }
  write_safetensors(folder.of("fuzz_safetensors", "dtypes.safetensors"), entries, {{"a", "b"}});
}

/// Enough of a model to be found, twice, with wrappers and without a head of the usual name.
void write_checkpoint(const Folder& folder) {
  const std::vector<float> values(8);
  std::vector<TensorEntry> entries;
  for (const char* name :
       {"student.blocks1.0._orig_mod.pos_embed.weight", "student.norm.weight", "fc.weight",
        "fc.bias", "ema.module.blocks3.0.pos_embed.weight", "ema.module.blocks3.0.gamma_1",
        "ema.module.head.weight", "ema.n_averaged"}) {
    const std::string_view view = name;
    const Dims dims = view.ends_with("fc.weight") || view.ends_with("head.weight") ? Dims{2, 4}
                      : view.ends_with("bias")                                     ? Dims{2}
                                                                                   : Dims{4};
    const auto count = static_cast<size_t>(num_elements(dims));
    entries.push_back({name, DType::Float32, dims, std::as_bytes(std::span(values).first(count))});
  }
  write_safetensors(folder.of("fuzz_checkpoint", "two_models.safetensors"), entries, {}, 1);
}

/// In the order in which fuzz_capi.cpp takes them.
void write_calls(const Folder& folder) {
  const auto write = [&](const char* name, const std::vector<int>& bytes) {
    folder.write("fuzz_capi", name, std::string(bytes.begin(), bytes.end()));
  };
  write("wrap", {0, 2, 3, 4, /*int64*/ 4, /*cpu*/ 0, 0});
  write("wrap_scalar", {0, 0, 0, 0, 0});
  write("wrap_empty", {0, 3, 0, 0xff, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0});
  write("dlpack", {1, /*cpu*/ 1, 0, 2, /*float*/ 2, 32, 1, 3, 4, /*strides*/ 1, 4, 1});
  write("dlpack_transposed", {1, 1, 0, 2, 2, 32, 1, 3, 4, 1, 1, 3});
  write("dlpack_cuda", {1, 2, 0, 1, 2, 32, 1, 3, 0});
  write("dlpack_versioned", {2, /*version*/ 1, 0, 1, 0, 1, /*bool*/ 6, 8, 1, 5, 0});
  write("run", {3, 4, 1, 3, 8, 8, 0, 0, 0, 2, 1, 5, 0, 0, 0});
  write("run_two", {3, 4, 2, 3, 8, 12, 0, 0, 0, 2, 2, 5, 0, 0, 0});
  write("run_refused", {3, 4, 1, 3, 8, 9, 0, 0, 0, 2, 1, 5, 3, 0, 0});
}

Calibration calibration() {
  CalibratedInput input;
  input.product = "fc1";
  input.input_names = {"norm_output_0", "norm"};
  input.channels = 2;
  input.rows = 9;
  input.max = 1.5f;
  input.means = {0.5f, 0.25f};
  input.histogram = {0, 1.5, {7, 2}};
  input.ranges = {{CalibrationMethod::MinMax, {{170, 170}, {0, 0}}, 0},
                  {CalibrationMethod::OutputMse, {{150, 190}, {1, 1}, {}}, 0.01, 0.5, 1e-4}};
  return {"small.safetensors",
          "0123456789abcdef",
          "fedcba9876543210",
          9,
          preprocessing_id({}),
          {"9 pictures are few"},
          {input}};
}

}  // namespace
}  // namespace vitro::fuzz

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const vitro::fuzz::Folder folder(argv[1]);
  vitro::fuzz::write_plans(folder);
  vitro::fuzz::write_graphs(folder, argv[2]);
  vitro::fuzz::write_arrays(folder);
  vitro::fuzz::write_checkpoint(folder);
  vitro::fuzz::write_calls(folder);
  folder.write("fuzz_tactics", "tactics.json", vitro::tactics_to_json(vitro::fuzz::tactics()));
  folder.write("fuzz_calibration", "x.calib",
               vitro::calibration_to_json(vitro::fuzz::calibration()));
}
