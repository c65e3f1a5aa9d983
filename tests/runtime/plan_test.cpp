#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "core/file_io.h"
#include "core/temporary_directory.h"
#include "floats.h"
#include "formats/safetensors.h"
#include "runtime/internals.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  return read_file(path, size_t{1} << 30);
}

void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_file_atomic(path, bytes);
}

TEST(Plan, RoundTripKeepsEverything) {
  const TemporaryDirectory directory;
  const Plan plan = test::small_plan();
  save(plan, directory / "a.plan");
  const Plan loaded = load(directory / "a.plan");
  EXPECT_EQ(loaded.graph_text(), plan.graph_text());
  EXPECT_EQ(loaded.info().architecture, plan.info().architecture);
  EXPECT_EQ(loaded.info().arch_params, plan.info().arch_params);
  EXPECT_EQ(loaded.classifier().preprocessing, plan.classifier().preprocessing);
  EXPECT_EQ(loaded.classifier().num_classes, plan.classifier().num_classes);
  EXPECT_EQ(loaded.classifier().label_ids, plan.classifier().label_ids);
  EXPECT_EQ(loaded.classifier().labels, plan.classifier().labels);
  EXPECT_EQ(loaded.info().notes, plan.info().notes);
  ASSERT_EQ(loaded.weights().size(), 1u);
  EXPECT_EQ(loaded.weights()[0].dtype, DType::BFloat16);
  EXPECT_EQ(loaded.weights()[0].checksum, plan.weights()[0].checksum);
  const Tensor images = test::random_images({2, 3, 8, 12});
  EXPECT_EQ(test::floats(Session(loaded).run(images)), test::floats(Session(plan).run(images)));
}

TEST(Plan, OriginsAreKeptAndMayBeAbsent) {
  const TemporaryDirectory directory;
  auto data = std::make_shared<PlanData>(Internals::data(test::small_plan()));
  data->info.classifier->origins = {{"mean", "config.json: mean"}, {"size", "flag"}};
  const Origins origins = data->info.classifier->origins;
  save(Internals::plan(std::move(data)), directory / "a.plan");
  EXPECT_EQ(load(directory / "a.plan").classifier().origins, origins);
  const auto file = MappedFile::open(directory / "a.plan");
  TensorFile tensors = read_safetensors(file);
  std::string& info = tensors.metadata.at("info");
  const size_t at = info.find("\"origins\"");
  ASSERT_NE(at, std::string::npos);
  info.replace(at, 9, "\"before\"");  // a plan of a Vitro that did not tell
  EXPECT_TRUE(plan_from_tensors(tensors, file, "old")->info.classifier->origins.empty());
}

QuantizationRecord quantization_record() {
  return {"mse",
          {{.product = "a",
            .stays_float = {},
            .flops = 1e9,
            .clipped = 0.01,
            .alpha = 0.5,
            .nmse = 1e-5,
            .histogram = HistogramSummary{-1, 2, {3, 0, 5}},
            .divergence = 2e-4},
           {.product = "b", .stays_float = {}, .forced = true},
           {.product = "c\xff", .stays_float = "why"}},
          PrecisionSearch{0.5, 200, 64, {{3, 2e9, 100, 0, 7}, {2, 1e9, 106, 0, 1}}, 1}};
}

TEST(Plan, WhatBecameOfProductsIsKeptAndMayBeAbsent) {
  const TemporaryDirectory directory;
  auto data = std::make_shared<PlanData>(Internals::data(test::small_plan()));
  EXPECT_FALSE(data->quantization);
  QuantizationRecord record = quantization_record();
  data->quantization = record;
  save(Internals::plan(data), directory / "a.plan");
  record.products[2].product = "c\xef\xbf\xbd";  // repaired
  EXPECT_EQ(Internals::data(load(directory / "a.plan")).quantization, record);
  data->quantization.reset();
  save(Internals::plan(data), directory / "b.plan");
  EXPECT_FALSE(Internals::data(load(directory / "b.plan")).quantization);
}

