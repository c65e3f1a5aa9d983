#include "passes/graphs.h"

#include "passes/exporter_graphs.h"
#include "passes/passes.h"
#include "passes/piece_graphs.h"

namespace vitro::test {
namespace {

Graph depthwise_residual() {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 6, 3});
  const ValueId first = m.add(x, m.depthwise(x, "a", 3));
  return m.finish({m.add(m.depthwise(first, "b", 5, false), first)});
}

Graph layer_scale() {
  GraphMaker m;
  const ValueId x = m.input({1, 3, 2, 4});
  const ValueId a = m.mul(m.linear(x, "a", 5), m.weight("gamma", {5}));
  const ValueId tokens = m.tokens(m.linear(a, "b", 6, false));
  return m.finish({m.mul(tokens, m.weight("gamma2", {6}))});
}

Graph pooled_scale() {
  GraphMaker m;
  const ValueId x = m.input({2, 3, 2, 4});
  const ValueId best = m.reduce(ReduceFunction::Max, m.linear(x, "aux", 5), {1, 2});
  const ValueId mean = m.reduce(ReduceFunction::Mean, m.conv(x, "conv", 5, 1, 1, 0), {1, 2});
  return m.finish(
      {m.add(m.mul(best, m.scalar("half", 0.5f)), m.mul(mean, m.scalar("minus", -2.0f)))});
}

Graph pooled_batch_norm() {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({2, 3, 2, 4}), "norm");
  const ValueId logits = m.linear(m.reduce(ReduceFunction::Mean, x, {1, 2}), "head", 5);
  return m.finish({logits, m.linear(x, "aux", 5)});
}

Graph batch_norm_into_linears() {
  GraphMaker m;
  const ValueId x = m.batch_norm(m.input({1, 3, 2, 4}), "norm");
  return m.finish({m.linear(x, "a", 5), m.linear(m.tokens(x), "b", 2, false)});
}

Graph batch_norm_into_convolutions() {
  GraphMaker m;
  ValueId x = m.batch_norm(m.conv(m.input({1, 7, 6, 3}), "conv", 4, 3, 2, 1, false), "norm1");
  x = m.batch_norm(m.depthwise(x, "depthwise", 3), "norm2");
  return m.finish({m.gelu(m.batch_norm(m.linear(x, "linear", 5), "norm3"))});
}

Graph layer_norm_affine() {
  GraphMaker m;
  const ValueId x = m.layer_norm(m.input({1, 3, 2, 4}), "norm");
  return m.finish({m.linear(m.tokens(x), "qkv", 5), m.linear(x, "fc1", 6, false)});
}

Graph depthwise_bias() {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 4, 5, 3}), "depthwise", 5);
  return m.finish({m.linear(x, "a", 4), m.linear(x, "b", 2, false)});
}

Graph attention() {
  GraphMaker m;
  const ValueId qkv = m.input({2, 5, 24});
  return m.finish({m.attention(qkv, 4, 0.5f), m.attention(qkv, 2, 1.0f)});
}

Graph attention_scale() {
  GraphMaker m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  return m.finish({m.op(OpKind::Attention, AttentionAttrs{2, 4, 0.5f}, {qkv}, "attention")});
}

Graph attention_block() {
  GraphMaker m;
  const ValueId x = m.input({2, 3, 2, 8});
  const ValueId qkv = m.linear(m.tokens(m.layer_norm(x, "norm", false)), "qkv", 24, false);
  const ValueId context = m.op(OpKind::Attention, AttentionAttrs{2, 4, 0.5f}, {qkv}, "attention");
  const ValueId proj = m.linear(context, "proj", 8);
  return m.finish({m.add(x, m.op(OpKind::ReshapeLike, {}, {proj, x}, "image"))});
}

Graph mlp() {
  GraphMaker m;
  ValueId x = m.input({1, 3, 2, 4});
  x = m.add(x, m.linear(m.gelu(m.linear(x, "fc1", 6)), "fc2", 4, false));
  const ValueId hidden = m.gelu(m.linear(m.layer_norm(x, "norm", false), "fc3", 6));
  return m.finish({m.add(m.linear(hidden, "fc4", 4), x)});
}

