#include "runtime/export.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "core/check.h"
#include "core/file_io.h"
#include "core/mmap_file.h"
#include "formats/onnx_model.h"
#include "frontend/onnx/import.h"
#include "image/names.h"
#include "passes/pipeline.h"
#include "passes/quantized_products.h"
#include "runtime/evaluate.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/open.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

/// A model before and after the passes.
struct Source {
  Graph read, optimised;
  PlanInfo info;
};

/// Constants as rows: a plan may have them in the form of a backend.
void unpack(const PlanData& plan, Graph& graph) {
  for (Value& value : graph.values)
    if (value.constant) value.constant = plan.cache->rows(*value.constant);
}

Source read_source(const std::filesystem::path& path, const BuildOptions& options) {
  if (is_plan_file(path)) {
    const Plan plan = load(path);
    const PlanData& data = Internals::data(plan);
    Graph graph = data.graph;
    unpack(data, graph);
    return {graph, graph, data.info};
  }
  ImportedModel model = import_model(path, options);
  Source source{model.graph, std::move(model.graph), std::move(model.info)};
  run_passes(source.optimised);
  return source;
}

using Texts = std::map<std::string, std::string>;

/// What read_model_metadata() finds in a file of ours: how pictures become the input, as far as
/// somebody said it, and the classes.
Texts metadata_of(const Classifier& classifier) {
  const Preprocessing& how = classifier.preprocessing;
  const auto is_known = [&](const char* part) {
    const auto origin = classifier.origins.find(part);
    return origin != classifier.origins.end() && origin->second != "default" &&
           origin->second != "none";
  };
  nlohmann::ordered_json pretrained, config;
  pretrained["input_size"] = {3, how.height, how.width};
  if (is_known("crop_pct")) pretrained["crop_pct"] = how.crop_pct;
  if (is_known("crop_mode")) pretrained["crop_mode"] = name_in(kCropModes, how.crop_mode);
  if (is_known("interpolation"))
    pretrained["interpolation"] = name_in(kInterpolations, how.interpolation);
  if (is_known("mean")) pretrained["mean"] = how.mean;
  if (is_known("std")) pretrained["std"] = how.std;
  config["num_classes"] = classifier.num_classes;
  if (!classifier.label_ids.empty()) {
    config["label_names"] = classifier.label_ids;
    for (size_t i = 0; i < classifier.labels.size(); ++i)
      config["label_descriptions"][classifier.label_ids[i]] = classifier.labels[i];
  }
  config["pretrained_cfg"] = pretrained;
  return {{"config", config.dump()}};
}

/// Of an ONNX model what it says itself, whatever that is; `before` gets its nodes by op.
Texts metadata_of_onnx(const std::filesystem::path& path, std::map<std::string, int64_t>& before) {
  const auto file = MappedFile::open(path);
  const onnx::Model model = onnx::parse_model(file->bytes(), file->path());
  for (const onnx::Node& node : model.graph.nodes)
    if (node.op != "Constant") ++before[std::string(node.op)];
  Texts texts;
  for (const auto& [key, value] : model.metadata) texts.emplace(key, value);
  return texts;
}

void expect_same(const std::vector<ResultsAt>& checks, double most) {
  for (const ResultsAt& at : checks) {
    std::string shapes;
    for (const Dims& dims : at.inputs) shapes += (shapes.empty() ? "" : ", ") + to_string(dims);
    check(at.error <= most, ErrorCode::Internal,
          "the model that would be written gives another '{}' for inputs {}: by {:.2e} of its "
          "largest element, expected at most {:.0e}; nothing was written",
          at.output, shapes, at.error, most);
  }
}

/// The elements that lie beside a model, at their offsets.
void write_elements(std::span<const onnx::EncodedModel::Elements> elements, AtomicFile& file) {
  const std::vector<std::byte> zeros(onnx::kExternalAlignment);
  uint64_t end = 0;
  for (const auto& [offset, bytes] : elements) {
    file.write(std::span(zeros).first(static_cast<size_t>(offset - end)));
    file.write(bytes);
    end = offset + bytes.size();
  }
}

}  // namespace

ExportReport export_model(const std::filesystem::path& model, const std::filesystem::path& file,
                          const ExportOptions& options) {
  AtomicFile output(file);  // opened to see whether that is possible, before much time is spent
  const Source source = read_source(model, options.build);
  const bool has_codes = !quantized_products(source.optimised).empty();
  if (options.quantized && !has_codes)
    fail_hint(ErrorCode::InvalidArgument,
              "build a plan with --int8 --calib=CALIBRATION, and export that",
              "'{}' has no products in 8 bits", model.string());
  ExportReport report;
  report.opset = options.opset;
  report.notes = source.info.notes;
  OnnxExportOptions onnx{.opset = options.opset, .metadata = {}};
  if (!is_plan_file(model) && is_onnx_file(model))
    onnx.metadata = metadata_of_onnx(model, report.before);
  else if (source.info.classifier)
    onnx.metadata = metadata_of(*source.info.classifier);
  onnx.data_name = file.filename().string() + ".data";
  onnx.most_bytes = options.most_bytes;
  ExportedOnnx exported =
      export_onnx(source.optimised, input_infos(source.read), output_infos(source.read), onnx);
  const onnx::EncodedModel& files = exported.files;
  std::optional<AtomicFile> data;
  OpenExternalData external{onnx.data_name, nullptr};
  if (!files.external.empty()) {
    report.data_file = file.parent_path() / onnx.data_name;
    data.emplace(report.data_file);
    write_elements(files.external, *data);
    external.file = data->map();
    report.data_bytes = external.file->bytes().size();
  }
  const Graph written = import_onnx(files.bytes, file.string(), evaluate_constants, external);
  report.checks = compare_results(source.read, written);
  expect_same(report.checks, has_codes ? kMostQuantizedExportError : kMostExportError);
  output.write(files.bytes);
  if (data) data->commit();
  output.commit();
  report.after = std::move(exported.nodes);
  report.transposes = std::move(exported.transposes);
  report.bytes = files.bytes.size();
  return report;
}

}  // namespace vitro
