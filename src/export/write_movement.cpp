#include "export/graph_writer.h"
#include "ir/infer.h"

// Views, movement, and what is made of shapes.
namespace vitro::onnx {
namespace {

/// Attributes of a reshape to the extents of the result, where they say it at every shape.
std::optional<Ints> dims_of_result(const GraphWriter& out) {
  std::vector<Dims> from, to;
  for (size_t shape = 0; shape < out.extents().count(); ++shape) {
    from.push_back(out.extents().dims(shape, out.id(0)));
    to.push_back(out.extents().dims(shape, out.node().output()));
  }
  return reshape_dims(from, to);
}

/// An operand of integers, or the list of an attribute.
Name list_or_operand(GraphWriter& out, size_t i, const Ints& attribute) {
  return out.has(i) ? out.in(i) : out.list(attribute);
}

}  // namespace

void write_identity(GraphWriter& out) {
  const Ints order = out.common_order();
  out.define(out.in(0, order), order);
}

void write_reshape(GraphWriter& out) {
  const Name dims = list_or_operand(out, 1, out.attrs<ReshapeAttrs>().dims);
  out.define(out.emit("Reshape", {out.in(0), dims}));
}

void write_reshape_like(GraphWriter& out) {
  const auto dims = dims_of_result(out);
  out.define(out.emit("Reshape", {out.in(0), dims ? out.list(*dims) : out.shape_of(out.id(1))}));
}

void write_squeeze(GraphWriter& out) {
  const Ints& axes = out.attrs<AxesAttrs>().axes;
  if (axes.empty()) {
    out.define(out.emit("Squeeze", {out.in(0)}));
    return;
  }
  const Ints order = out.is_constant(0) ? usual_order(out.rank(0)) : out.natural_order(0);
  Ints places;
  for (const int64_t axis : axes) places.push_back(place_of(axis, order));
  out.define(out.emit("Squeeze", {out.in(0, order), out.list(places)}), without_axes(order, axes));
}

void write_unsqueeze(GraphWriter& out) {
  out.define(out.emit("Unsqueeze", {out.in(0), out.list(out.attrs<AxesAttrs>().axes)}));
}

void write_slice(GraphWriter& out) {
  const auto& attrs = out.attrs<SliceAttrs>();
  const Ints order = out.common_order();
  Ints places;
  for (const int64_t axis : attrs.axes) places.push_back(place_of(axis, order));
  std::vector<Name> in{out.in(0, order), list_or_operand(out, 1, attrs.begins),
                       list_or_operand(out, 2, attrs.ends), out.list(places)};
  if (!attrs.steps.empty()) in.push_back(out.list(attrs.steps));
  out.define(out.emit("Slice", in), order);
}

void write_concat(GraphWriter& out) {
  const Ints order = out.common_order();
  std::vector<Name> in;
  for (size_t i = 0; i < out.node().inputs.size(); ++i) in.push_back(out.in(i, order));
  out.define(out.emit("Concat", in,
                      Attributes().integer("axis", place_of(out.attrs<AxisAttrs>().axis, order))),
             order);
}

void write_split(GraphWriter& out) {
  const auto& attrs = out.attrs<SplitAttrs>();
  const Ints order = out.common_order();
  const size_t count = out.node().outputs.size();
  auto attributes = Attributes().integer("axis", place_of(attrs.axis, order));
  std::vector<Name> in{out.in(0, order)};
  const auto axis = static_cast<size_t>(order[static_cast<size_t>(place_of(attrs.axis, order))]);
  if (!attrs.sizes.empty() || out.extents().is_fixed(out.id(0), axis))
    in.push_back(out.list(split_sizes(out.node(), out.dims(0)[axis])));
  else if (out.opset() >= 18)
    attributes.integer("num_outputs", static_cast<int64_t>(count));
  const auto names = out.emit("Split", in, count, attributes);
  for (size_t i = 0; i < count; ++i) out.define(names[i], order, i);
}

void write_pad(GraphWriter& out) {
  const auto& attrs = out.attrs<PadAttrs>();
  if (attrs.mode == PadMode::Wrap && out.opset() < 19) out.unsupported("wrap needs opset 19");
  const Ints order = out.has(1) ? usual_order(out.rank(0)) : out.common_order();
  std::vector<Name> in{out.in(0, order)};
  if (out.has(1)) {
    in.push_back(out.in(1));
  } else {
    Ints pads = in_order(attrs.begin, order);
    const Ints ends = in_order(attrs.end, order);
    pads.insert(pads.end(), ends.begin(), ends.end());
    in.push_back(out.list(pads));
  }
  if (attrs.mode == PadMode::Constant && attrs.value != 0)
    in.push_back(out.scalar(attrs.value, out.dtype(0)));
  const auto mode = enum_names(attrs.mode)[static_cast<size_t>(attrs.mode)];
  out.define(out.emit("Pad", in, Attributes().text("mode", mode)), order);
}

namespace {

/// Indices of the types that ONNX has for them.
Name indices(GraphWriter& out) {
  const Name name = out.in(1);
  if (out.dtype(1) == DType::Int64 || out.dtype(1) == DType::Int32) return name;
  return out.emit("Cast", {name},
                  Attributes().integer("to", static_cast<int64_t>(ElementType::Int64)));
}

}  // namespace

void write_gather(GraphWriter& out) {
  const auto& attrs = out.attrs<GatherAttrs>();
  if (attrs.batch_dims == 0)
    return out.define(
        out.emit("Gather", {out.in(0), indices(out)}, Attributes().integer("axis", attrs.axis)));
  const int64_t axis = attrs.axis < 0 ? attrs.axis + out.rank(0) : attrs.axis;
  if (axis != attrs.batch_dims)
    out.unsupported("axes lie between those of the batch and the gathered one");
  const Name places = out.emit("Unsqueeze", {indices(out), out.list({-1})});
  out.define(out.emit("GatherND", {out.in(0), places},
                      Attributes().integer("batch_dims", attrs.batch_dims)));
}

void write_gather_elements(GraphWriter& out) {
  out.define(out.emit("GatherElements", {out.in(0), indices(out)},
                      Attributes().integer("axis", out.attrs<AxisAttrs>().axis)));
}

void write_scatter_nd(GraphWriter& out) {
  Name places = out.in(1);
  if (out.dtype(1) != DType::Int64)
    places = out.emit("Cast", {places},
                      Attributes().integer("to", static_cast<int64_t>(ElementType::Int64)));
  out.define(out.emit("ScatterND", {out.in(0), places, out.in(2)}));
}

void write_expand(GraphWriter& out) {
  out.define(out.emit("Expand", {out.in(0), list_or_operand(out, 1, out.attrs<DimsAttrs>().dims)}));
}

void write_tile(GraphWriter& out) {
  out.define(out.emit("Tile", {out.in(0), list_or_operand(out, 1, out.attrs<DimsAttrs>().dims)}));
}

void write_shape(GraphWriter& out) { out.define(out.shape_of(out.id(0))); }

void write_range(GraphWriter& out) {
  std::vector<Name> in;
  for (size_t i = 0; i < 3; ++i) {
    if (out.rank(i) == 0)
      in.push_back(out.in(i));
    else
      in.push_back(out.is_constant(i) ? out.reshaped_constant(i, usual_order(out.rank(i)), {})
                                      : out.emit("Squeeze", {out.in(i)}));
  }
  out.define(out.emit("Range", in));
}

void write_constant_of_shape(GraphWriter& out) {
  const auto& attrs = out.attrs<FillAttrs>();
  const auto value = out.tensor(filled_constant({1}, attrs.value, attrs.dtype));
  out.define(out.emit("ConstantOfShape", {list_or_operand(out, 0, attrs.dims)},
                      Attributes().tensor("value", value)));
}

}  // namespace vitro::onnx
