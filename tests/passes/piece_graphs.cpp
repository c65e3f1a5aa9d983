#include "passes/piece_graphs.h"

#include <cmath>
#include <numbers>

// Functions in the pieces that exporters leave of them, in several spellings each.
namespace vitro::test {
namespace {

/// Pieces of element by element functions.
class Pieces : public GraphMaker {
 public:
  using GraphMaker::op;
  ValueId number(double value) {
    return scalar("c" + std::to_string(count_++), static_cast<float>(value));
  }
  ValueId binary(BinaryFunction function, ValueId a, ValueId b) {
    return op(function, a, b, "piece");
  }
  ValueId unary(UnaryFunction function, ValueId x) { return op(function, x, "piece"); }
  ValueId sub(ValueId a, ValueId b) { return binary(BinaryFunction::Sub, a, b); }
  ValueId div(ValueId a, ValueId b) { return binary(BinaryFunction::Div, a, b); }
  ValueId pow(ValueId a, double b) { return binary(BinaryFunction::Pow, a, number(b)); }
  ValueId clip(ValueId x, double low, double high) {
    return op(OpKind::Clip, {}, {x, number(low), number(high)}, "clip");
  }
  ValueId mean(ValueId x, const Ints& axes) {
    return op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, axes, true}, {x}, "mean");
  }
  ValueId transpose(ValueId x, const Ints& perm) {
    return op(OpKind::Transpose, TransposeAttrs{perm}, {x}, "transpose");
  }
  ValueId reshape(ValueId x, const Ints& dims) {
    return op(OpKind::Reshape, ReshapeAttrs{dims}, {x}, "reshape");
  }
  ValueId softmax(ValueId x) { return op(OpKind::Softmax, {}, {x}, "softmax"); }
  ValueId matmul(ValueId a, ValueId b) {
    return op(OpKind::MatMul, MatMulAttrs{}, {a, b}, "product");
  }
  /// [n, heads, t, d] -> [n, t, heads * d]
  ValueId merged(ValueId x) {
    const int64_t channels = dims(x)[1] * dims(x)[3];
    return reshape(transpose(x, {0, 2, 1, 3}), {0, 0, channels});
  }

 private:
  int count_ = 0;
};

/// mean((x - mean(x))^2) + eps
ValueId variance(Pieces& m, ValueId centred, const Ints& axes, double eps) {
  return m.add(m.mean(m.mul(centred, centred), axes), m.number(eps));
}

}  // namespace

/// 1 / sqrt(head_dim), as scaled_dot_product_attention is exported.
Graph extents_as_factors() {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 3, 16}, DType::Float32,
                                  {{"n", 1, 8, 1}, {"", 3, 3, 1}, {"", 16, 16, 1}});
  const std::vector<int64_t> width{16};
  const ValueId extent = builder.constant("extent", make_constant({1}, width));
  const ValueId number = builder.op(OpKind::Cast, CastAttrs{DType::Float32}, {extent}, "cast");
  const ValueId root = builder.op(UnaryFunction::Sqrt, number, "sqrt");
  const float one = 1;
  const ValueId ones = builder.constant("one", make_constant({1}, {&one, 1}));
  const ValueId factor = builder.op(BinaryFunction::Div, ones, root, "div");
  return builder.finish({builder.op(BinaryFunction::Mul, x, factor, "mul")});
}

/// A mask of nothing, counted along its axes, as position codes are exported for an open batch.
Graph fills() {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 5}, DType::Float32, {{"n", 1, 8, 1}, {"", 5, 5, 1}});
  const ValueId shape = builder.op(OpKind::Shape, {}, {x}, "shape");
  const ValueId zeros = builder.op(OpKind::ConstantOfShape, FillAttrs{}, {shape}, "zeros");
  const ValueId mask = builder.op(OpKind::Cast, CastAttrs{DType::Bool}, {zeros}, "mask");
  const ValueId inverse = builder.op(UnaryFunction::Not, mask, "inverse");
  const ValueId ones = builder.op(OpKind::Cast, CastAttrs{DType::Float32}, {inverse}, "ones");
  const ValueId places = builder.op(OpKind::CumSum, CumSumAttrs{1}, {ones}, "places");
  return builder.finish({builder.op(BinaryFunction::Add, x, places, "add")});
}

