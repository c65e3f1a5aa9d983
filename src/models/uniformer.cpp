#include <cmath>

#include "core/check.h"
#include "ir/builder.h"
#include "ir/fused_ops.h"
#include "models/models.h"

namespace vitro {
namespace {

constexpr float kBatchNormEps = 1e-5f;
constexpr float kEmbeddingNormEps = 1e-5f;
constexpr float kBlockNormEps = 1e-6f;
constexpr int64_t kMlpRatio = 4;

class UniFormerBuilder {
 public:
  UniFormerBuilder(const UniFormerConfig& config, WeightSource& weights)
      : config_(config), weights_(weights) {}

  Graph build(const ModelOptions& options) {
    ValueId x = builder_.input("images", {1, 3, options.height, options.width});
    x = builder_.op(OpKind::Transpose, TransposeAttrs{{0, 2, 3, 1}}, {x}, "images");
    std::vector<ValueId> stages;
    for (size_t stage = 0; stage < 4; ++stage) {
      x = embed(x, stage);
      for (int64_t i = 0; i < config_.depth[stage]; ++i) {
        const std::string name = fmt::format("blocks{}.{}", stage + 1, i);
        x = stage < 2 ? local_block(x, name) : global_block(x, name);
      }
      stages.push_back(x);
    }
    std::vector<ValueId> outputs{classify(x, options.num_classes)};
    if (options.stage_outputs) outputs.insert(outputs.end(), stages.begin(), stages.end());
    Graph graph = builder_.finish(std::move(outputs), {"logits"});
    const int64_t multiple = input_multiple(graph);
    for (const auto& [side, extent] :
         {std::pair{"height", options.height}, {"width", options.width}})
      check(extent % multiple == 0, ErrorCode::InvalidArgument, "{} {} is no multiple of {}", side,
            extent, multiple);
    graph.inputs[0].dims = image_ranges(multiple);
    return graph;
  }

 private:
  int64_t channels(ValueId x) const { return builder_.dims(x).back(); }

  ValueId take(const std::string& name, const Dims& dims, const std::string& consumer) {
    return builder_.constant(name, weights_.take(name, dims, consumer));
  }

  ValueId linear(ValueId x, const std::string& name, int64_t out) {
    const int64_t in = channels(x);
    const ValueId weight = take(name + ".weight", {out, in}, name);
    return builder_.op(OpKind::Linear, {}, {x, weight, take(name + ".bias", {out}, name)}, name);
  }

  ValueId conv1x1(ValueId x, const std::string& name, int64_t out) {
    const int64_t in = channels(x);
    const ValueId weight = builder_.constant(
        name + ".weight",
        reshaped(weights_.take(name + ".weight", {out, in, 1, 1}, name), {out, in}));
    return builder_.op(OpKind::Linear, {}, {x, weight, take(name + ".bias", {out}, name)}, name);
  }

  ValueId conv(ValueId x, const std::string& name, int64_t out, int64_t kernel, int64_t stride,
               int64_t pad) {
    const ValueId weight = builder_.constant(
        name + ".weight", conv_weight_to_ohwi(weights_.take(
                              name + ".weight", {out, channels(x), kernel, kernel}, name)));
    const ConvAttrs attrs{{stride, stride}, {}, {pad, pad}, {pad, pad}};
    return builder_.op(OpKind::Conv, attrs, {x, weight, take(name + ".bias", {out}, name)}, name);
  }

  ValueId depthwise(ValueId x, const std::string& name, int64_t kernel) {
    const int64_t c = channels(x), pad = kernel / 2;
    const ValueId weight = builder_.constant(
        name + ".weight",
        depthwise_weight_to_hwc(weights_.take(name + ".weight", {c, 1, kernel, kernel}, name)));
    const Conv2dAttrs attrs{{1, 1}, {pad, pad, pad, pad}};
    return builder_.op(OpKind::DepthwiseConv2d, attrs, {x, weight, take(name + ".bias", {c}, name)},
                       name);
  }

  ValueId batch_norm(ValueId x, const std::string& name) {
    const Dims c{channels(x)};
    const ValueId weight = take(name + ".weight", c, name), bias = take(name + ".bias", c, name);
    const ValueId mean = take(name + ".running_mean", c, name);
    const ValueId variance = take(name + ".running_var", c, name);
    return builder_.op(OpKind::BatchNorm, NormAttrs{kBatchNormEps},
                       {x, weight, bias, mean, variance}, name);
  }

  ValueId layer_norm(ValueId x, const std::string& name, float eps) {
    const Dims c{channels(x)};
    const ValueId weight = take(name + ".weight", c, name);
    return builder_.op(OpKind::LayerNorm, NormAttrs{eps},
                       {x, weight, take(name + ".bias", c, name)}, name);
  }

  ValueId add(ValueId a, ValueId b, const std::string& name) {
    return builder_.op(BinaryFunction::Add, a, b, name);
  }

