// Rewrites that would change the result, and so must not happen.
#include <gtest/gtest.h>

#include "passes/graphs.h"
#include "passes/passes.h"

namespace vitro::test {
namespace {

void expect_untouched(void (*pass)(Graph&), Graph graph) {
  const std::string before = print(graph);
  pass(graph);
  EXPECT_EQ(print(graph), before);
}

/// A weight that is known at run time only.
ValueId input_weight(GraphBuilder& builder, const std::string& name, const Dims& dims) {
  return builder.input(name, dims);
}

TEST(DepthwiseResidual, StaysWhenTheConvolutionIsReadElsewhere) {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 4, 3}), a = m.depthwise(x, "a", 3), sum = m.add(x, a);
  expect_untouched(fold_depthwise_residual, m.finish({m.mul(sum, a)}));
}

TEST(DepthwiseResidual, StaysWhenTheConvolutionIsAnOutput) {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 4, 3}), a = m.depthwise(x, "a", 3);
  expect_untouched(fold_depthwise_residual, m.finish({m.add(x, a), a}));
}

TEST(DepthwiseResidual, StaysWhenTheOtherOperandIsNotTheInput) {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 4, 3}), other = m.gelu(x);
  expect_untouched(fold_depthwise_residual, m.finish({m.add(other, m.depthwise(x, "a", 3))}));
}

TEST(DepthwiseResidual, StaysWhenTheKernelHasNoCentre) {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 4, 3});
  const ValueId even = m.depthwise(x, "even", {2, 2, 3}, {{1, 1}, {1, 1, 0, 0}});
  const ValueId shifted = m.depthwise(x, "shifted", {3, 3, 3}, {{1, 1}, {2, 1, 0, 1}});
  expect_untouched(fold_depthwise_residual, m.finish({m.add(x, even), m.add(shifted, x)}));
}

TEST(DepthwiseResidual, StaysWhenTheWeightIsNotConstant) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 4, 4, 3});
  const ValueId weight = input_weight(builder, "w", {3, 3, 3});
  const ValueId a =
      builder.op(OpKind::DepthwiseConv2d, Conv2dAttrs{{1, 1}, {1, 1, 1, 1}}, {x, weight}, "a");
  const ValueId sum = builder.op(BinaryFunction::Add, x, a, "add");
  expect_untouched(fold_depthwise_residual, builder.finish({sum}));
}

TEST(LayerScale, StaysWhenTheLinearIsReadElsewhere) {
  GraphMaker m;
  const ValueId a = m.linear(m.input({1, 3, 4}), "a", 5), scaled = m.mul(a, m.weight("gamma", {5}));
  expect_untouched(fold_layer_scale, m.finish({m.add(scaled, a)}));
}

TEST(LayerScale, StaysWhenTheFactorIsAnActivation) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 4});
  expect_untouched(fold_layer_scale, m.finish({m.mul(m.linear(x, "a", 4), x)}));
}

TEST(LayerScale, StaysWhenTheFactorDiffersByPosition) {
  GraphMaker m;
  const ValueId a = m.linear(m.input({1, 3, 4}), "a", 5);
  expect_untouched(fold_layer_scale, m.finish({m.mul(a, m.weight("gamma", {1, 3, 5}))}));
}

TEST(LayerScale, StaysWhenAMaximumHasAFactorThatIsNotPositive) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 2, 4});
  const ValueId a = m.reduce(ReduceFunction::Max, m.linear(x, "a", 5), {1, 2});
  const ValueId b = m.reduce(ReduceFunction::Max, m.linear(x, "b", 5), {1, 2});
  expect_untouched(fold_layer_scale, m.finish({m.mul(a, m.scalar("minus", -0.5f)),
                                               m.mul(b, m.weight("gamma", {5}, -1.0f, 0.5f))}));
}

TEST(LayerScale, StaysWhenTheChannelsAreReduced) {
  GraphMaker m;
  const ValueId a = m.reduce(ReduceFunction::Mean, m.linear(m.input({1, 3, 4}), "a", 5), {2});
  expect_untouched(fold_layer_scale, m.finish({m.mul(a, m.weight("gamma", {3}))}));
}