/// A square, and what is none: another power, and one that has an axis more than its base.
Graph squares() {
  Pieces m;
  const ValueId x = m.input({2, 5});
  const std::vector<float> twos{2};
  const ValueId two = m.constant("two", make_constant({1, 1, 1}, twos));
  const ValueId square = m.op(BinaryFunction::Pow, x, m.number(2), "square");
  const ValueId cube = m.op(BinaryFunction::Pow, square, m.number(3), "cube");
  return m.finish({cube, m.op(BinaryFunction::Pow, x, two, "wider")});
}

/// What changes nothing, and what looks like it: a slice that turns around, a border beside a cut.
Graph identities() {
  Pieces m;
  const ValueId x = m.input({2, 5});
  ValueId y = m.op(OpKind::Slice, slice_of(1, 0, 1 << 20), {x}, "all");
  y = m.op(OpKind::Pad, PadAttrs{PadMode::Constant, {0, 0}, {0, 0}, 1.0}, {y}, "nothing");
  y = m.op(OpKind::Expand, DimsAttrs{{2, 1}}, {m.mul(y, m.number(1))}, "same");
  y = m.op(OpKind::Cast, CastAttrs{DType::Float32}, {y}, "cast");
  const ValueId turned = m.op(OpKind::Slice, SliceAttrs{{1}, {4}, {-6}, {-1}}, {y}, "turned");
  const PadAttrs shift{PadMode::Constant, {0, 1}, {0, -1}, 0.0};
  return m.finish({m.add(turned, m.op(OpKind::Pad, shift, {y}, "shift"))});
}

/// A residual stream of tokens between maps, and their mean.
Graph tokens_between_maps() {
  Pieces m;
  const ValueId x = m.depthwise(m.input({2, 3, 2, 4}), "position", 3);
  const ValueId tokens = m.reshape(x, {0, 6, 4});
  const ValueId branch = m.linear(m.gelu(m.linear(m.layer_norm(tokens, "norm"), "a", 5)), "b", 4);
  const ValueId sum = m.add(branch, m.mul(tokens, m.weight("gamma", {4})));
  const ValueId other = m.reshape(m.input({2, 24}), {2, 6, 4});
  const ValueId map = m.depthwise(m.reshape(m.add(sum, other), {2, 3, 2, 4}), "next", 3);
  return m.finish({map, m.reduce(ReduceFunction::Mean, m.reshape(map, {2, 6, 4}), {1})});
}

/// A residual stream [n, c, h, w] that no transpose begins, and a factor for each row.
Graph stream_of_maps() {
  Pieces m;
  ValueId x = m.reshape(m.input({2, 24}), {2, 4, 3, 2});
  for (const char* name : {"a", "b"}) {
    const ValueId y = m.linear(m.transpose(x, {0, 2, 3, 1}), name, 4);
    const ValueId rows = m.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Sum, {3}, true},
                              {m.transpose(y, {0, 3, 1, 2})}, "sum");
    x = m.mul(m.add(x, m.transpose(y, {0, 3, 1, 2})),
              m.op(OpKind::Expand, DimsAttrs{{2, 4, 3, 2}}, {rows}, "expand"));
  }
  return m.finish({x});
}

/// Views at other places than a model of ours has them.
Graph attention_block_of_tokens() {
  Pieces m;
  const ValueId x = m.input({2, 3, 2, 8});
  const ValueId qkv = m.linear(m.layer_norm(x, "norm", false), "qkv", 24);
  const ValueId context =
      m.op(OpKind::Attention, AttentionAttrs{2, 4, 0.5f}, {m.tokens(qkv)}, "attention");
  const ValueId proj = m.linear(m.reshape(context, {2, 3, 2, 8}), "proj", 8);
  return m.finish({m.add(proj, x)});
}

Graph clips() {
  Pieces m;
  const ValueId x = m.input({2, 5});
  const ValueId relu = m.op(OpKind::Clip, {}, {x, m.number(0)}, "clip");
  const ValueId max = m.binary(BinaryFunction::Max, m.number(0), x);
  const ValueId six = m.binary(BinaryFunction::Min, m.unary(UnaryFunction::Relu, x), m.number(0.5));
  return m.finish({relu, max, six, m.clip(x, -0.5, 0.5)});
}