  ValueId embed(ValueId x, size_t stage) {
    const std::string name = fmt::format("patch_embed{}", stage + 1);
    const int64_t out = config_.width[stage];
    if (!config_.conv_stem) {
      const int64_t patch = stage == 0 ? 4 : 2;
      return layer_norm(conv(x, name + ".proj", out, patch, patch, 0), name + ".norm",
                        kEmbeddingNormEps);
    }
    if (stage > 0) return batch_norm(conv(x, name + ".proj.0", out, 3, 2, 1), name + ".proj.1");
    x = batch_norm(conv(x, name + ".proj.0", out / 2, 3, 2, 1), name + ".proj.1");
    x = builder_.op(UnaryFunction::Gelu, x, name + ".proj.2");
    return batch_norm(conv(x, name + ".proj.3", out, 3, 2, 1), name + ".proj.4");
  }

  /// x * gamma, with gamma stored as [c] or, in the local blocks, as [1, c, 1, 1].
  ValueId layer_scale(ValueId x, const std::string& name, bool local) {
    const int64_t c = channels(x);
    const Dims stored = local ? Dims{1, c, 1, 1} : Dims{c};
    const ValueId gamma = builder_.constant(name, reshaped(weights_.take(name, stored, name), {c}));
    return builder_.op(BinaryFunction::Mul, x, gamma, name);
  }

  ValueId local_block(ValueId x, const std::string& name) {
    const int64_t c = channels(x);
    x = add(x, depthwise(x, name + ".pos_embed", 3), name + ".pos_embed");
    ValueId branch = batch_norm(x, name + ".norm1");
    branch = conv1x1(branch, name + ".conv1", c);
    branch = depthwise(branch, name + ".attn", 5);
    branch = conv1x1(branch, name + ".conv2", c);
    if (config_.local_layer_scale) branch = layer_scale(branch, name + ".gamma_1", true);
    x = add(x, branch, name + ".attn");
    branch = batch_norm(x, name + ".norm2");
    branch = conv1x1(branch, name + ".mlp.fc1", kMlpRatio * c);
    branch = builder_.op(UnaryFunction::Gelu, branch, name + ".mlp.act");
    branch = conv1x1(branch, name + ".mlp.fc2", c);
    if (config_.local_layer_scale) branch = layer_scale(branch, name + ".gamma_2", true);
    return add(x, branch, name + ".mlp");
  }

  /// softmax(q k^T / sqrt(head_dim)) v over the tokens of qkv [n, tokens, 3 * c].
  ValueId attention(ValueId qkv, const std::string& name) {
    const int64_t head_dim = config_.head_dim;
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
    return build_attention(builder_, qkv, kAbsent, {channels(qkv) / 3 / head_dim, head_dim, scale},
                           name);
  }

  ValueId global_block(ValueId x, const std::string& name) {
    const int64_t c = channels(x);
    x = add(x, depthwise(x, name + ".pos_embed", 3), name + ".pos_embed");
    ValueId branch = layer_norm(x, name + ".norm1", kBlockNormEps);
    branch = builder_.op(OpKind::Reshape, ReshapeAttrs{{0, -1, c}}, {branch}, name + ".attn");
    branch = linear(branch, name + ".attn.qkv", 3 * c);
    branch = attention(branch, name + ".attn");
    branch = linear(branch, name + ".attn.proj", c);
    if (config_.global_layer_scale) branch = layer_scale(branch, name + ".gamma_1", false);
    branch = builder_.op(OpKind::ReshapeLike, {}, {branch, x}, name + ".attn");
    x = add(x, branch, name + ".attn");
    branch = layer_norm(x, name + ".norm2", kBlockNormEps);
    branch = linear(branch, name + ".mlp.fc1", kMlpRatio * c);
    branch = builder_.op(UnaryFunction::Gelu, branch, name + ".mlp.act");
    branch = linear(branch, name + ".mlp.fc2", c);
    if (config_.global_layer_scale) branch = layer_scale(branch, name + ".gamma_2", false);
    return add(x, branch, name + ".mlp");
  }

  /// Over the pixels of [n, h, w, c].
  ValueId pooled(ReduceFunction function, ValueId x, const std::string& name) {
    return builder_.op(OpKind::Reduce, ReduceAttrs{function, {1, 2}}, {x}, name);
  }

  ValueId classify(ValueId x, int64_t num_classes) {
    x = batch_norm(x, "norm");
    const ValueId mean = pooled(ReduceFunction::Mean, x, "head");
    const ValueId logits = linear(mean, "head", num_classes);
    if (!config_.aux_head) return logits;
    const ValueId tokens = linear(x, "aux_head", num_classes);
    const ValueId best = pooled(ReduceFunction::Max, tokens, "aux_head");
    const float half = 0.5f;
    const ValueId factor = builder_.constant("aux_head.scale", make_constant({1}, {&half, 1}));
    return add(logits, builder_.op(BinaryFunction::Mul, best, factor, "aux_head"), "aux_head");
  }

  const UniFormerConfig& config_;
  WeightSource& weights_;
  GraphBuilder builder_;
};

}  // namespace

std::vector<DimRange> image_ranges(int64_t multiple) {
  return {{"batch", 1, kOpenExtent, 1},
          {"", 3, 3, 1},
          {"height", multiple, kOpenExtent, multiple},
          {"width", multiple, kOpenExtent, multiple}};
}

Graph build_uniformer(const UniFormerConfig& config, const ModelOptions& options,
                      WeightSource& weights) {
  return UniFormerBuilder(config, weights).build(options);
}

}  // namespace vitro
