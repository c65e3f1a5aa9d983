#include "models/models.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/ranges.h>

#include "core/check.h"

namespace vitro {
namespace {

constexpr size_t kMaxExamples = 4;

// Where two rows differ in head_dim alone, identify_model() takes the first.
const std::array<UniFormerConfig, 14> kConfigs{{
    // name, depth, width, head_dim, conv_stem, local/global layer scale, aux_head
    {"uniformer_small", {3, 4, 8, 3}, {64, 128, 320, 512}, 64},
    {"uniformer_small_plus", {3, 5, 9, 3}, {64, 128, 320, 512}, 32, true},
    {"uniformer_small_plus_dim64", {3, 5, 9, 3}, {64, 128, 320, 512}, 64, true},
    {"uniformer_base", {5, 8, 20, 7}, {64, 128, 320, 512}, 64},
    {"uniformer_base_ls", {5, 8, 20, 7}, {64, 128, 320, 512}, 64, false, false, true},
    {"uniformer_small_tl", {3, 4, 8, 3}, {64, 128, 320, 512}, 32, false, false, false, true},
    {"uniformer_small_dim64_tl", {3, 4, 8, 3}, {64, 128, 320, 512}, 64, false, false, false, true},
    {"uniformer_small_plus_tl", {3, 5, 9, 3}, {64, 128, 320, 512}, 32, true, false, false, true},
    {"uniformer_small_plus_dim64_tl",
     {3, 5, 9, 3},
     {64, 128, 320, 512},
     64,
     true,
     false,
     false,
     true},
    {"uniformer_base_tl", {5, 8, 20, 7}, {64, 128, 320, 512}, 32, false, false, false, true},
    {"uniformer_base_dim64_tl", {5, 8, 20, 7}, {64, 128, 320, 512}, 64, false, false, false, true},
    {"uniformer_large_ls", {5, 10, 24, 7}, {128, 192, 448, 640}, 64, false, true, true, true},
    {.name = "uniformer_xxs",
     .depth = {2, 5, 8, 2},
     .width = {56, 112, 224, 448},
     .head_dim = 28,
     .conv_stem = true,
     .token_pruning = true,
     .mlp_ratio = 3},
    {.name = "uniformer_xs",
     .depth = {3, 5, 9, 3},
     .width = {64, 128, 256, 512},
     .head_dim = 32,
     .conv_stem = true,
     .token_pruning = true,
     .mlp_ratio = 3},
}};

constexpr std::array<std::string_view, 4> kLandmarks{
    "blocks1.0.pos_embed.weight", "blocks2.0.pos_embed.weight", "blocks3.0.pos_embed.weight",
    "blocks4.0.pos_embed.weight"};

/// The first parts of the names of tensors. The last row are relatives that are refused.
constexpr std::array<std::string_view, 16> kModules{
    "patch_embed1", "patch_embed2", "patch_embed3", "patch_embed4", "blocks1",  "blocks2",
    "blocks3",      "blocks4",      "norm",         "head",         "aux_head", "cls_token",
    "cls_upsample", "pre_logits",   "head_dist",    "pos_embed"};

constexpr std::array<std::string_view, 2> kTrainingModules{"norm_cls", "head_cls"};

bool has_module(std::span<const std::string_view> modules, std::string_view name) {
  return std::find(modules.begin(), modules.end(), name.substr(0, name.find('.'))) != modules.end();
}

struct Block {
  size_t stage;
  int64_t index;
};

/// The block that a tensor belongs to: "blocks3.4.attn.qkv.bias" is of block 4 of stage 2.
std::optional<Block> parse_block(std::string_view name) {
  constexpr std::string_view kStem = "blocks";
  constexpr int64_t kMaxDepth = 1000;
  if (name.size() < kStem.size() + 3 || !name.starts_with(kStem)) return std::nullopt;
  const char stage = name[kStem.size()];
  const char* const end = name.data() + name.size();
  int64_t index = 0;
  const auto parsed = std::from_chars(name.data() + kStem.size() + 2, end, index);
  const bool is_block = stage >= '1' && stage <= '4' && name[kStem.size() + 1] == '.' &&
                        parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '.' &&
                        index >= 0 && index < kMaxDepth;
  if (!is_block) return std::nullopt;
  return Block{static_cast<size_t>(stage - '1'), index};
}

/// What shapes tell about a UniFormer checkpoint, whether or not some of its tensors are missing.
UniFormerConfig structure_of(const TensorShapes& tensors) {
  UniFormerConfig found{};
  for (const auto& [name, dims] : tensors) {
    const auto block = parse_block(name);
    if (!block) continue;
    found.depth[block->stage] = std::max(found.depth[block->stage], block->index + 1);
    if (name.ends_with(".norm1.weight") && dims.size() == 1) found.width[block->stage] = dims[0];
  }
  found.conv_stem = tensors.contains("patch_embed1.proj.0.weight");
  found.local_layer_scale = tensors.contains("blocks1.0.gamma_1");
  found.global_layer_scale = tensors.contains("blocks3.0.gamma_1");
  found.aux_head = tensors.contains("aux_head.weight");
  found.token_pruning = tensors.contains("cls_token");
  return found;
}

bool same_structure(const UniFormerConfig& a, const UniFormerConfig& b) {
  return a.depth == b.depth && a.width == b.width && a.conv_stem == b.conv_stem &&
         a.local_layer_scale == b.local_layer_scale &&
         a.global_layer_scale == b.global_layer_scale && a.aux_head == b.aux_head &&
         a.token_pruning == b.token_pruning;
}

std::string describe(const UniFormerConfig& config) {
  return fmt::format("depth {}, width {}{}{}{}{}{}", fmt::join(config.depth, ","),
                     fmt::join(config.width, ","), config.conv_stem ? ", convolutional stem" : "",
                     config.local_layer_scale ? ", layer scale in stages 1-2" : "",
                     config.global_layer_scale ? ", layer scale in stages 3-4" : "",
                     config.aux_head ? ", auxiliary head" : "",
                     config.token_pruning ? ", class token" : "");
}

void refuse_relatives(const TensorShapes& tensors) {
  const auto refuse = [](const char* what) {
    fail(ErrorCode::Unsupported, "checkpoint: {}; supported: UniFormer image classification", what);
  };
  if (!tensors.contains("head.weight") && tensors.contains("blocks1.0.pos_embed.weight"))
    refuse("a UniFormer backbone without a classification head");
}

std::string known_architectures() {
  std::string known;
  for (const UniFormerConfig& c : kConfigs) known += (known.empty() ? "" : ", ") + c.name;
  return "known architectures: " + known;
}

/// The first names, so that a reader sees whose tensors they are.
std::string examples(const TensorShapes& tensors) {
  std::string text;
  size_t count = 0;
  for (const auto& [name, dims] : tensors) {
    if (++count > kMaxExamples) return text + ", ...";
    text += fmt::format("{}{:.80} [{}]", text.empty() ? "" : ", ",
                        name.empty() ? "(no name)" : name, to_string(dims));
  }
  return text;
}

}  // namespace

std::span<const UniFormerConfig> model_configs() { return kConfigs; }

std::span<const std::string_view> landmark_tensors() { return kLandmarks; }

bool is_in_model(std::string_view name) { return has_module(kModules, name); }

bool is_for_training(std::string_view name) { return has_module(kTrainingModules, name); }

const UniFormerConfig& find_model(std::string_view name) {
  const auto* config = std::find_if(kConfigs.begin(), kConfigs.end(),
                                    [&](const UniFormerConfig& c) { return c.name == name; });
  if (config != kConfigs.end()) return *config;
  fail_hint(ErrorCode::NotFound, known_architectures(), "unknown architecture '{}'", name);
}

ArchParams arch_params(const UniFormerConfig& config) { return {{"head_dim", config.head_dim}}; }

void set_arch_params(UniFormerConfig& config, const ArchParams& params) {
  for (const auto& [name, value] : params) {
    check(name == "head_dim", ErrorCode::InvalidArgument,
          "{} has no parameter '{}', expected head_dim", config.name, name);
    check(value > 0 && config.width[2] % value == 0 && config.width[3] % value == 0,
          ErrorCode::InvalidArgument,
          "head_dim {} does not divide the widths {} and {} of stages 3 and 4 of {}", value,
          config.width[2], config.width[3], config.name);
    config.head_dim = value;
  }
}

ArchParams parse_arch_params(std::string_view text) {
  ArchParams params;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const size_t equals = std::min(entry.find('='), entry.size());
    const char* const end = entry.data() + entry.size();
    const char* const number = std::min(entry.data() + equals + 1, end);
    int64_t value = 0;
    const auto parsed = std::from_chars(number, end, value);
    check(equals > 0 && parsed.ec == std::errc() && parsed.ptr == end, ErrorCode::InvalidArgument,
          "got '{}', expected a parameter of the architecture like head_dim=32", entry);
    params[std::string(entry.substr(0, equals))] = value;
  }
  return params;
}

