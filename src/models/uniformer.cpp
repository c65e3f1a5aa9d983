#include "core/check.h"
#include "models/token_pruning.h"
#include "models/uniformer_layers.h"

namespace vitro {
namespace {

class UniFormerBuilder {
 public:
  UniFormerBuilder(const UniFormerConfig& config, WeightSource& weights)
      : config_(config), layers_(config, builder_, weights), pruned_(config, layers_) {}

  Graph build(const ModelOptions& options) {
    ValueId x = builder_.input("images", {1, 3, options.height, options.width});
    x = builder_.op(OpKind::Transpose, TransposeAttrs{{0, 2, 3, 1}}, {x}, "images");
    std::vector<ValueId> stages;
    for (size_t stage = 0; stage < 4; ++stage) {
      x = blocks(layers_.embed(x, stage), stage);
      stages.push_back(x);
    }
    std::vector<ValueId> outputs{classify(x, options.num_classes)};
    if (options.stage_outputs) outputs.insert(outputs.end(), stages.begin(), stages.end());
    Graph graph = builder_.finish(std::move(outputs), {"logits"});
    set_ranges(graph, options);
    return graph;
  }

 private:
  ValueId blocks(ValueId x, size_t stage) {
    if (stage >= 2 && config_.token_pruning) return pruned_.stage(x, stage);
    for (int64_t i = 0; i < config_.depth[stage]; ++i) {
      const std::string name = fmt::format("blocks{}.{}", stage + 1, i);
      x = stage < 2 ? layers_.local_block(x, name) : global_block(x, name);
    }
    return x;
  }

  ValueId global_block(ValueId x, const std::string& name) {
    const int64_t c = layers_.channels(x);
    x = layers_.positional(x, name + ".pos_embed");
    ValueId branch = layers_.block_norm(x, name + ".norm1");
    branch = builder_.op(OpKind::Reshape, ReshapeAttrs{{0, -1, c}}, {branch}, name + ".attn");
    branch = layers_.linear(branch, name + ".attn.qkv", 3 * c);
    branch = layers_.attention(branch, name + ".attn");
    branch = layers_.linear(branch, name + ".attn.proj", c);
    if (config_.global_layer_scale) branch = layers_.layer_scale(branch, name + ".gamma_1", false);
    branch = builder_.op(OpKind::ReshapeLike, {}, {branch, x}, name + ".attn");
    x = layers_.add(x, branch, name + ".attn");
    branch = layers_.mlp_branch(x, name);
    if (config_.global_layer_scale) branch = layers_.layer_scale(branch, name + ".gamma_2", false);
    return layers_.add(x, branch, name + ".mlp");
  }

  /// Over the pixels of [n, h, w, c].
  ValueId pooled(ReduceFunction function, ValueId x, const std::string& name) {
    return builder_.op(OpKind::Reduce, ReduceAttrs{function, {1, 2}}, {x}, name);
  }

  ValueId classify(ValueId x, int64_t num_classes) {
    x = layers_.batch_norm(x, "norm");
    const ValueId mean = pooled(ReduceFunction::Mean, x, "head");
    const ValueId logits = layers_.linear(mean, "head", num_classes);
    if (!config_.aux_head) return logits;
    const ValueId tokens = layers_.linear(x, "aux_head", num_classes);
    const ValueId best = pooled(ReduceFunction::Max, tokens, "aux_head");
    const float half = 0.5f;
    const ValueId factor = builder_.constant("aux_head.scale", make_constant({1}, {&half, 1}));
    return layers_.add(logits, builder_.op(BinaryFunction::Mul, best, factor, "aux_head"),
                       "aux_head");
  }

  void set_ranges(Graph& graph, const ModelOptions& options) const {
    const int64_t multiple = config_.token_pruning ? kPrunedMultiple : input_multiple(graph);
    const int64_t least = config_.token_pruning ? kLeastPrunedSide : multiple;
    for (const auto& [side, extent] :
         {std::pair{"height", options.height}, {"width", options.width}}) {
      check(extent % multiple == 0, ErrorCode::InvalidArgument, "{} {} is no multiple of {}", side,
            extent, multiple);
      check(extent >= least, ErrorCode::InvalidArgument, "{} {} of {}, expected at least {}", side,
            extent, config_.name, least);
    }
    std::vector<DimRange>& ranges = graph.inputs[0].dims = image_ranges(multiple);
    ranges[2].min = ranges[3].min = least;
  }

  const UniFormerConfig& config_;
  GraphBuilder builder_;
  UniFormerLayers layers_;
  PrunedStages pruned_;
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
