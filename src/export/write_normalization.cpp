#include "export/graph_writer.h"

// Normalisation and reduction.
namespace vitro::onnx {
namespace {

Ints places_of(const Ints& axes, const Ints& order) {
  Ints places;
  for (const int64_t axis : axes) places.push_back(place_of(axis, order));
  return places;
}

const char* reduce_op(ReduceFunction function) {
  switch (function) {
    case ReduceFunction::Mean:
      return "ReduceMean";
    case ReduceFunction::Max:
      return "ReduceMax";
    case ReduceFunction::Min:
      return "ReduceMin";
    case ReduceFunction::Sum:
      return "ReduceSum";
    case ReduceFunction::Prod:
      return "ReduceProd";
    case ReduceFunction::L1:
      return "ReduceL1";
    case ReduceFunction::L2:
      return "ReduceL2";
    case ReduceFunction::SumSquare:
      return "ReduceSumSquare";
    case ReduceFunction::LogSum:
      return "ReduceLogSum";
    case ReduceFunction::LogSumExp:
      return "ReduceLogSumExp";
  }
  return nullptr;
}

/// The axes became an operand, of the sum before the others.
Name reduced(GraphWriter& out, ReduceFunction function, Name x, Ints places, bool keeps) {
  const bool has_operand = out.opset() >= 18 || function == ReduceFunction::Sum;
  Attributes attributes;
  attributes.integer("keepdims", keeps);
  std::vector<Name> in{x};
  if (!places.empty() && has_operand) in.push_back(out.list(places));
  if (!places.empty() && !has_operand) attributes.integers("axes", std::move(places));
  return out.emit(reduce_op(function), in, std::move(attributes));
}

/// The order of a result from which `axes` have gone, or become 1.
void define_reduced(GraphWriter& out, Name y, const Ints& order, const Ints& axes, bool keeps) {
  out.define(y, keeps ? order : without_axes(order, axes));
}

/// (x - mean) / sqrt(variance + eps) over the last axes.
Name normalized(GraphWriter& out, Name x, int64_t axes, float eps) {
  const DType dtype = out.dtype(0);
  Ints places;
  for (int64_t i = -axes; i < 0; ++i) places.push_back(i);
  const Name mean = reduced(out, ReduceFunction::Mean, x, places, true);
  const Name centred = out.emit("Sub", {x, mean});
  const Name square = out.emit("Mul", {centred, centred});
  const Name variance = reduced(out, ReduceFunction::Mean, square, places, true);
  const Name deviation = out.emit("Sqrt", {out.emit("Add", {variance, out.scalar(eps, dtype)})});
  return out.emit("Div", {centred, deviation});
}

}  // namespace

void write_batch_norm(GraphWriter& out) {
  const Ints order = channels_first(out.rank(0));
  out.define(
      out.emit("BatchNormalization", {out.in(0, order), out.in(1), out.in(2), out.in(3), out.in(4)},
               Attributes().number("epsilon", out.attrs<NormAttrs>().eps)),
      order);
}

void write_layer_norm(GraphWriter& out) {
  const auto& attrs = out.attrs<NormAttrs>();
  const Dims& dims = out.dims(0);
  const size_t first = dims.size() - static_cast<size_t>(attrs.axes);
  bool is_fixed = true;
  for (size_t axis = first; axis < dims.size(); ++axis)
    is_fixed = is_fixed && out.extents().is_fixed(out.id(0), axis);
  if (out.opset() < 17 || (!out.has(1) && !is_fixed)) {
    Name y = normalized(out, out.in(0), attrs.axes, attrs.eps);
    if (out.has(1)) y = out.emit("Mul", {y, out.in(1)});
    if (out.has(2)) y = out.emit("Add", {y, out.in(2)});
    out.define(y);
    return;
  }
  const Dims trailing(dims.begin() + static_cast<std::ptrdiff_t>(first), dims.end());
  const Name scale = out.has(1) ? out.in(1) : out.filled(trailing, 1, out.dtype(0));
  const auto attributes = Attributes().integer("axis", -attrs.axes).number("epsilon", attrs.eps);
  out.define(out.emit("LayerNormalization", {out.in(0), scale, out.in(2)}, attributes));
}

void write_group_norm(GraphWriter& out) {
  const auto& attrs = out.attrs<GroupNormAttrs>();
  const size_t rank = out.rank(0);
  const Ints order = channels_first(rank);
  const Name x = out.in(0, order);
  const DType dtype = out.dtype(0);
  // Before opset 21 ONNX has no op of that meaning, but one for a group of each channel.
  const Name rows = out.emit("Reshape", {x, out.list({0, attrs.groups, -1})});
  const auto attributes = Attributes().number("epsilon", attrs.eps);
  const Name normal =
      out.emit("InstanceNormalization",
               {rows, out.filled({attrs.groups}, 1, dtype), out.filled({attrs.groups}, 0, dtype)},
               attributes);
  Name y = out.emit("Reshape", {normal, out.emit("Shape", {x})});
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (!out.has(i)) continue;
    y = out.emit(i == 1 ? "Mul" : "Add", {y, out.broadcast(i, order)});
  }
  out.define(y, order);
}