Graph local_mixer() {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 6, 5, 4}), "pos_embed", 3, false);
  const ValueId spatial = m.depthwise(m.linear(x, "conv1", 4), "attn", 5, false);
  return m.finish({m.add(x, m.linear(spatial, "conv2", 4))});
}

/// Patches of a map in the exporter's layout, and back; an axis that is no product of factors; a
/// transpose that others read, too.
Graph moves_of_patches() {
  GraphMaker m;
  const auto transpose = [&](ValueId x, Ints perm) {
    return m.op(OpKind::Transpose, TransposeAttrs{std::move(perm)}, {x}, "transpose");
  };
  const auto reshape = [&](ValueId x, Ints dims) {
    return m.op(OpKind::Reshape, ReshapeAttrs{std::move(dims)}, {x}, "reshape");
  };
  const ValueId map = transpose(m.input({1, 4, 8, 3}), {0, 3, 1, 2});
  const ValueId rows = transpose(reshape(map, {6, 2, 4, 2}), {0, 2, 1, 3});
  const ValueId tokens = m.gelu(transpose(reshape(rows, {3, 8, 4}), {2, 1, 0}));
  const ValueId back = reshape(transpose(tokens, {2, 1, 0}), {6, 4, 2, 2});
  const ValueId joined = reshape(transpose(back, {0, 2, 1, 3}), {1, 3, 4, 8});
  const ValueId mixed = reshape(transpose(m.input({2, 3}), {1, 0}), {2, 3});
  const ValueId read = transpose(m.input({2, 3}), {1, 0});
  return m.finish({transpose(joined, {0, 2, 3, 1}), transpose(mixed, {1, 0}), read,
                   transpose(reshape(read, {3, 2, 1}), {1, 0, 2})});
}

Graph matrices() {
  GraphMaker m;
  const ValueId x = m.input({1, 2, 2, 4}), hidden = m.linear(x, "fc1", 4);
  const ValueId shared = m.weight("shared.weight", {4, 4});
  const ValueId a = m.op(OpKind::Linear, {}, {hidden, shared}, "a");
  const ValueId row_major = m.op(OpKind::ReshapeLike, {}, {a, a}, "like");
  const ValueId flat = m.op(OpKind::Reshape, ReshapeAttrs{{4, 4}}, {row_major}, "flat");
  return m.finish({m.add(x, m.linear(m.gelu(hidden), "fc2", 4)), m.add(flat, shared)});
}

