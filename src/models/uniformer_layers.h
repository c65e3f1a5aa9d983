#pragma once

#include <string>

#include "ir/builder.h"
#include "models/models.h"

namespace vitro {

/// The layers that UniFormers are made of, with the weights that checkpoints have under `name`.
/// Maps are [n, h, w, c], tokens [n, t, c]; either is the `x` of what works on channels.
class UniFormerLayers {
 public:
  /// All outlive the layers.
  UniFormerLayers(const UniFormerConfig& config, GraphBuilder& builder, WeightSource& weights)
      : config_(config), builder_(builder), weights_(weights) {}

  GraphBuilder& builder() { return builder_; }
  int64_t channels(ValueId x) const { return builder_.dims(x).back(); }
  /// A weight as the checkpoint has it.
  ValueId take(const std::string& name, const Dims& dims, const std::string& consumer);

  ValueId linear(ValueId x, const std::string& name, int64_t out);
  ValueId batch_norm(ValueId x, const std::string& name);
  /// With the epsilon of blocks.
  ValueId block_norm(ValueId x, const std::string& name);
  ValueId add(ValueId a, ValueId b, const std::string& name) {
    return builder_.op(BinaryFunction::Add, a, b, name);
  }
  /// patch_embed1 to 4, for stages 0 to 3: a map of the width of the stage, 4 or 2 times smaller.
  ValueId embed(ValueId x, size_t stage);
  /// x + dw3x3(x) of a map.
  ValueId positional(ValueId x, const std::string& name);
  /// A block of stages 1 and 2, which mixes locally.
  ValueId local_block(ValueId x, const std::string& name);
  /// x * gamma, with gamma stored as [c] or, in the local blocks, as [1, c, 1, 1].
  ValueId layer_scale(ValueId x, const std::string& name, bool local);
  /// What attention of a block makes of the queries, keys and values [n, t, 3 * c] of tokens.
  ValueId attention(ValueId qkv, const std::string& name);
  AttentionAttrs attention_attrs(int64_t channels) const;
  /// fc2(gelu(fc1(norm2(x)))).
  ValueId mlp_branch(ValueId x, const std::string& name);

 private:
  ValueId conv(ValueId x, const std::string& name, int64_t out, int64_t kernel, int64_t stride,
               int64_t pad);
  ValueId conv1x1(ValueId x, const std::string& name, int64_t out);
  ValueId depthwise(ValueId x, const std::string& name, int64_t kernel);
  ValueId layer_norm(ValueId x, const std::string& name, float eps);
  int64_t mlp_width(ValueId x) const { return config_.mlp_ratio * channels(x); }

  const UniFormerConfig& config_;
  GraphBuilder& builder_;
  WeightSource& weights_;
};

}  // namespace vitro
