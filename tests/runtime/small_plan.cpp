#include "runtime/small_plan.h"

#include "ir/builder.h"
#include "models/models.h"
#include "models/weights.h"
#include "passes/pipeline.h"
#include "runtime/internals.h"

namespace vitro::test {
namespace {

constexpr int64_t kChannels = 16, kClasses = 5;

class SmallNetwork {
 public:
  Graph build() {
    ValueId x = builder_.input("images", {1, 3, 8, 8}, DType::Float32, image_ranges(4));
    x = builder_.op(OpKind::Transpose, TransposeAttrs{{0, 2, 3, 1}}, {x}, "images");
    x = builder_.op(
        OpKind::Conv, ConvAttrs{{4, 4}, {}, {}, {}, 1},
        {x, weight("embed.weight", {kChannels, 4, 4, 3}), weight("embed.bias", {kChannels})},
        "embed");
    x = local_mixer(x);
    x = builder_.op(
        OpKind::AttentionBlock, AttentionBlockAttrs{2, 8, 0.5f, 1e-6f},
        {x, weight("qkv.weight", {3 * kChannels, kChannels}), weight("qkv.bias", {3 * kChannels}),
         weight("proj.weight", {kChannels, kChannels}), weight("proj.bias", {kChannels})},
        "attention");
    x = builder_.op(OpKind::Mlp, MlpAttrs{true, 1e-6f},
                    {x, weight("fc1.weight", {48, kChannels}), weight("fc1.bias", {48}),
                     weight("fc2.weight", {kChannels, 48}), weight("fc2.bias", {kChannels})},
                    "mlp");
    x = builder_.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, {1, 2}}, {x}, "head");
    x = builder_.op(
        OpKind::Linear, {},
        {x, weight("head.weight", {kClasses, kChannels}), weight("head.bias", {kClasses})}, "head");
    return builder_.finish({x}, {"logits"});
  }

 private:
  ValueId weight(const std::string& name, const Dims& dims) {
    return builder_.constant(name, weights_.take(name, dims, "test"));
  }

  ValueId local_mixer(ValueId x) {
    return builder_.op(
        OpKind::LocalMixer, {},
        {x, weight("pos.weight", {3, 3, kChannels}), weight("pos.bias", {kChannels}),
         weight("conv1.weight", {kChannels, kChannels}), weight("conv1.bias", {kChannels}),
         weight("attn.weight", {5, 5, kChannels}), weight("conv2.weight", {kChannels, kChannels}),
         weight("conv2.bias", {kChannels})},
        "local");
  }

  GraphBuilder builder_;
  RandomWeights weights_;
};

}  // namespace

namespace {

Plan make_plan(DType weights, bool pixels) {
  auto plan = std::make_shared<PlanData>();
  plan->graph = SmallNetwork().build();
  const Preprocessing usual;
  run_passes(plan->graph, {.weights = weights, .pixels = pixels ? &usual : nullptr});
  pack_weights(*plan);
  plan->info.architecture = "small";
  plan->info.arch_params = {{"head_dim", 8}};
  Classifier& classifier = plan->info.classifier.emplace();
  classifier.num_classes = kClasses;
  classifier.preprocessing.width = classifier.preprocessing.height = 8;
  classifier.preprocessing.crop_pct = 0.875;
  classifier.label_ids = {"a", "b", "c", "d", "e"};
  classifier.labels = {"ant", "bee", "cat \"quoted\"", "d\xC3\xB6g", "eel"};
  plan->info.source = "small.safetensors";
  plan->info.notes = {"made for a test"};
  plan->weights = {{"embed.weight", {16, 3, 4, 4}, DType::BFloat16, "embed", "0123456789abcdef"}};
  return Internals::plan(std::move(plan));
}

}  // namespace

Plan small_plan(DType weights) { return make_plan(weights, false); }

Plan small_plan_of_pixels() { return make_plan(DType::Float32, true); }

Graph small_unfused_graph() {
  Graph graph = SmallNetwork().build();
  for (size_t i = graph.nodes.size(); i-- > 0;)
    if (graph.nodes[i].body) inline_body(graph, i);
  return graph;
}

Tensor random_images(const Dims& dims) {
  const Constant values = RandomWeights(3).take("input", dims, "test");
  Tensor images(dims);
  std::copy(values.floats().begin(), values.floats().end(), images.as<float>().begin());
  return images;
}

}  // namespace vitro::test