TEST(LayerScale, StaysWhenAReshapeMovesTheChannels) {
  GraphMaker m;
  const ValueId a = m.linear(m.input({1, 3, 4}), "a", 6);
  const ValueId flat = m.op(OpKind::Reshape, ReshapeAttrs{{0, 6, 3}}, {a}, "flat");
  expect_untouched(fold_layer_scale, m.finish({m.mul(flat, m.weight("gamma", {3}))}));
}

TEST(PooledBatchNorm, StaysWhenTheChannelsArePooled) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({2, 3, 2, 4}), "norm");
  expect_untouched(fold_pooled_batch_norm, m.finish({m.reduce(ReduceFunction::Mean, x, {2, 3})}));
}

TEST(PooledBatchNorm, StaysWhenTheNormIsNeededAnyway) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({2, 3, 2, 4}), "norm");
  const ValueId y = m.batch_norm(m.input({2, 3, 2, 4}), "norm2");
  expect_untouched(fold_pooled_batch_norm,
                   m.finish({m.reduce(ReduceFunction::Mean, x, {1, 2}), m.gelu(x),
                             m.reduce(ReduceFunction::Mean, y, {1, 2}), y}));
}

TEST(PooledBatchNorm, StaysBehindAConvolutionThatTakesIt) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.conv(m.input({2, 3, 2, 4}), "conv", 5, 1, 1, 0), "norm");
  expect_untouched(fold_pooled_batch_norm, m.finish({m.reduce(ReduceFunction::Mean, x, {1, 2})}));
}

TEST(BatchNorm, StaysBeforeAPaddedConvolution) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({1, 4, 4, 3}), "norm");
  expect_untouched(fold_batch_norm,
                   m.finish({m.conv(x, "conv", 4, 3, 1, 1), m.depthwise(x, "depthwise", 3)}));
}

TEST(BatchNorm, StaysWhenOneReaderCannotTakeIt) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({1, 4, 4, 3}), "norm");
  expect_untouched(fold_batch_norm, m.finish({m.linear(x, "a", 4), m.gelu(x)}));
}

TEST(BatchNorm, StaysWhenItIsAnOutput) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({1, 4, 4, 3}), "norm");
  expect_untouched(fold_batch_norm, m.finish({m.linear(x, "a", 4), x}));
}

TEST(BatchNorm, StaysWhenTheConvolutionIsReadElsewhere) {
  GraphMaker m;
  const ValueId x = m.conv(m.input({1, 4, 4, 3}), "conv", 3, 3, 1, 1);
  expect_untouched(fold_batch_norm, m.finish({m.add(m.batch_norm(x, "norm"), x)}));
}

TEST(BatchNorm, StaysWhenAReshapeMovesTheChannels) {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({1, 4, 4, 3}), "norm");
  const ValueId flat = m.op(OpKind::Reshape, ReshapeAttrs{{0, 8, 6}}, {x}, "flat");
  expect_untouched(fold_batch_norm, m.finish({m.linear(flat, "a", 4)}));
}

TEST(BatchNorm, StaysWhenTheWeightOfTheLinearIsNotConstant) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  const std::vector<float> ones(3, 1.0f);
  std::vector<ValueId> operands{x};
  for (const char* name : {"weight", "bias", "mean", "variance"})
    operands.push_back(builder.constant(name, make_constant({3}, ones)));
  const ValueId norm = builder.op(OpKind::BatchNorm, NormAttrs{1e-5f}, operands, "norm");
  const ValueId weight = input_weight(builder, "w", {4, 3});
  const ValueId result = builder.op(OpKind::Linear, {}, {norm, weight}, "a");
  expect_untouched(fold_batch_norm, builder.finish({result}));
}