TEST(Plan, RecordsOfQuantizationThatCannotBeAreRefused) {
  const std::string whole = quantization_to_json(quantization_record());
  const auto refuse = [&](const std::string& from, const std::string& to,
                          const std::string& message) {
    std::string json = whole;
    const size_t at = json.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << json;
    json.replace(at, from.size(), to);
    expect_error(ErrorCode::CorruptFile, message, [&] { quantization_from_json(json); });
  };
  refuse("\"version\":1", "\"version\":2", "version 2, this Vitro reads version 1");
  refuse("vitro-quantization", "vitro-tactics", "its 'format' is not");
  refuse("\"product\":\"a\"", "\"name\":\"a\"", "product 0: 'product' is missing");
  refuse("\"clipped\":0.01", "\"clipped\":1.5", "'a': 'clipped' is 1.5");
  refuse("\"nmse\":", "\"nmse\":-", "'a': 'nmse' is -1e-05");
  refuse("[3,0,5]", "[3,-1,5]", "'a' 'histogram': 'counts' has -1");
  refuse("\"high\":2", "\"high\":-2", "'high' is -2");
  refuse("\"forced\":true", "\"forced\":1", "'b': 'forced' is number");
  refuse("\"images\":200", "\"images\":0", "'images' is 0");
  refuse("\"top1\":106", "\"top1\":201", "point 1: 'top1' is 201");
  refuse("\"chosen\":1", "\"chosen\":2", "'chosen' is 2, expected 0 to 1");
  refuse("\"products\":[{", "\"products\":[", "not valid JSON");
  for (size_t size = 0; size < whole.size(); size += 7)
    EXPECT_THROW(quantization_from_json(whole.substr(0, size)), Error) << size;
}

TEST(Plan, NamesThatAreNoUtf8AreRepaired) {
  const TemporaryDirectory directory;
  auto data = std::make_shared<PlanData>(Internals::data(test::small_plan()));
  data->info.source = "p\xe2te.safetensors";
  data->info.notes = {"/p\xe2te/config.json: unknown"};
  save(Internals::plan(std::move(data)), directory / "a.plan");
  EXPECT_EQ(load(directory / "a.plan").info().source, "p\xef\xbf\xbdte.safetensors");
}

TEST(Plan, PreprocessingAndLabelsOfTheCallerTakeThePlaceOfItsOwn) {
  const TemporaryDirectory directory;
  const Plan plan = test::small_plan();
  save(plan, directory / "a.plan");
  std::ofstream(directory / "classes.txt") << "v\nw\nx\ny\nz\n";
  BuildOptions options;
  options.height = options.width = 12;
  options.preprocessing.crop_pct = 0.5;
  options.preprocessing.mean = std::array{0.5f, 0.5f, 0.5f};
  options.labels = directory / "classes.txt";
  const Plan changed = load_or_build(directory / "a.plan", options);
  const Preprocessing& pre = changed.classifier().preprocessing;
  EXPECT_EQ(pre.height, 12);
  EXPECT_EQ(pre.crop_pct, 0.5);
  EXPECT_EQ(pre.mean, (std::array{0.5f, 0.5f, 0.5f}));
  EXPECT_EQ(pre.std, plan.classifier().preprocessing.std);
  EXPECT_EQ(changed.classifier().labels.at(4), "z");
  EXPECT_EQ(changed.classifier().origins.at("crop_pct"), "flag");
  EXPECT_FALSE(changed.classifier().origins.contains("std"));
  const Tensor images = test::random_images({2, 3, 12, 12});
  EXPECT_EQ(test::floats(Session(changed).run(images)), test::floats(Session(plan).run(images)));
  options.preprocessing.crop_pct = 2.0;
  expect_error(ErrorCode::InvalidArgument, "crop_pct is 2, expected 0.01 to 1",
               [&] { load_or_build(directory / "a.plan", options); });
}

TEST(Plan, ThatIsNoClassifierRunsAndSaysSo) {
  const TemporaryDirectory directory;
  const Plan classifier = test::small_plan();
  auto data = std::make_shared<PlanData>(Internals::data(classifier));
  data->info.classifier.reset();
  save(Internals::plan(std::move(data)), directory / "plain.plan");
  const Plan loaded = load(directory / "plain.plan");
  EXPECT_FALSE(loaded.info().classifier);
  expect_error(ErrorCode::Unsupported, "the model of 'small.safetensors' is not a classifier",
               [&] { loaded.classifier(); });
  const Tensor images = test::random_images({2, 3, 8, 12});
  EXPECT_EQ(test::floats(Session(loaded).run(images)),
            test::floats(Session(classifier).run(images)));
}