/// The exact form and the approximation, products in different orders, and a near miss: another
/// factor inside.
Graph gelus() {
  Pieces m;
  const ValueId x = m.input({2, 5});
  const auto erf_of = [&](double divisor) {
    return m.unary(UnaryFunction::Erf, m.div(x, m.number(divisor)));
  };
  const auto one_plus = [&](ValueId t) { return m.add(t, m.number(1)); };
  const double root = std::numbers::sqrt2;
  const ValueId a = m.mul(m.mul(x, one_plus(erf_of(root))), m.number(0.5));
  const ValueId b = m.mul(
      m.number(0.5), m.mul(x, one_plus(m.unary(UnaryFunction::Erf, m.mul(x, m.number(1 / root))))));
  const ValueId c = m.mul(m.mul(x, m.number(0.5)), m.add(m.number(1), erf_of(root)));
  const ValueId d = m.mul(x, m.add(m.mul(erf_of(root), m.number(0.5)), m.number(0.5)));
  const double scale = std::sqrt(2 / std::numbers::pi);
  const ValueId cubic = m.add(x, m.mul(m.number(0.044715), m.pow(x, 3)));
  const ValueId e = m.mul(m.mul(m.number(0.5), x),
                          one_plus(m.unary(UnaryFunction::Tanh, m.mul(cubic, m.number(scale)))));
  const ValueId factored =
      m.mul(m.mul(x, m.number(scale)), one_plus(m.mul(m.mul(x, x), m.number(0.044715))));
  const ValueId f =
      m.mul(m.mul(x, one_plus(m.unary(UnaryFunction::Tanh, factored))), m.number(0.5));
  const ValueId other = m.mul(m.mul(x, one_plus(erf_of(1.5))), m.number(0.5));
  return m.finish({a, b, c, d, e, f, other});
}

Graph hard_activations() {
  Pieces m;
  const ValueId x = m.input({2, 5});
  const auto relu6 = [&] { return m.clip(m.add(x, m.number(3)), 0, 6); };
  const ValueId hard_swish = m.div(m.mul(x, relu6()), m.number(6));
  const ValueId another = m.mul(x, m.mul(relu6(), m.number(1.0 / 6)));
  const ValueId hard_sigmoid = m.div(relu6(), m.number(6));
  const ValueId from_sigmoid = m.mul(
      m.op(OpKind::Unary, UnaryAttrs{UnaryFunction::HardSigmoid, 1.0f / 6, 0.5f}, {x}, "hard"), x);
  const ValueId silu = m.mul(m.unary(UnaryFunction::Sigmoid, x), x);
  const ValueId quick = m.mul(x, m.unary(UnaryFunction::Sigmoid, m.mul(x, m.number(1.702))));
  return m.finish({hard_swish, another, hard_sigmoid, from_sigmoid, silu, quick});
}

Graph layer_norms() {
  Pieces m;
  const ValueId x = m.input({2, 3, 4});
  const auto centred = [&](const Ints& axes) { return m.sub(x, m.mean(x, axes)); };
  const ValueId a = centred({-1});
  const ValueId squares = m.add(m.mean(m.pow(a, 2), {-1}), m.number(1e-5));
  const ValueId divided = m.div(a, m.unary(UnaryFunction::Sqrt, squares));
  const ValueId b = centred({2});
  const ValueId inverse = m.unary(UnaryFunction::Reciprocal, m.pow(variance(m, b, {2}, 1e-6), 0.5));
  const ValueId c = centred({1, 2});
  const ValueId rsqrt = m.unary(UnaryFunction::Rsqrt, variance(m, c, {1, 2}, 1e-6));
  // Another mean: no layer_norm.
  const ValueId other =
      m.div(m.sub(x, m.mean(x, {1})), m.unary(UnaryFunction::Sqrt, variance(m, b, {2}, 1e-6)));
  return m.finish({divided, m.mul(inverse, b), m.mul(c, rsqrt), other});
}

/// Over the channels of [n, c, h, w].
Graph layer_norms_of_maps() {
  Pieces m;
  const ValueId x = m.input({2, 4, 3, 2});
  const ValueId centred = m.sub(x, m.mean(x, {1}));
  const ValueId y = m.div(centred, m.unary(UnaryFunction::Sqrt, variance(m, centred, {1}, 1e-6)));
  return m.finish({m.add(m.mul(y, m.weight("w", {4, 1, 1})), m.weight("b", {4, 1, 1}))});
}

