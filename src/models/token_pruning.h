#pragma once

#include <map>

#include "models/uniformer_layers.h"

namespace vitro {

/// Height and width of images of a model that prunes tokens are multiples of the stride of its last
/// stage, so that no score is left over where four become one, and at least two of them: of less
/// than four tokens none may be kept.
inline constexpr int64_t kPrunedMultiple = 32;
inline constexpr int64_t kLeastPrunedSide = 64;

/// Stages 3 and 4 of the light UniFormers, whose blocks work on half of the tokens (Xu et al.,
/// "Evo-ViT: Slow-Fast Token Evolution for Dynamic Vision Transformer", 2022). A class token rides
/// along; how much it attends to the others, blended over the blocks, is their score. The first
/// block takes all tokens. Every other one keeps the half with the highest scores, of equal ones
/// the first, merges the rest into one token, and adds to all of the rest what it added to that
/// one.
class PrunedStages {
 public:
  /// Both outlive this.
  PrunedStages(const UniFormerConfig& config, UniFormerLayers& layers)
      : config_(config), layers_(layers), builder_(layers.builder()) {}

  /// The blocks of stage 2, and then of 3, on its embedded map [n, h, w, c].
  ValueId stage(ValueId x, size_t stage);

 private:
  /// What a block makes of [class token, tokens, perhaps a merged one], and how much its class
  /// token attends to the tokens, [n, t]; nothing where nobody reads scores any more.
  struct Attended {
    ValueId tokens, class_attention;
  };
  Attended attend(ValueId tokens, const std::string& name, bool has_merged, bool is_last);
  ValueId class_attention(ValueId qkv, bool has_merged, const std::string& name);
  ValueId whole_block(ValueId tokens, const std::string& name);
  ValueId pruned_block(ValueId tokens, const std::string& name, bool is_last);
  ValueId merged(ValueId tokens, ValueId scores, const std::string& name);
  ValueId blended(ValueId scores, ValueId class_attention, const std::string& name);
  ValueId class_token(ValueId x);
  ValueId pooled_scores(ValueId x, const std::string& name);

  // Tokens [begin, end) of [n, t, ...], and several of them one behind the other.
  ValueId part(ValueId x, int64_t begin, int64_t end, const std::string& name);
  ValueId computed_part(ValueId x, ValueId begin, ValueId end, const std::string& name);
  ValueId joined(std::vector<ValueId> parts, const std::string& name);
  ValueId integers(const Ints& values);
  ValueId scaled(ValueId x, float factor, const std::string& name);
  ValueId extent(ValueId x, int64_t axis, const std::string& name);

  const UniFormerConfig& config_;
  UniFormerLayers& layers_;
  GraphBuilder& builder_;
  std::map<Ints, ValueId> integers_;  ///< constants, each made once
  std::map<float, ValueId> factors_;
  ValueId class_token_ = kAbsent;  ///< [n, 1, c]
  ValueId scores_ = kAbsent;       ///< of tokens in the order of the map, [n, t]
};

}  // namespace vitro
