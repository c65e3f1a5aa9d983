#pragma once

#include <array>
#include <map>
#include <span>
#include <string>

#include "models/weights.h"
#include "vitro/plan.h"

namespace vitro {

/// A member of the UniFormer family (Li et al., "UniFormer: Unifying Convolution and Self-attention
/// for Visual Recognition", 2022). Stages 1 and 2 mix locally, 3 and 4 attend globally.
struct UniFormerConfig {
  std::string name;
  std::array<int64_t, 4> depth;
  std::array<int64_t, 4> width;
  int64_t head_dim;
  bool conv_stem = false;           ///< overlapping 3x3 embeddings with BatchNorm
  bool local_layer_scale = false;   ///< gamma_1, gamma_2 in stages 1 and 2
  bool global_layer_scale = false;  ///< gamma_1, gamma_2 in stages 3 and 4
  bool aux_head = false;            ///< token labelling: logits += 0.5 * max over tokens
  bool token_pruning = false;       ///< the light models: half of the tokens in stages 3 and 4
  int64_t mlp_ratio = 4;            ///< hidden channels of an MLP for each of its input
};

/// What a model is built for.
struct ModelOptions {
  int64_t num_classes = 1000;
  int64_t height = 224;  ///< default input size; other sizes run as well
  int64_t width = 224;
  bool stage_outputs = false;  ///< also return the output of each stage, [n, h, w, c]
};

/// The registry: every architecture Vitro can build by name.
std::span<const UniFormerConfig> model_configs();
/// Throws NotFound, listing the known names.
const UniFormerConfig& find_model(std::string_view name);

/// The parameters of an architecture that shapes of weights do not tell: head_dim.
ArchParams arch_params(const UniFormerConfig& config);
/// Changes them. Throws InvalidArgument for an unknown name, listing the known ones, and for a
/// value that does not fit.
void set_arch_params(UniFormerConfig& config, const ArchParams& params);
/// From "name=number,..."; throws InvalidArgument for other text.
ArchParams parse_arch_params(std::string_view text);

/// Names of tensors that every architecture has: what comes before one of them in a checkpoint is
/// the prefix of a model.
std::span<const std::string_view> landmark_tensors();
/// Whether a tensor of this name lies in a module that a model of the registry, or a relative that
/// is refused, may have; others are not the model's.
bool is_in_model(std::string_view name);

/// Whether a tensor of this name lies in a module that a model has for training alone: the head of
/// the class token. It is the model's, and no part of what is built.
bool is_for_training(std::string_view name);

/// The names and PyTorch shapes of the tensors of a checkpoint.
using TensorShapes = std::map<std::string, Dims>;

/// The architecture that tensors belong to, and what remains a guess.
struct Identification {
  const UniFormerConfig* config = nullptr;
  int64_t num_classes = 0;
  std::string note;  ///< not empty when shapes alone cannot decide (head_dim): says which was taken
};

/// Infers the architecture from shapes alone. Throws Unsupported, saying what was found, when no
/// known architecture has such tensors.
Identification identify_model(const TensorShapes& tensors);

/// What images [n, 3, height, width] may be: any batch, and sides that `multiple` divides.
std::vector<DimRange> image_ranges(int64_t multiple);

/// The graph of an architecture. Input: images [n, 3, height, width]; output: logits
/// [n, num_classes], then the stage outputs if asked for.
Graph build_uniformer(const UniFormerConfig& config, const ModelOptions& options,
                      WeightSource& weights);

}  // namespace vitro