/// Of one and of two groups, one whose weights are no ones, channels that were last, and lines
/// whose channels are the groups.
Graph group_norms() {
  Pieces m;
  const ValueId x = m.input({2, 4, 3, 2});
  const auto norm = [&](ValueId rows, int64_t groups, float weight) {
    const std::string of = std::to_string(groups);
    const ValueId w = m.weight("w" + of, {groups}, weight, weight);
    const ValueId b = m.weight("b" + of, {groups}, 0, 0);
    return m.op(OpKind::GroupNorm, GroupNormAttrs{groups, 1e-5f}, {rows, w, b}, "norm");
  };
  const auto spelled = [&](int64_t groups, float weight, ValueId map) {
    const ValueId rows = m.transpose(m.reshape(map, {0, groups, -1}), {0, 2, 1});
    return m.reshape(m.transpose(norm(rows, groups, weight), {0, 2, 1}), {0, 4, 3, 2});
  };
  const ValueId one = m.reshape(norm(m.reshape(x, {0, 24, 1}), 1, 1), {2, 4, 3, 2});
  const ValueId first = m.transpose(m.reshape(x, {0, 3, 2, 4}), {0, 3, 1, 2});
  const ValueId lines = m.reshape(x, {0, 4, 6});  // read twice
  return m.finish({one, spelled(2, 1, x), spelled(2, 2, x), spelled(2, 1, first), lines,
                   m.transpose(norm(m.transpose(lines, {0, 2, 1}), 4, 1), {0, 2, 1})});
}

Graph batch_norm_behind_views() {
  Pieces m;
  const ValueId flat = m.reshape(m.linear(m.input({2, 3, 4}), "a", 5), {6, 5});
  return m.finish({m.reshape(m.batch_norm(flat, "norm"), {2, 3, 5})});
}

Graph layer_norm_weights() {
  Pieces m;
  const ValueId x = m.input({2, 3, 4});
  const ValueId a = m.mul(m.layer_norm(x, "a", false), m.weight("w", {4}));
  const ValueId both = m.add(m.weight("b", {1, 1, 4}), a);
  const ValueId c = m.mul(m.layer_norm(x, "c"), m.weight("again", {4}));
  // A weight for each row is none of the norm.
  const ValueId d = m.mul(m.layer_norm(x, "d", false), m.weight("rows", {3, 1}));
  return m.finish({both, c, d});
}

/// Split, scaled queries, and keys that are transposed by themselves.
Graph attention_of_slices() {
  Pieces m;
  const ValueId qkv = m.input({2, 5, 24});
  const auto heads = [&](int64_t part, const Ints& perm) {
    const ValueId slice = m.op(OpKind::Slice, slice_of(-1, part * 8, part * 8 + 8), {qkv}, "split");
    return m.transpose(m.reshape(slice, {0, 0, 2, 4}), perm);
  };
  const ValueId q = m.mul(heads(0, {0, 2, 1, 3}), m.number(0.5));
  const ValueId weights = m.softmax(m.matmul(q, heads(1, {0, 2, 3, 1})));
  return m.finish({m.merged(m.matmul(weights, heads(2, {0, 2, 1, 3})))});
}

/// What the first token attends to beside an attention, as a gather and, of the last one, a slice.
Graph rows_of_attention() {
  Pieces m;
  const ValueId qkv = m.input({2, 5, 24});
  const auto heads = [&](int64_t part) {
    const ValueId slice = m.op(OpKind::Slice, slice_of(-1, part * 8, part * 8 + 8), {qkv}, "split");
    return m.transpose(m.reshape(slice, {0, 0, 2, 4}), {0, 2, 1, 3});
  };
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {heads(0), heads(1)}, "scores");
  const ValueId weights = m.softmax(m.mul(scores, m.number(0.5)));
  const ValueId first = m.op(OpKind::Gather, GatherAttrs{2}, {weights, m.index(0)}, "first");
  const ValueId last = m.op(OpKind::Slice, slice_of(2, 4, 5), {weights}, "last");
  return m.finish({m.merged(m.matmul(weights, heads(2))), first, last});
}

