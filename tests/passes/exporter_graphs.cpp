#include "passes/exporter_graphs.h"

// What exporters make of models: maps [n, c, h, w] with channels-last convolutions between
// transposes, shapes that are computed, half floats.
namespace vitro::test {
namespace {

const Ints kToLast{0, 2, 3, 1}, kToFirst{0, 3, 1, 2};

ValueId transposed(GraphMaker& m, ValueId x, const Ints& perm) {
  return m.op(OpKind::Transpose, TransposeAttrs{perm}, {x}, "layout");
}

/// A convolution of [n, c, h, w].
ValueId conv(GraphMaker& m, ValueId x, const std::string& name, int64_t out, int64_t kernel) {
  const ValueId last = transposed(m, x, kToLast);
  return transposed(m, m.conv(last, name, out, kernel, 1, kernel / 2), kToFirst);
}

}  // namespace

/// A residual block with a factor for each channel, a concatenation, tokens and a classifier.
Graph channels_first() {
  GraphMaker m;
  ValueId x = conv(m, m.input({1, 3, 6, 5}), "stem", 4, 3);
  const ValueId scaled = m.mul(conv(m, x, "a", 4, 1), m.weight("gamma", {4, 1, 1}));
  x = m.op(UnaryFunction::Relu, m.add(scaled, x), "relu");
  x = m.op(OpKind::Concat, AxisAttrs{1}, {x, conv(m, x, "b", 2, 1)}, "concat");
  const ValueId gate =
      m.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, {2, 3}, true}, {x}, "pool");
  x = m.mul(x, m.op(UnaryFunction::Sigmoid, conv(m, gate, "gate", 6, 1), "sigmoid"));
  x = m.op(OpKind::Slice, slice_of(2, 1, 5), {x}, "crop");
  x = m.op(OpKind::Reshape, ReshapeAttrs{{0, 0, -1}}, {x}, "flat");
  x = transposed(m, x, {0, 2, 1});
  return m.finish({m.linear(m.layer_norm(x, "norm"), "head", 5)});
}

/// Tokens become a map by extents that another map gives.
Graph tokens_to_map() {
  GraphBuilder builder;
  const ValueId x =
      builder.input("x", {1, 4, 6, 5}, DType::Float32,
                    {{"n", 1, 8, 1}, {"", 4, 4, 1}, {"h", 2, 64, 1}, {"w", 2, 64, 1}});
  const ValueId shape = builder.op(OpKind::Shape, {}, {x}, "shape");
  const ValueId head = builder.op(OpKind::Slice, slice_of(0, 0, 2), {shape}, "head");
  const ValueId rest =
      builder.constant("rest", make_constant({1}, std::span<const int64_t>(Ints{-1})));
  const ValueId flat_dims = builder.op(OpKind::Concat, AxisAttrs{0}, {head, rest}, "flat_dims");
  const ValueId flat = builder.op(OpKind::Reshape, ReshapeAttrs{}, {x, flat_dims}, "flat");
  const ValueId rows = builder.op(OpKind::Transpose, TransposeAttrs{{0, 2, 1}}, {flat}, "rows");
  const ValueId normal = builder.op(OpKind::LayerNorm, NormAttrs{1e-6f}, {rows}, "norm");
  const ValueId back = builder.op(OpKind::Transpose, TransposeAttrs{{0, 2, 1}}, {normal}, "back");
  const ValueId map = builder.op(OpKind::Reshape, ReshapeAttrs{}, {back, shape}, "map");
  return builder.finish({builder.op(OpKind::Transpose, TransposeAttrs{kToLast}, {map}, "last")});
}

Graph equal_nodes() {
  GraphMaker m;
  const ValueId x = m.input({2, 3});
  const ValueId a = m.mul(x, m.scalar("two", 2)), b = m.mul(x, m.scalar("another_two", 2));
  const ValueId c = m.mul(x, m.scalar("three", 3));
  return m.finish({m.add(m.gelu(a), m.gelu(b)), m.add(c, a)});
}

Graph kept_axes() {
  GraphMaker m;
  const ValueId x = m.input({2, 3, 4, 5});
  const auto mean = [&](const Ints& axes) {
    return m.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, axes, true}, {x}, "mean");
  };
  const ValueId dropped = m.op(OpKind::Reshape, ReshapeAttrs{{0, -1}}, {mean({1, 2})}, "flatten");
  const ValueId squeezed = m.op(OpKind::Squeeze, AxesAttrs{{3}}, {mean({3})}, "squeeze");
  const ValueId joined = m.op(OpKind::Reshape, ReshapeAttrs{{2, 15, 1}}, {mean({2})}, "joined");
  return m.finish({dropped, squeezed, joined});
}

Graph bias_adds() {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 4, 3}), a = m.linear(x, "a", 5, false);
  const ValueId b = m.conv(m.add(m.weight("a.shift", {5}), a), "b", 4, 3, 1, 1, false);
  const ValueId c = m.depthwise(m.add(b, m.weight("b.shift", {1, 1, 4})), "c", 3);
  const ValueId with_bias = m.add(c, m.weight("c.shift", {4}));
  return m.finish({with_bias, m.add(m.linear(x, "d", 3, false), x)});
}

Graph halves() {
  GraphMaker m;
  const ValueId x = m.op(OpKind::Cast, CastAttrs{DType::Float16}, {m.input({2, 3})}, "narrow");
  const ValueId two = m.op(OpKind::ConstantOfShape, FillAttrs{DType::Float16, 2.0, {3}}, {}, "two");
  const ValueId y = m.op(UnaryFunction::Relu, m.mul(x, two), "relu");
  return m.finish({m.op(OpKind::Cast, CastAttrs{DType::Float32}, {y}, "wide"), y});
}

}  // namespace vitro::test
