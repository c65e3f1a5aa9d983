#include "runtime/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/builder.h"
#include "models/models.h"
#include "passes/pipeline.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "runtime/small_plan.h"
#include "tolerances.h"

namespace vitro {
namespace {

const Dims kImages{2, 3, 64, 64};

/// Every kind of block and every fold, narrow enough to be fast.
const UniFormerConfig kTiny{.name = "tiny",
                            .depth = {1, 2, 1, 1},
                            .width = {16, 32, 32, 64},
                            .head_dim = 16,
                            .conv_stem = true,
                            .local_layer_scale = true,
                            .global_layer_scale = true,
                            .aux_head = true};

/// Random weights, one of which has another first element.
class MutatedWeights final : public WeightSource {
 public:
  MutatedWeights(std::string name, float value) : name_(std::move(name)), value_(value) {}
  Constant take(const std::string& name, const Dims& dims, std::string_view consumer) override {
    const Constant weight = weights_.take(name, dims, consumer);
    if (name != name_) return weight;
    std::vector<float> values(weight.floats().begin(), weight.floats().end());
    values[0] = value_;
    return make_constant(dims, values);
  }

 private:
  RandomWeights weights_;
  std::string name_;
  float value_;
};

enum class Passes { All, None };

Plan tiny_plan(Passes passes = Passes::All, const std::string& mutated = "", float value = 0) {
  MutatedWeights weights(mutated, value);
  auto plan = std::make_shared<PlanData>();
  plan->graph = build_uniformer(kTiny, {.num_classes = 7, .height = 64, .width = 64}, weights);
  if (passes == Passes::All) run_passes(plan->graph);
  return Internals::plan(std::move(plan));
}

LayerErrors compare(const Session& a, const Session& b) {
  const Tensor images = test::random_images(kImages);
  return compare_layers(a, b, images, images);
}

/// The first layer beyond the bound, as the command line names it.
std::string first_bad(const LayerErrors& errors) {
  const auto bad =
      std::find_if(errors.layers.begin(), errors.layers.end(),
                   [](const LayerError& layer) { return layer.nmse > kFloat32Model.nmse; });
  return bad == errors.layers.end() ? "none" : bad->source;
}

bool has_layer(const LayerErrors& errors, const std::string& source) {
  return std::any_of(errors.layers.begin(), errors.layers.end(),
                     [&](const LayerError& layer) { return layer.source == source; });
}

TEST(Compare, EveryOpOfOnePlanIsComparableOnAnyBackends) {
  const Plan plan = tiny_plan();
  const Session cpu(plan, {"cpu", 2}), reference(plan, {"reference", 1});
  const PlacedProgram a = placed_program(cpu, kImages), b = placed_program(reference, kImages);
  const std::vector<OpMatch> matches = match_ops(a, b);
  EXPECT_EQ(matches.size(), a.ops.size());
  for (const OpMatch& match : matches) {
    EXPECT_TRUE(match.comparable) << match.reason;
    ASSERT_EQ(match.a.size(), 1u);
    EXPECT_EQ(match.b.size(), 1 + a.ops[match.a[0]].earlier.size()) << "what a kernel takes over";
    EXPECT_EQ(a.ops[match.a[0]].node, b.ops[match.b.back()].node);
  }
  const LayerErrors errors = compare(cpu, reference);
  EXPECT_EQ(errors.layers.size(), matches.size()) << "fusions stay as they are";
  EXPECT_EQ(first_bad(errors), "none");
  EXPECT_TRUE(std::any_of(errors.layers.begin(), errors.layers.end(), [](const LayerError& layer) {
    return layer.nmse > 0;
  })) << "something must have been compared";
  EXPECT_EQ(errors.a.steps, 0);
  EXPECT_EQ(errors.b.steps, 0);
  EXPECT_EQ(errors.output_a.dims(), (Dims{2, 7}));
}

TEST(Compare, OpsOfSeveralResultsAndOfIntegers) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", kImages);
  const auto parts = builder.ops(OpKind::Split, SplitAttrs{1, {1, 2}}, {x}, 2, "split");
  const ValueId arg =
      builder.op(OpKind::Arg, ArgAttrs{ArgFunction::Max, 1, true}, {parts[1]}, "arg");
  const ValueId index = builder.op(OpKind::Cast, CastAttrs{DType::Float32}, {arg}, "cast");
  auto data = std::make_shared<PlanData>();
  data->graph = builder.finish({builder.op(BinaryFunction::Add, parts[0], index, "add")});
  const Plan plan = Internals::plan(std::move(data));
  const LayerErrors errors =
      compare(Session(plan, {"reference", 1}), Session(plan, {"reference", 2}));
  EXPECT_EQ(errors.layers.size(), 3u) << "all but the one of integers";
  EXPECT_TRUE(has_layer(errors, "split"));
  EXPECT_EQ(first_bad(errors), "none");
}

/// conv -> relu and conv + x -> relu, as one step each and as several.
TEST(Compare, AStepThatRunsSeveralOpsStandsForThemOnTheOtherSide) {
  const auto node = [](OpKind kind, Attrs attrs, const char* source) {
    Node one;
    one.kind = kind;
    one.attrs = std::move(attrs);
    one.source = source;
    return one;
  };
  const Node conv1 = node(OpKind::Conv, ConvAttrs{}, "conv1"),
             conv2 = node(OpKind::Conv, ConvAttrs{}, "conv2"),
             sum = node(OpKind::Binary, BinaryAttrs{BinaryFunction::Add}, "add"),
             relu = node(OpKind::Unary, UnaryAttrs{UnaryFunction::Relu}, "relu");
  PlacedProgram whole{tiny_plan(), nullptr, {}}, pieces = whole;
  whole.ops.push_back({&conv1, {}, {}, 0, 1, 0});
  whole.ops.push_back({&relu, {&conv2, &sum}, {}, 1, 1, 0});
  for (const Node* one : {&conv1, &conv2, &sum, &relu})
    pieces.ops.push_back({one, {}, {}, pieces.ops.size(), 1, 0});
  for (const bool turned : {false, true}) {
    const auto matches = turned ? match_ops(pieces, whole) : match_ops(whole, pieces);
    ASSERT_EQ(matches.size(), 2u);
    EXPECT_EQ(turned ? matches[1].a : matches[1].b, (std::vector<size_t>{1, 2, 3}));
    for (const OpMatch& match : matches) EXPECT_TRUE(match.comparable) << match.reason;
  }
}

TEST(Compare, AFusedOpStandsForThePlainOnesOfTheOtherSide) {
  const Session fused(tiny_plan(), {"cpu", 2}), plain(tiny_plan(Passes::None), {"reference", 1});
  const PlacedProgram a = placed_program(fused, kImages), b = placed_program(plain, kImages);
  int groups = 0;
  for (const OpMatch& match : match_ops(a, b)) {
    if (match.a.size() != 1 || !a.ops[match.a[0]].node->body) continue;
    ++groups;
    EXPECT_TRUE(match.comparable);
    EXPECT_GT(match.b.size(), 3u) << a.ops[match.a[0]].node->source;
    EXPECT_TRUE(is(*b.ops[match.b.back()].node, BinaryFunction::Add));
  }
  EXPECT_EQ(groups, 2 * (1 + 2 + 1 + 1));
}

TEST(Compare, FoldedWeightsDoNotLookLikeErrors) {
  const Session folded(tiny_plan(), {"cpu", 2}), plain(tiny_plan(Passes::None), {"reference", 1});
  for (const auto& errors : {compare(folded, plain), compare(plain, folded)}) {
    EXPECT_EQ(first_bad(errors), "none");
    for (const char* block : {"blocks1.0.attn", "blocks2.1.mlp", "blocks3.0.attn", "blocks4.0.mlp"})
      EXPECT_TRUE(has_layer(errors, block)) << block;
    EXPECT_TRUE(has_layer(errors, "aux_head")) << "the result of the model";
    // Its batch_norm is folded into it on one side: the values differ lawfully.
    EXPECT_FALSE(has_layer(errors, "patch_embed1.proj.0"));
  }
}

TEST(Compare, NamesTheLayerOfAChangedWeight) {
  const Session a(tiny_plan(Passes::All, "blocks2.1.mlp.fc1.weight", 5.0f), {"cpu", 1});
  const Session b(tiny_plan(), {"cpu", 1});
  EXPECT_EQ(first_bad(compare(a, b)), "blocks2.1.mlp");
  // The same body on both sides: step by step.
  const Session plain_a(a.plan(), {"reference", 1}), plain_b(b.plan(), {"reference", 1});
  EXPECT_EQ(first_bad(compare(plain_a, plain_b)), "blocks2.1.mlp.fc1");
  // One side without any fusion.
  const Session unfused(tiny_plan(Passes::None), {"reference", 1});
  EXPECT_EQ(first_bad(compare(a, unfused)), "blocks2.1.mlp");
}

TEST(Compare, WatchesForNanOnBothSides) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Session a(tiny_plan(Passes::All, "blocks3.0.mlp.fc2.bias", nan), {"cpu", 1});
  const Session b(tiny_plan(), {"cpu", 1});
  const LayerErrors errors = compare(a, b);
  EXPECT_EQ(errors.a.first, "blocks3.0.mlp");
  EXPECT_EQ(errors.a.count, 2 * 4 * 4) << "one channel of each token";
  EXPECT_GT(errors.a.steps, 1);
  EXPECT_EQ(errors.b.steps, 0);
  EXPECT_EQ(first_bad(errors), "blocks3.0.mlp");
  EXPECT_EQ(compare(b, a).b.first, "blocks3.0.mlp");
}

TEST(Compare, DifferentModelsShareWhatTheyShare) {
  const Session a(tiny_plan(), {"cpu", 1}), b(test::small_plan(), {"cpu", 1});
  const std::vector<OpMatch> matches =
      match_ops(placed_program(a, kImages), placed_program(b, kImages));
  EXPECT_TRUE(std::any_of(matches.begin(), matches.end(),
                          [](const OpMatch& match) { return match.reason == "only in A"; }));
  EXPECT_TRUE(std::any_of(matches.begin(), matches.end(),
                          [](const OpMatch& match) { return match.reason == "only in B"; }));
  EXPECT_NO_THROW(compare(a, b));
}

}  // namespace
}  // namespace vitro
