#include "frontend/onnx/import.h"

#include "core/check.h"
#include "core/checksum.h"
#include "core/mmap_file.h"
#include "frontend/checkpoint/format.h"
#include "frontend/onnx/importer.h"
#include "frontend/onnx/table.h"

namespace vitro {
namespace {

constexpr int64_t kChannels = 3;

bool is_picture(const onnx::ValueInfo& info) {
  return info.shape && info.shape->size() == 4 && info.type != onnx::ElementType::Int64;
}

/// The inputs that are given at run time.
std::vector<const onnx::ValueInfo*> given_inputs(const onnx::Model& model) {
  std::set<std::string_view> initialised;
  for (const onnx::Tensor& tensor : model.graph.initializers) initialised.insert(tensor.name);
  std::vector<const onnx::ValueInfo*> inputs;
  for (const onnx::ValueInfo& info : model.graph.inputs)
    if (!initialised.contains(info.name)) inputs.push_back(&info);
  return inputs;
}

/// The pixels that the model says its input has, where it says so.
void take_fixed_size(const onnx::Graph& graph, const onnx::ValueInfo& input,
                     ModelMetadata& metadata, const ClassifierChoices& choices) {
  const auto side = [&](size_t axis, const char* name, int64_t chosen, int& pixels) {
    const auto& extent = (*input.shape)[axis].value;
    if (!extent || *extent <= 0) return;
    if (chosen != 0 && chosen != *extent)
      fail_hint(ErrorCode::InvalidArgument,
                "export the model with open height and width for pictures of other sizes",
                "input '{}': its {} is {}, which cannot become {}", onnx::clean(input.name), name,
                *extent, chosen);
    check(*extent <= kOpenExtent, ErrorCode::InvalidArgument, "input '{}': its {} is {}",
          onnx::clean(input.name), name, *extent);
    pixels = static_cast<int>(*extent);
    metadata.origins["size"] = "model";
  };
  const size_t height = onnx::height_axis(graph, input);
  side(height, "height", choices.height, metadata.preprocessing.height);
  side(height + 1, "width", choices.width, metadata.preprocessing.width);
}

/// What helps when nodes do not fit each other.
std::string size_hint(const onnx::Graph& graph, const onnx::ValueInfo& input, int64_t height,
                      int64_t width) {
  const auto& shape = *input.shape;
  const size_t axis = onnx::height_axis(graph, input);
  if (shape[axis].value && shape[axis + 1].value) return {};
  return fmt::format(
      "the file leaves the size of pictures open, {}x{} was taken; --size HxW takes another, for "
      "vitro run that of vitro build",
      height, width);
}

/// Of a model that is no classifier only the size of its input can be chosen.
void expect_size_alone(ClassifierChoices choices, const std::string& name) {
  choices.height = choices.width = 0;
  check(choices == ClassifierChoices(), ErrorCode::InvalidArgument,
        "'{}': preprocessing and labels are for a model of one input [n, 3, h, w] and results "
        "[n, classes]",
        name);
}

std::map<std::string, std::string> texts_of(const onnx::Model& model) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : model.metadata) texts.emplace(key, value);
  return texts;
}

int64_t count_parameters(const std::vector<WeightRecord>& ledger) {
  int64_t count = 0;
  for (const WeightRecord& entry : ledger)
    if (entry.dtype != DType::Int64 && entry.dtype != DType::Bool)
      count += num_elements(entry.dims);
  return count;
}

/// "ONNX opset 17 by pytorch 2.9.0".
std::string origin_of(const onnx::Model& model) {
  std::string text = "ONNX";
  for (const onnx::Opset& opset : model.opsets)
    text += opset.domain.empty() || opset.domain == "ai.onnx"
                ? fmt::format(" opset {}", opset.version)
                : fmt::format(", {} {}", onnx::clean(opset.domain), opset.version);
  if (!model.producer.empty())
    text +=
        fmt::format(" by {} {}", onnx::clean(model.producer), onnx::clean(model.producer_version));
  return text;
}

void note_newer_opset(const onnx::Model& model, std::vector<std::string>& notes) {
  for (const onnx::Opset& opset : model.opsets)
    if ((opset.domain.empty() || opset.domain == "ai.onnx") && opset.version > onnx::kNewestOpset)
      notes.push_back(fmt::format("opset {} is newer than {}: its ops are taken to mean the same",
                                  opset.version, onnx::kNewestOpset));
}

