#include "frontend/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/convert.h"
#include "core/temporary_directory.h"
#include "formats/safetensors.h"
#include "frontend/tensor_set.h"
#include "models/models.h"

namespace vitro {
namespace {

using test::add_tensor;
using test::expect_error;
using test::find_tensor;

std::filesystem::path shipped_path() {
  return std::filesystem::path(VITRO_SOURCE_DIR) / "models/uniformer_small_tiny200.safetensors";
}

/// The tensors of the shipped checkpoint, to be damaged.
TensorFile shipped_tensors() { return read_safetensors(MappedFile::open(shipped_path())); }

/// Metadata that leaves nothing of the preprocessing to be guessed.
ModelMetadata full_metadata() {
  ModelMetadata metadata;
  for (const char* part : {"size", "crop_pct", "crop_mode", "interpolation", "mean", "std"})
    metadata.origins[part] = "test";
  return metadata;
}

ImportedModel import(TensorFile file, const ModelMetadata& metadata = full_metadata(),
                     const CheckpointOptions& options = {}) {
  return import_tensors(std::move(file), metadata, "model.safetensors", options);
}

void add_aux_head(TensorFile& file) {
  add_tensor(file, "aux_head.weight", DType::Float32, {200, 512}, std::vector<float>(200 * 512));
  add_tensor(file, "aux_head.bias", DType::Float32, {200}, std::vector<float>(200));
}

/// The same weights in float32 (exact) and, cut to its 16 upper bits, in bfloat16.
std::pair<TensorFile, TensorFile> cut_to_bfloat16(const TensorFile& file) {
  TensorFile wide, narrow;
  for (const TensorEntry& tensor : file.tensors) {
    std::vector<float> values(static_cast<size_t>(num_elements(tensor.dims)));
    to_float32(tensor.dtype, tensor.bytes, values.data());
    std::vector<uint16_t> halves(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      uint32_t bits;
      std::memcpy(&bits, &values[i], sizeof bits);
      halves[i] = static_cast<uint16_t>(bits >> 16);
      bits &= 0xFFFF0000u;
      std::memcpy(&values[i], &bits, sizeof bits);
    }
    add_tensor(wide, tensor.name, DType::Float32, tensor.dims, values);
    add_tensor(narrow, tensor.name, DType::BFloat16, tensor.dims, halves);
  }
  return {std::move(wide), std::move(narrow)};
}

void expect_equal_graphs(const Graph& a, const Graph& b) {
  EXPECT_EQ(print(a), print(b));
  ASSERT_EQ(a.values.size(), b.values.size());
  for (size_t i = 0; i < a.values.size(); ++i) {
    if (!a.values[i].constant) continue;
    const auto x = a.values[i].constant->bytes, y = b.values[i].constant->bytes;
    ASSERT_EQ(x.size(), y.size()) << a.values[i].name;
    ASSERT_EQ(std::memcmp(x.data(), y.data(), x.size()), 0) << a.values[i].name;
  }
}

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += note + "\n";
  return text;
}

TEST(ImportCheckpoint, TheShippedModel) {
  const ImportedModel model = import_checkpoint(shipped_path());
  verify(model.graph);
  EXPECT_EQ(model.info.architecture, "uniformer_small");
  EXPECT_EQ(model.info.arch_params.at("head_dim"), 64);
  EXPECT_EQ(model.info.classifier->num_classes, 200);
  EXPECT_EQ(model.info.classifier->preprocessing.crop_pct, 1.0);
  EXPECT_EQ(model.info.classifier->preprocessing.height, 224);
  ASSERT_EQ(model.info.classifier->labels.size(), 200u);
  ASSERT_EQ(model.info.classifier->label_ids.size(), 200u);
  EXPECT_EQ(model.info.classifier->label_ids[0], "n01443537");
  EXPECT_NE(model.info.classifier->labels[0].find("goldfish"), std::string::npos)
      << model.info.classifier->labels[0];
  EXPECT_EQ(model.ledger.size(), 316u);
  EXPECT_EQ(model.info.num_parameters, 21138696);
  EXPECT_TRUE(model.info.notes.empty()) << joined(model.info.notes);
  EXPECT_EQ(model.info.source, "uniformer_small_tiny200.safetensors");
  EXPECT_EQ(model.info.source_checksum.size(), 16u);
  ASSERT_EQ(model.graph.outputs.size(), 1u);
  EXPECT_EQ(model.graph.value(model.graph.outputs[0].value).type.dims, (Dims{1, 200}));
  EXPECT_EQ(model.graph.value(model.graph.inputs[0].value).type.dims, (Dims{1, 3, 224, 224}));
}

TEST(ImportCheckpoint, WithoutMetadataBesideItTheHeaderServes) {
  const test::TemporaryDirectory folder;
  std::filesystem::create_symlink(shipped_path(), folder / "moved.safetensors");
  CheckpointOptions options;
  options.classifier.height = 288;
  options.classifier.width = 352;
  options.stage_outputs = true;
  const ImportedModel model = import_checkpoint(folder / "moved.safetensors", options);
  EXPECT_EQ(model.info.classifier->num_classes, 200);
  EXPECT_EQ(model.info.classifier->preprocessing.crop_pct, 1.0);
  EXPECT_EQ(model.info.classifier->preprocessing.height, 288);
  EXPECT_EQ(model.info.classifier->preprocessing.width, 352);
  EXPECT_TRUE(model.info.classifier->labels.empty());
  EXPECT_EQ(model.graph.value(model.graph.inputs[0].value).type.dims, (Dims{1, 3, 288, 352}));
  ASSERT_EQ(model.graph.outputs.size(), 5u);
  EXPECT_EQ(model.graph.value(model.graph.outputs[4].value).type.dims, (Dims{1, 9, 11, 512}));
}

/// Zeros for all that an architecture takes, as tensors of a file.
class TensorRecorder : public WeightSource {
 public:
  Constant take(const std::string& name, const Dims& dims, std::string_view) override {
    const std::vector<float> zeros(static_cast<size_t>(num_elements(dims)));
    add_tensor(file, name, DType::Float32, dims, zeros);
    return make_constant(dims, zeros);
  }
  TensorFile file;
};

// As their authors save them: with the head of the class token, which takes part in training alone.
TEST(ImportTensors, LightModelsAreKnownByTheirTensors) {
  for (const char* name : {"uniformer_xxs", "uniformer_xs"}) {
    TensorRecorder recorder;
    build_uniformer(find_model(name), {}, recorder);
    const int64_t width = find_model(name).width[3];
    const std::vector<float> matrix(static_cast<size_t>(1000 * width)), vector(1000);
    add_tensor(recorder.file, "head_cls.weight", DType::Float32, {1000, width}, matrix);
    add_tensor(recorder.file, "head_cls.bias", DType::Float32, {1000}, vector);
    add_tensor(recorder.file, "norm_cls.weight", DType::Float32, {width},
               std::vector<float>(static_cast<size_t>(width)));
    const ImportedModel model = import(std::move(recorder.file));
    EXPECT_EQ(model.info.architecture, name);
    EXPECT_EQ(model.info.arch_params.at("head_dim"), find_model(name).head_dim);
    EXPECT_TRUE(model.info.notes.empty()) << joined(model.info.notes);
    ASSERT_EQ(model.info.passed_over.size(), 2u);
    EXPECT_EQ(model.info.passed_over[0].name, "head_cls");
  }
}

TEST(ImportTensors, NarrowTypesGiveTheWeightsTheyHold) {
  const auto [wide, narrow] = cut_to_bfloat16(shipped_tensors());
  expect_equal_graphs(import(wide).graph, import(narrow).graph);
  EXPECT_EQ(import(narrow).ledger[0].dtype, DType::BFloat16);

  TensorFile widened;
  const TensorFile half = shipped_tensors();
  for (const TensorEntry& tensor : half.tensors) {
    std::vector<float> values(static_cast<size_t>(num_elements(tensor.dims)));
    to_float32(tensor.dtype, tensor.bytes, values.data());
    add_tensor(widened, tensor.name, DType::Float32, tensor.dims, values);
  }
  expect_equal_graphs(import(half).graph, import(widened).graph);
}

TEST(ImportTensors, WithoutMetadataTheTensorsAndThePaperDecide) {
  const ImportedModel model = import(shipped_tensors(), {});
  EXPECT_EQ(model.info.architecture, "uniformer_small");
  EXPECT_EQ(model.info.classifier->num_classes, 200);
  EXPECT_EQ(model.info.classifier->preprocessing, default_preprocessing());
}

TEST(ImportTensors, SaysWhichHeadDimItTook) {
  TensorFile file = shipped_tensors();
  add_aux_head(file);
  const ImportedModel guessed = import(file);
  EXPECT_EQ(guessed.info.architecture, "uniformer_small_tl");
  EXPECT_EQ(guessed.info.arch_params.at("head_dim"), 32);
  ASSERT_EQ(guessed.info.notes.size(), 1u);
  EXPECT_NE(guessed.info.notes[0].find("uniformer_small_dim64_tl"), std::string::npos);

  ModelMetadata metadata = full_metadata();
  metadata.architecture = "uniformer_small_dim64_tl.in1k";
  const ImportedModel named = import(file, metadata);
  EXPECT_EQ(named.info.arch_params.at("head_dim"), 64);
  EXPECT_TRUE(named.info.notes.empty()) << joined(named.info.notes);

  CheckpointOptions options;
  options.arch_params = {{"head_dim", 64}};
  const ImportedModel told = import(file, full_metadata(), options);
  EXPECT_EQ(told.info.arch_params.at("head_dim"), 64);
  EXPECT_TRUE(told.info.notes.empty()) << joined(told.info.notes);
}

TEST(ImportTensors, TheUserOverrulesTheMetadata) {
  ModelMetadata metadata = full_metadata();
  metadata.architecture = "uniformer_base";
  CheckpointOptions options;
  options.arch = "uniformer_small";
  EXPECT_EQ(import(shipped_tensors(), metadata, options).info.architecture, "uniformer_small");
}

TEST(ImportTensors, AnUnknownNameFallsBackToTheTensors) {
  ModelMetadata metadata = full_metadata();
  metadata.architecture = "my_finetuned_model";
  metadata.source_path = "config.json";
  const ImportedModel model = import(shipped_tensors(), metadata);
  EXPECT_EQ(model.info.architecture, "uniformer_small");
  ASSERT_EQ(model.info.notes.size(), 1u);
  EXPECT_NE(model.info.notes[0].find("unknown architecture 'my_finetuned_model'"),
            std::string::npos);
}

TEST(ImportTensors, ListsEveryTensorThatDoesNotFit) {
  TensorFile file = shipped_tensors();
  find_tensor(file, "blocks2.1.conv1.bias").name = "blocks2.1.conv1.offset";
  find_tensor(file, "blocks3.4.attn.qkv.bias").dims = {1, 960};
  try {
    import(std::move(file));
    ADD_FAILURE() << "expected an error";
  } catch (const Error& e) {
    const std::string message = e.what();
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    for (const char* part :
         {"'model.safetensors'", "'uniformer_small'", "1 missing, 1 orphaned, 1 misfit",
          "missing: blocks2.1.conv1.bias [128] for blocks2.1.conv1; nearest in the file: "
          "blocks2.1.conv1.offset [128]",
          "orphan: blocks2.1.conv1.offset [128]",
          "misfit: blocks3.4.attn.qkv.bias: found [1x960], expected [960]"})
      EXPECT_NE(message.find(part), std::string::npos) << part << "\n" << message;
  }
}

TEST(ImportTensors, TheWrongArchitectureIsNamedAndTheRightOneHinted) {
  CheckpointOptions options;
  options.arch = "uniformer_large_ls";
  try {
    import(shipped_tensors(), {}, options);
    ADD_FAILURE() << "expected an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_NE(std::string(e.what()).find("'uniformer_large_ls'"), std::string::npos);
    EXPECT_NE(e.hint().find("--arch uniformer_small"), std::string::npos) << e.hint();
  }
  ModelMetadata metadata = full_metadata();
  metadata.architecture = "uniformer_base";
  metadata.source_path = "config.json";
  try {
    import(shipped_tensors(), metadata);
    ADD_FAILURE() << "expected an error";
  } catch (const Error& e) {
    EXPECT_NE(e.hint().find("'config.json' names 'uniformer_base', the tensors look like"),
              std::string::npos)
        << e.hint();
  }
  options.arch = "resnet50";
  expect_error(ErrorCode::NotFound, "resnet50", [&] { import(shipped_tensors(), {}, options); });
}

TEST(ImportTensors, WarnsOfNan) {
  TensorFile file = shipped_tensors();
  std::vector<uint16_t> bias(200, 0x3C00);
  bias[3] = 0x7E00;
  bias[5] = 0xFC00;
  std::erase_if(file.tensors, [](const TensorEntry& tensor) { return tensor.name == "head.bias"; });
  add_tensor(file, "head.bias", DType::Float16, {200}, bias);
  const ImportedModel model = import(std::move(file));
  ASSERT_EQ(model.info.notes.size(), 1u);
  EXPECT_NE(model.info.notes[0].find("not finite in 1 tensors: head.bias (1 NaN, 1 infinite)"),
            std::string::npos)
      << model.info.notes[0];
}

TEST(ImportTensors, BatchNormCountersAreInTheLedger) {
  TensorFile file = shipped_tensors();
  add_tensor<int64_t>(file, "norm.num_batches_tracked", DType::Int64, {}, {1000});
  EXPECT_EQ(import(std::move(file)).ledger.size(), 317u);
}

TEST(ImportTensors, LabelsOfAnotherModelAreDropped) {
  ModelMetadata metadata = full_metadata();
  metadata.num_classes = 2;
  metadata.labels = metadata.label_ids = {"cat", "dog"};
  metadata.origins["labels"] = "test";
  const ImportedModel model = import(shipped_tensors(), metadata);
  EXPECT_TRUE(model.info.classifier->labels.empty());
  EXPECT_TRUE(model.info.classifier->label_ids.empty());
  EXPECT_EQ(model.info.classifier->num_classes, 200);
  EXPECT_EQ(model.info.notes.size(), 2u) << joined(model.info.notes);
}

TEST(ImportTensors, RefusesOptionsThatCannotWork) {
  const auto expect_refused = [](const char* text, const CheckpointOptions& options) {
    expect_error(ErrorCode::InvalidArgument, text, [&] { import(shipped_tensors(), {}, options); });
  };
  expect_refused("head_dim 48 does not divide", {.arch_params = {{"head_dim", 48}}});
  expect_refused("head_dim -64", {.arch_params = {{"head_dim", -64}}});
  expect_refused("has no parameter 'depth', expected head_dim", {.arch_params = {{"depth", 3}}});
  expect_refused("input height 225", {.classifier = {.height = 225}});
  expect_refused("input width -32", {.classifier = {.width = -32}});
  expect_refused("input width 1000000000", {.classifier = {.width = 1'000'000'000}});
}

TEST(ImportTensors, RefusesAHeadThatIsTooLarge) {
  TensorFile file = shipped_tensors();
  TensorEntry& head = find_tensor(file, "head.weight");
  head.dims = {int64_t{1} << 40, 0};
  head.bytes = {};
  expect_error(ErrorCode::InvalidArgument, "1099511627776 classes",
               [&] { import(std::move(file)); });
}

}  // namespace
}  // namespace vitro
