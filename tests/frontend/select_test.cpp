#include "frontend/checkpoint/select.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "core/temporary_directory.h"
#include "formats/safetensors.h"
#include "frontend/checkpoint/checkpoint.h"
#include "frontend/tensor_set.h"

namespace vitro {
namespace {

using test::add_tensor;
using test::expect_error;
using test::find_tensor;

const TensorFile& shipped() {
  static const TensorFile file = read_safetensors(MappedFile::open(
      std::filesystem::path(VITRO_SOURCE_DIR) / "models/uniformer_small_tiny200.safetensors"));
  return file;
}

/// The shipped weights under other names.
template <typename Rename>
TensorFile renamed(Rename&& rename) {
  TensorFile file = shipped();
  for (TensorEntry& tensor : file.tensors) tensor.name = rename(tensor.name);
  return file;
}

TensorFile prefixed(const std::string& prefix) {
  return renamed([&](const std::string& name) { return prefix + name; });
}

void append(TensorFile& file, const TensorFile& other) {
  file.tensors.insert(file.tensors.end(), other.tensors.begin(), other.tensors.end());
}

SelectedWeights select(TensorFile file, const std::string& key = "") {
  return select_weights(std::move(file), key, "model.pth");
}

/// Nothing but the shipped weights under their own names, whatever else the file held.
void expect_shipped(const SelectedWeights& selected) {
  ASSERT_EQ(selected.file.tensors.size(), shipped().tensors.size());
  std::map<std::string, const std::byte*> found;
  for (const TensorEntry& tensor : selected.file.tensors) found[tensor.name] = tensor.bytes.data();
  for (const TensorEntry& tensor : shipped().tensors)
    EXPECT_EQ(found[tensor.name], tensor.bytes.data()) << tensor.name;
}

bool has_note(const SelectedWeights& selected, const std::string& text) {
  for (const std::string& note : selected.notes)
    if (note.find(text) != std::string::npos) return true;
  return false;
}

/// The weights with other values, as those of another model in the file.
TensorFile others(const std::string& prefix) {
  static std::vector<std::byte> zeros(8 << 20);
  TensorFile file = prefixed(prefix);
  for (TensorEntry& tensor : file.tensors)
    tensor.bytes = std::span(zeros).first(tensor.bytes.size());
  return file;
}

TEST(SelectWeights, LeavesPlainWeightsAlone) {
  const SelectedWeights selected = select(shipped());
  expect_shipped(selected);
  EXPECT_TRUE(selected.notes.empty());
  EXPECT_TRUE(selected.passed_over.empty());
}

TEST(SelectWeights, StripsAnyPrefixAndNamesIt) {
  for (const char* prefix :
       {"module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.", "ema.", "student.",
        "_fsdp_wrapped_module.", "_orig_mod.module.model.", "checkpoint.net.state_dict.",
        "something of one's own/", "x", "blocks.", "head.", "0."}) {
    SCOPED_TRACE(prefix);
    const SelectedWeights selected = select(prefixed(prefix));
    expect_shipped(selected);
    EXPECT_TRUE(has_note(selected, fmt::format("stripped '{}'", prefix)));
  }
}

TEST(SelectWeights, TakesWrappersOutOfNames) {
  const SelectedWeights selected = select(renamed([](const std::string& name) {
    const size_t dot = name.find('.');
    return "module." + name.substr(0, dot) + "._fsdp_wrapped_module._orig_mod" + name.substr(dot);
  }));
  expect_shipped(selected);
  EXPECT_TRUE(has_note(selected, "took wrappers"));
}

TEST(SelectWeights, PassesOverWhatIsNotTheModels) {
  TensorFile file = prefixed("state_dict.model.");
  add_tensor<float>(file, "state_dict.criterion.weight", DType::Float32, {2}, {1, 2});
  add_tensor<float>(file, "optimizer.state.0.exp_avg", DType::Float32, {2}, {1, 2});
  add_tensor<float>(file, "optimizer.state.1.exp_avg", DType::Float32, {2}, {1, 2});
  add_tensor<int64_t>(file, "n_averaged", DType::Int64, {}, {3});
  file.others.push_back({"epoch", OtherEntry::Kind::Data, "", ""});
  file.others.push_back({"optimizer.param_groups", OtherEntry::Kind::Data, "", ""});
  file.others.push_back({"scaler", OtherEntry::Kind::Array, "is sparse", "save it dense"});
  const SelectedWeights selected = select(std::move(file));
  expect_shipped(selected);
  std::map<std::string, int64_t> found;
  for (const PassedOver& entry : selected.passed_over) found[entry.name] = entry.num_tensors;
  EXPECT_EQ(found, (std::map<std::string, int64_t>{{"state_dict.criterion", 1},
                                                   {"optimizer", 2},
                                                   {"n_averaged", 1},
                                                   {"epoch", 0},
                                                   {"scaler", 0}}));
  EXPECT_FALSE(has_note(selected, "passed over")) << "nothing lies right beside the weights";
}

TEST(SelectWeights, SaysWhatItPassesOverBesideTheWeights) {
  TensorFile file = prefixed("model.");
  add_tensor<float>(file, "model.adapter.weight", DType::Float32, {2}, {1, 2});
  add_tensor<int64_t>(file, "model.acc.total", DType::Int64, {}, {3});
  const SelectedWeights selected = select(std::move(file));
  expect_shipped(selected);
  EXPECT_TRUE(has_note(selected,
                       "passed over what the architecture does not have: "
                       "'model.adapter'"));
  EXPECT_EQ(selected.passed_over.size(), 2u);
}

TEST(SelectWeights, TheLedgerStaysStrictInsideOfTheModel) {
  const auto expect_refused = [](const std::string& text, TensorFile file) {
    expect_error(ErrorCode::InvalidArgument, text,
                 [&] { import_tensors(std::move(file), {}, "model.pth"); });
  };
  TensorFile missing = prefixed("net.");
  std::erase_if(missing.tensors, [](const TensorEntry& tensor) {
    return tensor.name == "net.blocks3.2.attn.qkv.bias";
  });
  expect_refused("missing: blocks3.2.attn.qkv.bias", std::move(missing));
  // Those that tell the prefix and the depth are no exception.
  for (const char* name : {"net.blocks1.0.pos_embed.weight", "net.blocks3.7.pos_embed.weight",
                           "net.blocks2.0.norm1.weight", "net.head.bias"}) {
    TensorFile cut = prefixed("net.");
    std::erase_if(cut.tensors, [&](const TensorEntry& tensor) { return tensor.name == name; });
    expect_refused(fmt::format("1 missing, 0 orphaned, 0 misfit\n  missing: {}", name + 4),
                   std::move(cut));
  }
  for (const char* name :
       {"net.blocks3.2.gate.weight", "net.logit_scale", "net.pre_logits.fc.bias"}) {
    TensorFile extra = prefixed("net.");
    add_tensor<float>(extra, name, DType::Float32, {2}, {1, 2});
    expect_refused(fmt::format("orphan: {}", name + 4), std::move(extra));
  }
}

TEST(SelectWeights, TakesTheMovingAverageAsTimmDoes) {
  for (const auto& [average, plain] : {std::pair{"state_dict_ema.", "state_dict."},
                                       {"model_ema.module.", "model."},
                                       {"ema.", "student."},
                                       {"ema.", ""}}) {
    SCOPED_TRACE(average);
    TensorFile file = others(plain);
    append(file, prefixed(average));
    const SelectedWeights selected = select(file);
    expect_shipped(selected);
    EXPECT_TRUE(has_note(selected, "the exponential moving average, as timm does"));
    const std::string key = plain[0] == '\0' ? "." : std::string(plain, strlen(plain) - 1);
    EXPECT_TRUE(has_note(selected, "with --weights-key " + key));

    TensorFile swapped = prefixed(plain);
    append(swapped, others(average));
    expect_shipped(select(swapped, key));
  }
}

TEST(SelectWeights, AsksWhereNoConventionDecides) {
  TensorFile file = prefixed("student.");
  append(file, others("teacher."));
  try {
    select(file);
    ADD_FAILURE() << "expected an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_NE(std::string(e.what()).find("2 models: 'student', 'teacher'"), std::string::npos);
    EXPECT_EQ(e.hint(), "take one of them with --weights-key student or --weights-key teacher");
  }
  expect_shipped(select(file, "student"));
  expect_error(ErrorCode::NotFound, "no weights of a known architecture under the key 'ema'",
               [&] { select(file, "ema"); });
}

TEST(SelectWeights, AModelThatIsNotCompleteIsNoCandidate) {
  TensorFile file = prefixed("student.");
  append(file, others("teacher."));
  std::erase_if(file.tensors,
                [](const TensorEntry& tensor) { return tensor.name == "teacher.norm.weight"; });
  const SelectedWeights selected = select(std::move(file));
  expect_shipped(selected);
  EXPECT_TRUE(has_note(selected,
                       "took the weights under 'student', the only ones that are "
                       "complete; take those under 'teacher' with"));
}

TEST(SelectWeights, ARenamedHeadIsTakenWithANote) {
  for (const auto& [prefix, head] : {std::pair{"", "fc."},
                                     {"", "head.1."},
                                     {"net.", "net.classifier.0."},
                                     {"backbone.", "head.fc."},
                                     {"0.", "1."},
                                     {"model.backbone.", "model.cls_head."}}) {
    SCOPED_TRACE(head);
    const SelectedWeights selected = select(renamed([&](const std::string& name) {
      return name.starts_with("head.") ? head + name.substr(5) : prefix + name;
    }));
    expect_shipped(selected);
    const std::string layer(head, strlen(head) - 1);
    EXPECT_TRUE(has_note(selected, fmt::format("took the layer '{}' for the head", layer)));
    EXPECT_TRUE(selected.passed_over.empty());
  }
}

TEST(SelectWeights, TheHeadTellsWhetherAConfigIsOfThisModel) {
  const test::TemporaryDirectory folder;
  const TensorFile file = renamed([](const std::string& name) {
    return name.starts_with("head.") ? "net.fc." + name.substr(5) : "net.backbone." + name;
  });
  write_safetensors(folder / "model.safetensors", file.tensors, {}, 1);
  const auto crop_pct_beside = [&](int classes) {
    std::ofstream(folder / "config.json") << fmt::format(
        R"({{"architecture": "mine", "num_classes": {}, "crop_pct": 0.5}})", classes);
    const ImportedModel model = import_checkpoint(folder / "model.safetensors");
    return model.info.classifier->preprocessing.crop_pct;
  };
  EXPECT_EQ(crop_pct_beside(200), 0.5);
  EXPECT_EQ(crop_pct_beside(1000), 0.875) << "it is of another model";
}

TEST(SelectWeights, TheHeadIsNotGuessed) {
  const auto without_head = [](const std::string& name) {
    return name.starts_with("head.") ? "fc." + name.substr(5) : name;
  };
  TensorFile two = renamed(without_head);
  for (const char* part : {"weight", "bias"}) {
    two.tensors.push_back(find_tensor(two, fmt::format("fc.{}", part)));
    two.tensors.back().name = fmt::format("cls.{}", part);
  }
  expect_error(ErrorCode::Unsupported, "2 layers that could be the head: 'cls', 'fc'",
               [&] { select(std::move(two)); });
  // More than a linear layer.
  TensorFile deep = renamed(without_head);
  add_tensor<float>(deep, "fc.norm.weight", DType::Float32, {2}, {1, 2});
  expect_error(ErrorCode::Unsupported, "without a classification head",
               [&] { import_tensors(std::move(deep), {}, "model.pth"); });
}

TEST(SelectWeights, RefusesWeightsThatCannotBeRead) {
  TensorFile sparse = prefixed("net.");
  std::erase_if(sparse.tensors,
                [](const TensorEntry& tensor) { return tensor.name == "net.head.weight"; });
  sparse.others.push_back(
      {"net.head.weight", OtherEntry::Kind::Array, "'net.head.weight' is sparse", "densify"});
  expect_error(ErrorCode::Unsupported, "'net.head.weight' is sparse",
               [&] { select(std::move(sparse)); });

  TensorFile quantized = prefixed("net.");
  TensorEntry& head = find_tensor(quantized, "net.head.weight");
  head.dtype = DType::Int8;
  expect_error(ErrorCode::Unsupported, "is quantized: 1 tensors like 'head.weight' are I8",
               [&] { select(std::move(quantized)); });
}

}  // namespace
}  // namespace vitro