/// Windows of Swin: a bias of heads, then a mask of the four windows of each image.
Graph attention_of_windows() {
  Pieces m;
  const ValueId qkv = m.input({8, 5, 24});
  const auto heads = [&](int64_t part) {
    const ValueId slice = m.op(OpKind::Slice, slice_of(-1, part * 8, part * 8 + 8), {qkv}, "split");
    return m.transpose(m.reshape(slice, {0, 0, 2, 4}), {0, 2, 1, 3});
  };
  ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {heads(0), heads(1)}, "scores");
  scores = m.add(m.mul(scores, m.number(0.5)), m.weight("table", {1, 2, 5, 5}));
  scores = m.add(m.weight("mask", {1, 4, 1, 5, 5}), m.reshape(scores, {-1, 4, 2, 5, 5}));
  const ValueId weights = m.softmax(m.reshape(scores, {-1, 2, 5, 5}));
  return m.finish({m.merged(m.matmul(weights, heads(2)))});
}

/// Windows of MaxViT, maps of tokens whose context is a map, too.
Graph attention_of_maps() {
  Pieces m;
  const ValueId qkv = m.linear(m.input({3, 2, 3, 8}), "qkv", 24);
  const auto heads = [&](int64_t part) {
    const ValueId slice = m.op(OpKind::Slice, slice_of(-1, part * 8, part * 8 + 8), {qkv}, "split");
    return m.transpose(m.reshape(slice, {0, 6, 2, 4}), {0, 2, 1, 3});
  };
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {heads(0), heads(1)}, "scores");
  const ValueId context = m.matmul(m.softmax(scores), heads(2));
  return m.finish({m.gelu(m.reshape(m.transpose(context, {0, 2, 1, 3}), {0, 2, 3, 8}))});
}

/// A bias without the axis of images stays one constant.
Graph attention_with_bias() {
  Pieces m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  const ValueId q = m.heads(qkv, 0, 4), k = m.heads(qkv, 8, 4), v = m.heads(qkv, 16, 4);
  const ValueId scores = m.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
  return m.finish({m.merge(m.softmax(m.add(scores, m.weight("bias", {2, 5, 5}))), v)});
}

/// [3, n, heads, t, d] and positions of its first axis; the root of the scale on both sides.
Graph attention_of_five_axes() {
  Pieces m;
  const ValueId qkv = m.linear(m.input({2, 3, 2, 8}), "qkv", 24);
  const ValueId five = m.transpose(m.reshape(qkv, {2, 6, 3, 2, 4}), {2, 0, 3, 1, 4});
  const auto part = [&](int64_t i) {
    if (i == 2) {  // a slice and a squeeze
      const ValueId slice = m.op(OpKind::Slice, slice_of(0, 2, 3), {five}, "part");
      return m.op(OpKind::Squeeze, AxesAttrs{{0}}, {slice}, "part");
    }
    return m.op(OpKind::Gather, GatherAttrs{0}, {five, m.index(i)}, "part");
  };
  const double root = std::sqrt(0.5);
  const ValueId q = m.mul(part(0), m.number(root));
  const ValueId k = m.mul(m.transpose(part(1), {0, 1, 3, 2}), m.number(root));
  return m.finish({m.merged(m.matmul(m.softmax(m.matmul(q, k)), part(2)))});
}

/// Three linears of one input, heads and batch in one axis, scores that are divided.
Graph attention_of_three_linears() {
  Pieces m;
  const ValueId x = m.input({2, 5, 8});
  const auto heads = [&](const std::string& name, bool bias) {
    const ValueId split = m.reshape(m.linear(x, name, 8, bias), {0, 0, 2, 4});
    return m.reshape(m.transpose(split, {0, 2, 1, 3}), {4, 5, 4});
  };
  const ValueId q = heads("q", true), k = heads("k", false), v = heads("v", true);
  const ValueId scores = m.matmul(q, m.transpose(k, {0, 2, 1}));
  const ValueId context = m.matmul(m.softmax(m.div(scores, m.number(2))), v);
  return m.finish({m.merged(m.reshape(context, {2, 2, 5, 4}))});
}

/// [heads, 3, d] in the rows of the linear.
Graph attention_of_interleaved_heads() {
  Pieces m;
  const ValueId qkv = m.linear(m.input({2, 5, 8}), "qkv", 24);
  const ValueId heads = m.transpose(m.reshape(qkv, {0, 0, 2, 12}), {0, 2, 1, 3});
  const auto part = [&](int64_t i) {
    return m.op(OpKind::Slice, slice_of(3, i * 4, i * 4 + 4), {heads}, "part");
  };
  const ValueId scores = m.matmul(part(0), m.transpose(part(1), {0, 1, 3, 2}));
  return m.finish({m.merged(m.matmul(m.softmax(scores), part(2)))});
}

}  // namespace vitro::test