void write_softmax(GraphWriter& out) {
  const Ints order = out.common_order();
  const auto attributes =
      Attributes().integer("axis", place_of(out.attrs<SoftmaxAttrs>().axis, order));
  out.define(out.emit(out.node().kind == OpKind::Softmax ? "Softmax" : "LogSoftmax",
                      {out.in(0, order)}, attributes),
             order);
}

void write_reduce(GraphWriter& out) {
  const auto& attrs = out.attrs<ReduceAttrs>();
  if (out.dtype(0) == DType::Bool && out.opset() < 20) out.unsupported("booleans need opset 20");
  Ints axes = attrs.axes;
  if (axes.empty()) axes = usual_order(out.rank(0));
  const Ints order = out.is_constant(0) ? usual_order(out.rank(0)) : out.natural_order(0);
  const Ints places = places_of(axes, order);
  const Name x = out.in(0, order);
  // Of whole maps, as every exporter writes it.
  const bool is_global = attrs.function == ReduceFunction::Mean && attrs.keep_dims &&
                         order.size() == 4 && order == channels_first(4) &&
                         (places == Ints{2, 3} || places == Ints{3, 2});
  const Name y = is_global ? out.emit("GlobalAveragePool", {x})
                           : reduced(out, attrs.function, x, attrs.axes.empty() ? Ints{} : places,
                                     attrs.keep_dims);
  define_reduced(out, y, order, axes, attrs.keep_dims);
}

void write_arg(GraphWriter& out) {
  const auto& attrs = out.attrs<ArgAttrs>();
  const Ints order = out.is_constant(0) ? usual_order(out.rank(0)) : out.natural_order(0);
  auto attributes = Attributes()
                        .integer("axis", place_of(attrs.axis, order))
                        .integer("keepdims", attrs.keep_dims);
  if (attrs.last) attributes.integer("select_last_index", 1);
  const Name y = out.emit(attrs.function == ArgFunction::Max ? "ArgMax" : "ArgMin",
                          {out.in(0, order)}, attributes);
  define_reduced(out, y, order, {attrs.axis}, attrs.keep_dims);
}

void write_top_k(GraphWriter& out) {
  const auto& attrs = out.attrs<TopKAttrs>();
  const auto attributes =
      Attributes().integer("axis", attrs.axis).integer("largest", attrs.largest);
  const Name k = out.has(1) ? out.in(1) : out.list({attrs.k});
  const auto names = out.emit("TopK", {out.in(0), k}, 2, attributes);
  for (size_t i = 0; i < out.node().outputs.size(); ++i)
    out.define(names[i], usual_order(out.rank(0)), i);
}

void write_cum_sum(GraphWriter& out) {
  const auto& attrs = out.attrs<CumSumAttrs>();
  const auto attributes =
      Attributes().integer("exclusive", attrs.exclusive).integer("reverse", attrs.reverse);
  out.define(out.emit("CumSum",
                      {out.in(0), out.scalar(static_cast<double>(attrs.axis), DType::Int64)},
                      attributes));
}

}  // namespace vitro::onnx