TEST(BatchNorm, StaysWhenItsVarianceIsNegative) {
  GraphBuilder builder;
  const std::vector<float> minus(3, -1.0f);
  std::vector<ValueId> operands{builder.input("x", {2, 3})};
  for (const char* name : {"weight", "bias", "mean", "variance"})
    operands.push_back(builder.constant(name, make_constant({3}, minus)));
  const ValueId norm = builder.op(OpKind::BatchNorm, NormAttrs{1e-5f}, operands, "norm");
  const ValueId weight = builder.constant("w", make_constant({1, 3}, minus));
  const ValueId result = builder.op(OpKind::Linear, {}, {norm, weight}, "a");
  expect_untouched(fold_batch_norm, builder.finish({result}));
}

TEST(LayerNormAffine, StaysWhenOneReaderCannotTakeIt) {
  GraphMaker m;
  const ValueId x = m.layer_norm(m.input({1, 4, 4, 3}), "norm");
  expect_untouched(fold_layer_norm_affine, m.finish({m.linear(x, "a", 4), m.depthwise(x, "b", 3)}));
}

TEST(LayerNormAffine, StaysWhenTheReshapeIsAnOutput) {
  GraphMaker m;
  const ValueId x = m.tokens(m.layer_norm(m.input({1, 4, 4, 3}), "norm"));
  expect_untouched(fold_layer_norm_affine, m.finish({m.linear(x, "a", 4), x}));
}

TEST(DepthwiseBias, StaysWhenOneReaderCannotTakeIt) {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 4, 4, 3}), "depthwise", 3);
  expect_untouched(fold_depthwise_bias,
                   m.finish({m.linear(x, "a", 4), m.conv(x, "b", 3, 3, 1, 1)}));
}

TEST(Attention, StaysWhenThePartsAreSwapped) {
  GraphMaker m;
  const ValueId qkv = m.input({2, 5, 24});
  const ValueId k = m.heads(qkv, 8, 4), q = m.heads(qkv, 0, 4), v = m.heads(qkv, 16, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {k, q}, "scores");
  expect_untouched(fuse_attention,
                   m.finish({m.merge(m.op(OpKind::Softmax, {}, {scores}, "softmax"), v)}));
}

TEST(Attention, StaysWhenThePartsHaveTwoSources) {
  GraphMaker m;
  const ValueId qkv = m.input({2, 5, 24}), other = m.gelu(qkv);
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, 8, 4), v = m.heads(other, 16, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  expect_untouched(fuse_attention,
                   m.finish({m.merge(m.op(OpKind::Softmax, {}, {scores}, "softmax"), v)}));
}

TEST(Attention, StaysWhenTheWeightsAreReadElsewhere) {
  GraphMaker m;
  const ValueId qkv = m.input({2, 5, 24});
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, 8, 4), v = m.heads(qkv, 16, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  const ValueId weights = m.op(OpKind::Softmax, {}, {scores}, "softmax");
  expect_untouched(fuse_attention, m.finish({m.merge(weights, v), weights}));
}

// Neither is made of one row of the scores alone.
TEST(RowsOfAttention, StayWhenTheyAreSeveralOrColumns) {
  GraphMaker m;
  const ValueId qkv = m.input({2, 5, 24});
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, 8, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  const ValueId weights = m.op(OpKind::Softmax, {}, {scores}, "softmax");
  const ValueId two = m.op(OpKind::Slice, slice_of(2, 0, 2), {weights}, "two");
  const ValueId column = m.op(OpKind::Slice, slice_of(3, 0, 1), {weights}, "column");
  expect_untouched(take_rows_early, m.finish({two, column}));
}

TEST(AttentionScale, StaysWhenTheProjectionIsReadElsewhere) {
  GraphMaker m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  const AttentionAttrs attrs{2, 4, 0.5f};
  expect_untouched(fold_attention_scale,
                   m.finish({m.op(OpKind::Attention, attrs, {qkv}, "attention"), qkv}));
}