/// Adds the name of the file to errors, and to what does not fit the hint, where they have none.
template <typename Import>
auto naming(const std::string& name, const std::string& hint, const Import& import) {
  try {
    return import();
  } catch (const Error& error) {
    const std::string text = error.what();
    const bool has_name = text.starts_with("'" + name + "'");
    const bool is_unfit = error.code() == ErrorCode::InvalidArgument && error.hint().empty();
    throw Error(error.code(), has_name ? text : fmt::format("'{}': {}", name, text),
                is_unfit ? hint : error.hint());
  }
}

}  // namespace

bool is_onnx_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  return path.extension() == ".onnx" || onnx::looks_like_onnx(MappedFile::open(path)->bytes());
}

Graph import_onnx(std::span<const std::byte> bytes, const std::string& name,
                  const EvaluateConstants& evaluate, const OpenExternalData& external) {
  const onnx::Model model = onnx::parse_model(bytes, name);
  onnx::TensorData data{std::filesystem::path(name)};
  if (external.file) data.add_external(external.location, external.file);
  return naming(name, {}, [&] { return onnx::Importer(model, data, evaluate).import(224, 224); });
}

namespace {

/// A model in the memory of its file.
struct OpenModel {
  std::shared_ptr<const MappedFile> file;
  onnx::Model model;
};

OpenModel open_onnx(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  check(!file->bytes().empty(), ErrorCode::CorruptFile, "'{}' is empty, expected a model",
        path.string());
  refuse_failed_download(*file);
  onnx::Model model = onnx::parse_model(file->bytes(), file->path());
  return {std::move(file), std::move(model)};
}

int64_t either(int64_t choice, int said) { return choice != 0 ? choice : said; }

}  // namespace

OpenSides open_sides(const std::filesystem::path& path) {
  const OpenModel open = open_onnx(path);
  OpenSides sides;
  for (const onnx::ValueInfo* input : given_inputs(open.model)) {
    if (!is_picture(*input)) continue;
    const size_t height = onnx::height_axis(open.model.graph, *input);
    sides.height |= !(*input->shape)[height].value;
    sides.width |= !(*input->shape)[height + 1].value;
    sides.height_axis = height;
  }
  return sides;
}

OnnxCoverage onnx_coverage(const std::filesystem::path& path, const OnnxOptions& options) {
  const OpenModel open = open_onnx(path);
  onnx::TensorData data(path, open.file);
  onnx::Importer importer(open.model, data, options.evaluate);
  const Preprocessing usual = default_preprocessing();
  try {
    naming(path.string(), {}, [&] {
      return importer.import(either(options.classifier.height, usual.height),
                             either(options.classifier.width, usual.width));
    });
  } catch (const Error&) {
    if (importer.unsupported().empty()) throw;
  }
  return {importer.counts(), importer.unsupported()};
}

ImportedModel import_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  const OpenModel open = open_onnx(path);
  const onnx::Model& model = open.model;
  const std::string name = path.string();
  const auto inputs = given_inputs(model);
  const bool sees = inputs.size() == 1 && is_picture(*inputs[0]);
  ModelMetadata metadata =
      read_model_metadata(path, texts_of(model), 0, decided_parts(options.classifier));
  if (sees)
    naming(name, {},
           [&] { take_fixed_size(model.graph, *inputs[0], metadata, options.classifier); });

  ImportedModel result;
  onnx::TensorData data(path, open.file);
  onnx::Importer importer(model, data, options.evaluate);
  const int64_t height = either(options.classifier.height, metadata.preprocessing.height);
  const int64_t width = either(options.classifier.width, metadata.preprocessing.width);
  const std::string hint = sees ? size_hint(model.graph, *inputs[0], height, width) : "";
  result.graph = naming(name, hint, [&] { return importer.import(height, width); });
  PlanInfo& info = result.info;
  note_newer_opset(model, info.notes);
  info.notes.insert(info.notes.end(), importer.notes().begin(), importer.notes().end());
  const Dims& logits = result.graph.value(result.graph.outputs[0].value).type.dims;
  const Graph& graph = result.graph;
  const bool has_colours = sees && graph.value(graph.inputs[0].value).type.dims[1] == kChannels;
  if (has_colours && logits.size() == 2 && logits[1] >= 1 && logits[1] <= kMaxClasses)
    info.classifier = make_classifier(logits[1], metadata, options.classifier, info.notes, 1);
  else
    expect_size_alone(options.classifier, name);
  info.architecture = origin_of(model);
  info.source = path.filename().string();
  info.source_checksum = checksum(*open.file);
  result.ledger = std::move(importer.ledger());
  info.num_parameters = count_parameters(result.ledger);
  return result;
}

}  // namespace vitro