Identification identify_model(const TensorShapes& tensors) {
  refuse_relatives(tensors);
  const UniFormerConfig found = structure_of(tensors);
  Identification result;
  std::string alternatives;
  for (const UniFormerConfig& config : kConfigs) {
    if (!same_structure(config, found)) continue;
    if (!result.config)
      result.config = &config;
    else
      alternatives += fmt::format(", {} (head_dim {})", config.name, config.head_dim);
  }
  if (!result.config && found.depth == std::array<int64_t, 4>{})
    fail_hint(ErrorCode::Unsupported, known_architectures(),
              "checkpoint: {} tensors that fit no known architecture: {}", tensors.size(),
              examples(tensors));
  if (!result.config)
    fail_hint(ErrorCode::Unsupported, known_architectures(),
              "checkpoint: {} tensors of a UniFormer that fit no known architecture ({})",
              tensors.size(), describe(found));
  const auto head = tensors.find("head.weight");
  if (head != tensors.end() && !head->second.empty()) result.num_classes = head->second[0];
  if (!alternatives.empty())
    result.note = fmt::format(
        "tensor shapes do not tell head_dim: took {} (head_dim {}); they also fit{}: "
        "--arch NAME decides",
        result.config->name, result.config->head_dim, alternatives.substr(1));
  return result;
}

}  // namespace vitro