/// x + branch, where the branch normalises `inner`, attends and takes the shape of `like`.
ValueId attention_branch(GraphMaker& m, ValueId x, ValueId inner, ValueId like, bool affine) {
  const ValueId qkv = m.linear(m.tokens(m.layer_norm(inner, "norm", affine)), "qkv", 24);
  const ValueId context = m.op(OpKind::Attention, AttentionAttrs{2, 4, 0.5f}, {qkv}, "attention");
  return m.add(x, m.op(OpKind::ReshapeLike, {}, {m.linear(context, "proj", 8), like}, "image"));
}

TEST(AttentionBlock, StaysWhenTheNormHasWeights) {
  GraphMaker m;
  const ValueId x = m.input({2, 3, 2, 8});
  expect_untouched(fuse_attention_block, m.finish({attention_branch(m, x, x, x, true)}));
}

TEST(AttentionBlock, StaysWhenTheResidualIsAnotherValue) {
  GraphMaker m;
  const ValueId x = m.input({2, 3, 2, 8}), other = m.gelu(x);
  expect_untouched(fuse_attention_block, m.finish({attention_branch(m, x, other, x, false),
                                                   attention_branch(m, other, x, x, false)}));
}

TEST(AttentionBlock, StaysWhenTheReshapeMergesTheBatch) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 2, 8}), norm = m.layer_norm(x, "norm", false);
  const ValueId tokens = m.op(OpKind::Reshape, ReshapeAttrs{{1, -1, 8}}, {norm}, "tokens");
  const ValueId context = m.op(OpKind::Attention, AttentionAttrs{2, 4, 0.5f},
                               {m.linear(tokens, "qkv", 24)}, "attention");
  const ValueId image = m.op(OpKind::ReshapeLike, {}, {m.linear(context, "proj", 8), x}, "image");
  Graph graph = m.finish({m.add(x, image)});
  graph.inputs[0].dims = {{"n", 1, 8, 1}, {"", 3, 3, 1}, {"", 2, 2, 1}, {"", 8, 8, 1}};
  expect_untouched(fuse_attention_block, graph);
}

TEST(Mlp, StaysWhenTheHiddenValueIsReadElsewhere) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 4}), hidden = m.gelu(m.linear(x, "fc1", 6));
  expect_untouched(fuse_mlp, m.finish({m.add(x, m.linear(hidden, "fc2", 4)), hidden}));
}

TEST(Mlp, StaysWhenTheResidualIsAnotherValue) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 4}), other = m.gelu(x);
  const ValueId norm = m.layer_norm(other, "norm", false);
  const ValueId hidden = m.gelu(m.linear(norm, "fc1", 6));
  expect_untouched(fuse_mlp, m.finish({m.add(x, m.linear(hidden, "fc2", 4))}));
}

TEST(Mlp, StaysWhenTheNormHasWeights) {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 4}), norm = m.layer_norm(x, "norm");
  expect_untouched(fuse_mlp,
                   m.finish({m.add(x, m.linear(m.gelu(m.linear(norm, "fc1", 6)), "fc2", 4))}));
}

TEST(LocalMixer, StaysWhenTheFirstConvolutionIsReadElsewhere) {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 6, 5, 4}), "pos_embed", 3);
  const ValueId spatial = m.depthwise(m.linear(x, "conv1", 4), "attn", 5, false);
  expect_untouched(fuse_local_mixer, m.finish({m.add(x, m.linear(spatial, "conv2", 4)), x}));
}

TEST(LocalMixer, StaysWhenTheSecondConvolutionHasABias) {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 6, 5, 4}), "pos_embed", 3);
  const ValueId spatial = m.depthwise(m.linear(x, "conv1", 4), "attn", 5);
  expect_untouched(fuse_local_mixer, m.finish({m.add(x, m.linear(spatial, "conv2", 4))}));
}

TEST(LocalMixer, StaysWhenTheHiddenWidthDiffers) {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 6, 5, 4}), "pos_embed", 3);
  const ValueId spatial = m.depthwise(m.linear(x, "conv1", 8), "attn", 5, false);
  expect_untouched(fuse_local_mixer, m.finish({m.add(x, m.linear(spatial, "conv2", 4))}));
}

}  // namespace
}  // namespace vitro::test