TEST(Plan, WeightsOfBFloat16AreStoredInHalfTheBytes) {
  const TemporaryDirectory directory;
  const Plan plan = test::small_plan(DType::BFloat16);
  save(plan, directory / "half.plan");
  const Plan loaded = load(directory / "half.plan");
  EXPECT_EQ(loaded.graph_text(), plan.graph_text());
  const Tensor images = test::random_images({2, 3, 8, 12});
  EXPECT_EQ(test::floats(Session(loaded).run(images)), test::floats(Session(plan).run(images)));
  save(loaded, directory / "again.plan");
  EXPECT_EQ(bytes_of(directory / "half.plan"), bytes_of(directory / "again.plan"));
  const auto file = MappedFile::open(directory / "half.plan");
  for (const TensorEntry& tensor : read_safetensors(file).tensors) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % 64, 0u) << tensor.name;
    if (tensor.name == "fc1.weight") {
      EXPECT_EQ(tensor.dtype, DType::BFloat16);
      EXPECT_EQ(tensor.bytes.size(), 48u * 16u * 2u);
    }
    if (tensor.name == "fc1.bias") {
      EXPECT_EQ(tensor.dtype, DType::Float32);
    }
  }
}

TEST(Plan, WeightsOfAnotherDTypeThanTheGraphSaysAreRefused) {
  const TemporaryDirectory directory;
  save(test::small_plan(DType::BFloat16), directory / "half.plan");
  const auto file = MappedFile::open(directory / "half.plan");
  TensorFile tensors = read_safetensors(file);
  for (TensorEntry& tensor : tensors.tensors)
    if (tensor.dtype == DType::BFloat16) tensor.dtype = DType::Float16;
  expect_error(ErrorCode::CorruptFile, "are F16 1x16x16, expected BF16 1x16x16",
               [&] { plan_from_tensors(tensors, file, "edited"); });
}

TEST(Plan, AskingForBFloat16OfAFloat32PlanIsRefused) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "whole.plan");
  save(test::small_plan(DType::BFloat16), directory / "half.plan");
  BuildOptions options;
  options.weights = DType::BFloat16;
  expect_error(ErrorCode::InvalidArgument, "whole.plan' has weights in fp32, expected bf16",
               [&] { load_or_build(directory / "whole.plan", options); });
  load_or_build(directory / "half.plan", options);
  options.weights = DType::Int8;
  expect_error(ErrorCode::InvalidArgument, "weights as I8, expected F32 or BF16",
               [&] { build(directory / "none.safetensors", options); });
}

TEST(Plan, SameInputsGiveTheSameBytes) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  save(test::small_plan(), directory / "b.plan");
  save(load(directory / "a.plan"), directory / "c.plan");
  EXPECT_EQ(bytes_of(directory / "a.plan"), bytes_of(directory / "b.plan"));
  EXPECT_EQ(bytes_of(directory / "a.plan"), bytes_of(directory / "c.plan"));
}

TEST(Plan, WeightsAreAlignedInTheFile) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  const auto file = MappedFile::open(directory / "a.plan");
  for (const TensorEntry& tensor : read_safetensors(file).tensors)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % 64, 0u) << tensor.name;
}

TEST(Plan, TruncatedAnywhereIsRefused) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  const auto bytes = bytes_of(directory / "a.plan");
  for (size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 97) {
    write_bytes(directory / "cut.plan", std::span(bytes).first(size));
    EXPECT_THROW(load(directory / "cut.plan"), Error) << size << " of " << bytes.size();
  }
}

TEST(Plan, EveryFlippedBitIsFound) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  auto bytes = bytes_of(directory / "a.plan");
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const size_t at = random() % bytes.size();
    const auto bit = static_cast<std::byte>(1u << (random() % 8));
    bytes[at] ^= bit;
    write_bytes(directory / "flipped.plan", bytes);
    EXPECT_THROW(load(directory / "flipped.plan"), Error) << "byte " << at;
    bytes[at] ^= bit;
  }
}

