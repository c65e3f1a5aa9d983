#include "models/uniformer_layers.h"

#include <cmath>

#include "core/check.h"
#include "ir/fused_ops.h"

namespace vitro {
namespace {

constexpr float kBatchNormEps = 1e-5f;
constexpr float kEmbeddingNormEps = 1e-5f;
constexpr float kBlockNormEps = 1e-6f;

}  // namespace

ValueId UniFormerLayers::take(const std::string& name, const Dims& dims,
                              const std::string& consumer) {
  return builder_.constant(name, weights_.take(name, dims, consumer));
}

ValueId UniFormerLayers::linear(ValueId x, const std::string& name, int64_t out) {
  const int64_t in = channels(x);
  const ValueId weight = take(name + ".weight", {out, in}, name);
  return builder_.op(OpKind::Linear, {}, {x, weight, take(name + ".bias", {out}, name)}, name);
}

ValueId UniFormerLayers::conv1x1(ValueId x, const std::string& name, int64_t out) {
  const int64_t in = channels(x);
  const ValueId weight = builder_.constant(
      name + ".weight",
      reshaped(weights_.take(name + ".weight", {out, in, 1, 1}, name), {out, in}));
  return builder_.op(OpKind::Linear, {}, {x, weight, take(name + ".bias", {out}, name)}, name);
}

ValueId UniFormerLayers::conv(ValueId x, const std::string& name, int64_t out, int64_t kernel,
                              int64_t stride, int64_t pad) {
  const ValueId weight = builder_.constant(
      name + ".weight", conv_weight_to_ohwi(weights_.take(
                            name + ".weight", {out, channels(x), kernel, kernel}, name)));
  const ConvAttrs attrs{{stride, stride}, {}, {pad, pad}, {pad, pad}};
  return builder_.op(OpKind::Conv, attrs, {x, weight, take(name + ".bias", {out}, name)}, name);
}

ValueId UniFormerLayers::depthwise(ValueId x, const std::string& name, int64_t kernel) {
  const int64_t c = channels(x), pad = kernel / 2;
  const ValueId weight = builder_.constant(
      name + ".weight",
      depthwise_weight_to_hwc(weights_.take(name + ".weight", {c, 1, kernel, kernel}, name)));
  const Conv2dAttrs attrs{{1, 1}, {pad, pad, pad, pad}};
  return builder_.op(OpKind::DepthwiseConv2d, attrs, {x, weight, take(name + ".bias", {c}, name)},
                     name);
}

ValueId UniFormerLayers::batch_norm(ValueId x, const std::string& name) {
  const Dims c{channels(x)};
  const ValueId weight = take(name + ".weight", c, name), bias = take(name + ".bias", c, name);
  const ValueId mean = take(name + ".running_mean", c, name);
  const ValueId variance = take(name + ".running_var", c, name);
  return builder_.op(OpKind::BatchNorm, NormAttrs{kBatchNormEps}, {x, weight, bias, mean, variance},
                     name);
}

ValueId UniFormerLayers::layer_norm(ValueId x, const std::string& name, float eps) {
  const Dims c{channels(x)};
  const ValueId weight = take(name + ".weight", c, name);
  return builder_.op(OpKind::LayerNorm, NormAttrs{eps}, {x, weight, take(name + ".bias", c, name)},
                     name);
}

ValueId UniFormerLayers::block_norm(ValueId x, const std::string& name) {
  return layer_norm(x, name, kBlockNormEps);
}

ValueId UniFormerLayers::embed(ValueId x, size_t stage) {
  const std::string name = fmt::format("patch_embed{}", stage + 1);
  const int64_t out = config_.width[stage];
  // The light models have the convolutional stem in front of patches.
  if (!config_.conv_stem || (config_.token_pruning && stage > 0)) {
    const int64_t patch = stage == 0 ? 4 : 2;
    return layer_norm(conv(x, name + ".proj", out, patch, patch, 0), name + ".norm",
                      kEmbeddingNormEps);
  }
  if (stage > 0) return batch_norm(conv(x, name + ".proj.0", out, 3, 2, 1), name + ".proj.1");
  x = batch_norm(conv(x, name + ".proj.0", out / 2, 3, 2, 1), name + ".proj.1");
  x = builder_.op(UnaryFunction::Gelu, x, name + ".proj.2");
  return batch_norm(conv(x, name + ".proj.3", out, 3, 2, 1), name + ".proj.4");
}

ValueId UniFormerLayers::positional(ValueId x, const std::string& name) {
  return add(x, depthwise(x, name, 3), name);
}

ValueId UniFormerLayers::layer_scale(ValueId x, const std::string& name, bool local) {
  const int64_t c = channels(x);
  const Dims stored = local ? Dims{1, c, 1, 1} : Dims{c};
  const ValueId gamma = builder_.constant(name, reshaped(weights_.take(name, stored, name), {c}));
  return builder_.op(BinaryFunction::Mul, x, gamma, name);
}

ValueId UniFormerLayers::local_block(ValueId x, const std::string& name) {
  const int64_t c = channels(x);
  x = positional(x, name + ".pos_embed");
  ValueId branch = batch_norm(x, name + ".norm1");
  branch = conv1x1(branch, name + ".conv1", c);
  branch = depthwise(branch, name + ".attn", 5);
  branch = conv1x1(branch, name + ".conv2", c);
  if (config_.local_layer_scale) branch = layer_scale(branch, name + ".gamma_1", true);
  x = add(x, branch, name + ".attn");
  branch = batch_norm(x, name + ".norm2");
  branch = conv1x1(branch, name + ".mlp.fc1", mlp_width(x));
  branch = builder_.op(UnaryFunction::Gelu, branch, name + ".mlp.act");
  branch = conv1x1(branch, name + ".mlp.fc2", c);
  if (config_.local_layer_scale) branch = layer_scale(branch, name + ".gamma_2", true);
  return add(x, branch, name + ".mlp");
}

AttentionAttrs UniFormerLayers::attention_attrs(int64_t channels) const {
  const int64_t head_dim = config_.head_dim;
  return {channels / head_dim, head_dim, 1.0f / std::sqrt(static_cast<float>(head_dim))};
}

ValueId UniFormerLayers::attention(ValueId qkv, const std::string& name) {
  return build_attention(builder_, qkv, kAbsent, attention_attrs(channels(qkv) / 3), name);
}

ValueId UniFormerLayers::mlp_branch(ValueId x, const std::string& name) {
  ValueId branch = block_norm(x, name + ".norm2");
  branch = linear(branch, name + ".mlp.fc1", mlp_width(x));
  branch = builder_.op(UnaryFunction::Gelu, branch, name + ".mlp.act");
  return linear(branch, name + ".mlp.fc2", channels(x));
}

}  // namespace vitro
