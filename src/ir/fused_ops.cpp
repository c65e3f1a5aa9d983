#include "ir/fused_ops.h"

#include "core/check.h"
#include "ir/builder.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

/// The product of x with the weight that is operand `weight` and the bias behind it; in 8 bits when
/// operand `quantization` and those behind it are given.
ValueId product(GraphBuilder& builder, ValueId x, const std::vector<ValueId>& in, size_t weight,
                size_t quantization, const char* name) {
  if (in[quantization] == kAbsent)
    return builder.op(OpKind::Linear, {}, {x, in[weight], in[weight + 1]}, name);
  return builder.op(
      OpKind::QuantizedLinear, {},
      {x, in[weight], in[weight + 1], in[quantization], in[quantization + 1], in[quantization + 2]},
      name);
}

ValueId build_attention_block(GraphBuilder& builder, const AttentionBlockAttrs& attrs,
                              const std::vector<ValueId>& in) {
  const bool is_map = builder.dims(in[0]).size() == 4;
  const ValueId norm = builder.op(OpKind::LayerNorm, NormAttrs{attrs.eps}, {in[0]}, "norm");
  const ValueId tokens =
      is_map ? builder.op(OpKind::Reshape, ReshapeAttrs{{0, -1, builder.dims(in[0])[3]}}, {norm},
                          "tokens")
             : norm;
  const ValueId qkv = product(builder, tokens, in, 1, 5, "qkv");
  const ValueId context =
      builder.op(OpKind::Attention, AttentionAttrs{attrs.heads, attrs.head_dim, attrs.scale}, {qkv},
                 "attention");
  const ValueId proj = product(builder, context, in, 3, 8, "proj");
  const ValueId image = is_map ? builder.op(OpKind::ReshapeLike, {}, {proj, in[0]}, "image") : proj;
  return builder.op(BinaryFunction::Add, in[0], image, "add");
}

ValueId build_mlp(GraphBuilder& builder, const MlpAttrs& attrs, const std::vector<ValueId>& in) {
  ValueId x = in[0];
  if (attrs.layer_norm) x = builder.op(OpKind::LayerNorm, NormAttrs{attrs.eps}, {x}, "norm");
  const ValueId hidden = product(builder, x, in, 1, 5, "fc1");
  const ValueId active = builder.op(UnaryFunction::Gelu, hidden, "gelu");
  const ValueId out = product(builder, active, in, 3, 8, "fc2");
  return builder.op(BinaryFunction::Add, in[0], out, "add");
}

ValueId build_local_mixer(GraphBuilder& builder, const std::vector<ValueId>& in) {
  const ValueId x = builder.op(OpKind::DepthwiseConv2d, same_padding(builder.dims(in[1])),
                               {in[0], in[1], in[2]}, "pos_embed");
  const ValueId conv1 = product(builder, x, in, 3, 8, "conv1");
  const ValueId spatial = builder.op(OpKind::DepthwiseConv2d, same_padding(builder.dims(in[5])),
                                     {conv1, in[5]}, "attn");
  const ValueId conv2 = product(builder, spatial, in, 6, 11, "conv2");
  return builder.op(BinaryFunction::Add, x, conv2, "add");
}

}  // namespace

ValueId build_attention(GraphBuilder& builder, ValueId qkv, ValueId bias,
                        const AttentionAttrs& attrs, const std::string& module) {
  const int64_t channels = attrs.heads * attrs.head_dim;
  const auto op = [&](OpKind kind, Attrs of, std::vector<ValueId> in, const char* part) {
    return builder.op(kind, std::move(of), std::move(in), module.empty() ? part : module);
  };
  const TransposeAttrs swap_tokens_and_heads{{0, 2, 1, 3}};
  const auto split = [&](int64_t part) {
    const ValueId slice =
        op(OpKind::Slice, slice_of(2, part * channels, (part + 1) * channels), {qkv}, "split");
    const ValueId heads =
        op(OpKind::Reshape, ReshapeAttrs{{0, 0, attrs.heads, attrs.head_dim}}, {slice}, "heads");
    return op(OpKind::Transpose, swap_tokens_and_heads, {heads}, "heads");
  };
  const ValueId q = split(0), k = split(1), v = split(2);
  ValueId scores = op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  if (attrs.scale != 1.0f) {
    const ValueId factor = builder.constant(module.empty() ? "scale" : module + ".scale",
                                            make_constant({1}, {&attrs.scale, 1}));
    scores = op(OpKind::Binary, BinaryAttrs{BinaryFunction::Mul}, {scores, factor}, "scale");
  }
  if (bias != kAbsent) {
    const Dims& dims = builder.dims(bias);
    const int64_t images = dims[0];
    const ValueId rows = scores;
    if (images > 1)  // of as many images in turn
      scores = op(OpKind::Reshape, ReshapeAttrs{{-1, images, attrs.heads, dims[2], dims[3]}},
                  {scores}, "bias");
    scores = op(OpKind::Binary, BinaryAttrs{BinaryFunction::Add}, {scores, bias}, "bias");
    if (images > 1) scores = op(OpKind::ReshapeLike, {}, {scores, rows}, "bias");
  }
  const ValueId weights = op(OpKind::Softmax, {}, {scores}, "softmax");
  const ValueId context = op(OpKind::MatMul, MatMulAttrs{false}, {weights, v}, "context");
  const ValueId rows = op(OpKind::Transpose, swap_tokens_and_heads, {context}, "merge");
  return op(OpKind::Reshape, ReshapeAttrs{{0, 0, channels}}, {rows}, "merge");
}

Conv2dAttrs same_padding(const Dims& weight) {
  const int64_t y = weight[0] / 2, x = weight[1] / 2;
  return {{1, 1}, {y, x, y, x}};
}

Graph fused_body(const Graph& graph, const Node& node) {
  GraphBuilder builder;
  std::vector<ValueId> in(static_cast<size_t>(op_info(node.kind).max_inputs), kAbsent);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.has_input(i)) continue;
    const TensorType& type = graph.value(node.inputs[i]).type;
    in[i] = builder.input("in" + std::to_string(i), type.dims, type.dtype);
  }
  // A body is a row of op_info() that says fused; each has its branch here.
  const auto build = [&]() -> ValueId {
    if (node.kind == OpKind::Attention)
      return build_attention(builder, in[0], in[1], node.as<AttentionAttrs>());
    if (node.kind == OpKind::AttentionBlock)
      return build_attention_block(builder, node.as<AttentionBlockAttrs>(), in);
    if (node.kind == OpKind::Mlp) return build_mlp(builder, node.as<MlpAttrs>(), in);
    if (node.kind == OpKind::LocalMixer) return build_local_mixer(builder, in);
    fail(ErrorCode::Internal, "fused_body: {} has no body", op_info(node.kind).name);
  };
  return builder.finish({build()});
}

}  // namespace vitro