TEST(Plan, AnotherVersionIsRefusedWithTheCommandThatHelps) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  const auto file = MappedFile::open(directory / "a.plan");
  TensorFile tensors = read_safetensors(file);
  tensors.metadata["plan_version"] = "999";
  write_safetensors(directory / "b.plan", tensors.tensors, tensors.metadata);
  try {
    load(directory / "b.plan");
    ADD_FAILURE() << "version 999 was loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    EXPECT_NE(error.hint().find("vitro build small.safetensors -o"), std::string::npos)
        << error.hint();
  }
}

// Whoever edits a plan can correct its checksum as well: the structure is checked on its own.
TEST(Plan, GraphThatDoesNotFitItsWeightsIsRefused) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  const auto file = MappedFile::open(directory / "a.plan");
  TensorFile tensors = read_safetensors(file);
  const TensorFile whole = tensors;
  tensors.tensors.pop_back();
  expect_error(ErrorCode::CorruptFile, "no weights",
               [&] { plan_from_tensors(tensors, file, "edited"); });
  tensors = whole;
  std::string& graph = tensors.metadata["graph"];
  graph.replace(graph.find("\"linear\""), 8, "\"gelu\"");
  expect_error(ErrorCode::CorruptFile, "gelu", [&] { plan_from_tensors(tensors, file, "edited"); });
}

TEST(Plan, ValuesThatCannotBeAreRefused) {
  const TemporaryDirectory directory;
  save(test::small_plan(), directory / "a.plan");
  const auto file = MappedFile::open(directory / "a.plan");
  const TensorFile whole = read_safetensors(file);
  const auto refuse = [&](const char* text, const std::string& from, const std::string& to,
                          const std::string& message) {
    TensorFile edited = whole;
    std::string& json = edited.metadata[text];
    const size_t at = json.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << json;
    json.replace(at, from.size(), to);
    expect_error(ErrorCode::CorruptFile, message,
                 [&] { plan_from_tensors(edited, file, "edited"); });
  };
  refuse("info", "\"num_classes\":5", "\"num_classes\":1e300", "'num_classes' is 1e+300");
  refuse("info", "\"width\":8", "\"width\":4294967304", "'width' is 4294967304");
  refuse("info", "\"head_dim\":8", "\"head_dim\":true", "'head_dim' is true");
  refuse("info", "{\"head_dim\":8}", "[1]", "plan info");
  refuse("info", "\"classifier\":{", "\"classifier\":{}, \"x\":{", "num_classes");
  refuse("info", "\"a\",", "", "5 labels and 4 ids for 5 classes");
  refuse("info", "\"std\":[", "\"std\":[0,", "'std' has 4 numbers");
  refuse("info", "\"std\":[0.", "\"std\":[-0.", "expected positive numbers");
  refuse("info", "\"mean\":[0.", "\"mean\":[9999999.", "'mean' has 9999999.");
  refuse("info", "\"bicubic\"", "\"cubic\"", "'interpolation' is \"cubic\"");
  refuse("weights", "[16,", "[1e300,", "'shape' is 1e+300");
  refuse("weights", "\"BF16\"", "\"BF17\"", "unknown dtype \"BF17\"");
  refuse("info", "made for a test", std::string(17 << 20, 'x'), "at most 16777216 are read");
}

TEST(Plan, OtherFilesAreNamed) {
  const TemporaryDirectory directory;
  expect_error(ErrorCode::NotFound, "none.plan", [&] { load(directory / "none.plan"); });
  write_safetensors(directory / "weights.safetensors", {}, {});
  expect_error(ErrorCode::CorruptFile, "not a Vitro plan",
               [&] { load(directory / "weights.safetensors"); });
}

TEST(Plan, NothingIsLeftWhenSavingFails) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "taken.plan");
  EXPECT_THROW(save(test::small_plan(), directory / "taken.plan"), Error);
  EXPECT_THROW(save(test::small_plan(), directory / "absent/a.plan"), Error);
  EXPECT_EQ(directory.entries(), std::vector<std::string>{"taken.plan"});
}

}  // namespace
}  // namespace vitro