/// Channels first, with signed and unsigned codes; a head whose weight is no multiple of integers.
Graph explicit_products() {
  GraphMaker m;
  const auto numbers = [&](const std::string& name, const Dims& dims, float scale) {
    auto [constant, dst] = allocate_floats(dims);
    for (size_t i = 0; i < dst.size(); ++i)
      dst[i] = scale * static_cast<float>(static_cast<int>(i * 37 % 255) - 127);
    return m.constant(name, constant);
  };
  const auto codes = [&](ValueId x, const std::string& name, DType dtype, int64_t zero) {
    const ValueId scale = m.scalar(name + ".scale", 0.25f);
    const ValueId zero_point =
        m.constant(name + ".zero_point", make_constant({1}, std::vector<int64_t>{zero}, dtype));
    const QuantizeAttrs attrs{0, dtype};
    const ValueId q = m.op(OpKind::QuantizeLinear, attrs, {x, scale, zero_point}, name + ".q");
    return m.op(OpKind::DequantizeLinear, attrs, {q, scale, zero_point}, name + ".dq");
  };
  ValueId x = codes(m.input({1, 3, 4, 4}), "a", DType::UInt8, 100);
  x = m.op(OpKind::Transpose, TransposeAttrs{{0, 2, 3, 1}}, {x}, "conv");
  x = m.op(OpKind::Conv, ConvAttrs{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
           {x, numbers("conv.weight", {4, 3, 3, 3}, 0.5f), m.weight("conv.bias", {4})}, "conv");
  x = codes(m.mul(x, m.weight("factor", {4}, 0.5f, 2.0f)), "b", DType::Int8, -3);
  x = m.op(OpKind::Linear, {}, {x, numbers("fc.weight", {5, 4}, 0.125f)}, "fc");
  return m.finish({m.linear(codes(x, "c", DType::UInt8, 0), "head", 2)});
}

/// In front of a convolution that pads nothing, and of one that does.
Graph batch_norm_before_convolutions() {
  GraphMaker m;
  const ValueId x = m.conv(m.batch_norm(m.gelu(m.input({1, 4, 4, 3})), "a.norm"), "a", 4, 2, 2, 0);
  return m.finish({m.conv(m.batch_norm(m.gelu(x), "b.norm"), "b", 2, 3, 1, 1)});
}

constexpr PassCase kCases[] = {
    {"halves", widen_halves, halves},
    {"computed_shapes", fold_shapes, tokens_to_map},
    {"channels_first", cancel_transposes, channels_first},
    {"tokens_to_map", cancel_transposes, tokens_to_map},
    {"equal_nodes", merge_equal, equal_nodes},
    {"kept_axes", drop_kept_axes, kept_axes},
    {"moves_of_patches", compose_transposes, moves_of_patches},
    {"bias_adds", fold_bias_add, bias_adds},
    {"extents_as_factors", fold_scalars, extents_as_factors},
    {"fills", fold_scalars, fills},
    {"squares", expand_squares, squares},
    {"identities", drop_identities, identities},
    {"tokens_between_maps", cancel_transposes, tokens_between_maps},
    {"stream_of_maps", cancel_transposes, stream_of_maps},
    {"attention_block_of_tokens", fuse_attention_block, attention_block_of_tokens},
    {"clips", fuse_clip, clips},
    {"gelus", fuse_activation, gelus},
    {"hard_activations", fuse_activation, hard_activations},
    {"layer_norms", fuse_layer_norm, layer_norms},
    {"layer_norms_of_maps", fuse_layer_norm, layer_norms_of_maps},
    {"group_norms", fuse_group_norm, group_norms},
    {"batch_norm_behind_views", fold_batch_norm, batch_norm_behind_views},
    {"layer_norm_weights", fold_norm_weights, layer_norm_weights},
    {"rows_of_attention", take_rows_early, rows_of_attention},
    {"attention_of_slices", fuse_attention, attention_of_slices},
    {"attention_of_maps", fuse_attention, attention_of_maps},
    {"attention_of_windows", fuse_attention, attention_of_windows},
    {"attention_with_bias", fuse_attention, attention_with_bias},
    {"attention_of_five_axes", fuse_attention, attention_of_five_axes},
    {"attention_of_three_linears", fuse_attention, attention_of_three_linears},
    {"attention_of_interleaved_heads", fuse_attention, attention_of_interleaved_heads},
    {"depthwise_residual", fold_depthwise_residual, depthwise_residual},
    {"layer_scale", fold_layer_scale, layer_scale},
    {"pooled_scale", fold_layer_scale, pooled_scale},
    {"pooled_batch_norm", fold_pooled_batch_norm, pooled_batch_norm},
    {"batch_norm_into_linears", fold_batch_norm, batch_norm_into_linears},
    {"batch_norm_before_convolutions", fold_batch_norm, batch_norm_before_convolutions},
    {"batch_norm_into_convolutions", fold_batch_norm, batch_norm_into_convolutions},
    {"layer_norm_affine", fold_layer_norm_affine, layer_norm_affine},
    {"depthwise_bias", fold_depthwise_bias, depthwise_bias},
    {"attention", fuse_attention, attention},
    {"attention_scale", fold_attention_scale, attention_scale},
    {"explicit_products", fuse_explicit_products, explicit_products},
    {"attention_block", fuse_attention_block, attention_block},
    {"mlp", fuse_mlp, mlp},
    {"local_mixer", fuse_local_mixer, local_mixer},
    {"matrices", round_weights, matrices},
};

}  // namespace

std::span<const PassCase> pass_cases() { return kCases; }

}  // namespace vitro::test
