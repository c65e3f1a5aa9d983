#include "export/graph_writer.h"
#include "ir/infer.h"

// Ops that ONNX has with channels first, and products of matrices.
namespace vitro::onnx {
Attributes window_attributes(const std::vector<WindowAxis>& axes) {
  Ints kernel, stride, dilation, pads;
  for (const WindowAxis& axis : axes) {
    kernel.push_back(axis.kernel);
    stride.push_back(axis.stride);
    dilation.push_back(axis.dilation);
    pads.push_back(axis.pad_begin);
  }
  for (const WindowAxis& axis : axes) pads.push_back(axis.pad_end);
  return std::move(Attributes()
                       .integers("kernel_shape", kernel)
                       .integers("strides", stride)
                       .integers("dilations", dilation)
                       .integers("pads", pads));
}

void write_conv(GraphWriter& out) {
  const Ints order = channels_first(out.rank(0));
  Attributes attributes = window_attributes(conv_windows(out.node(), out.dims(1)));
  attributes.integer("group", out.attrs<ConvAttrs>().groups);
  // A weight [o, kernel..., i] becomes [o, i, kernel...] in the same way as a map.
  out.define(
      out.emit("Conv", {out.in(0, order), out.in(1, order), out.in(2)}, std::move(attributes)),
      order);
}

void write_depthwise(GraphWriter& out) {
  const auto& attrs = out.attrs<Conv2dAttrs>();
  const Dims& weight = out.dims(1);
  const Ints order = channels_first(4);
  const Name taps = out.is_constant(1)
                        ? out.reshaped_constant(1, {2, 0, 1}, {weight[2], 1, weight[0], weight[1]})
                        : out.emit("Unsqueeze", {out.in(1, {2, 0, 1}), out.list({1})});
  const auto attributes = Attributes()
                              .integers("kernel_shape", {weight[0], weight[1]})
                              .integers("strides", {attrs.stride[0], attrs.stride[1]})
                              .integers("pads", {attrs.pad.begin(), attrs.pad.end()})
                              .integer("group", weight[2]);
  out.define(out.emit("Conv", {out.in(0, order), taps, out.in(2)}, attributes), order);
}

void write_linear(GraphWriter& out) {
  const size_t rank = out.rank(0);
  const Ints order = channels_first(rank);
  const Dims& weight = out.dims(1);
  if (rank == 4 && out.is_constant(1) && out.natural_order(0) == order &&
      !out.is_made_in(0, usual_order(rank))) {
    const Name taps = out.reshaped_constant(1, {0, 1}, {weight[0], weight[1], 1, 1});
    out.define(out.emit("Conv", {out.in(0, order), taps, out.in(2)},
                        Attributes().integers("kernel_shape", {1, 1})),
               order);
    return;
  }
  if (rank == 2) {
    out.define(
        out.emit("Gemm", {out.in(0), out.in(1), out.in(2)}, Attributes().integer("transB", 1)));
    return;
  }
  Name y = out.emit("MatMul", {out.in(0), out.in(1, {1, 0})});
  if (out.has(2)) y = out.emit("Add", {y, out.in(2)});
  out.define(y);
}

void write_matmul(GraphWriter& out) {
  const auto& attrs = out.attrs<MatMulAttrs>();
  const auto order = [&](size_t i, bool is_transposed) {
    Ints perm = usual_order(out.rank(i));
    if (is_transposed) std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return perm;
  };
  out.define(out.emit(
      "MatMul", {out.in(0, order(0, attrs.transpose_a)), out.in(1, order(1, attrs.transpose_b))}));
}

void write_pool(GraphWriter& out) {
  const auto& attrs = out.attrs<PoolAttrs>();
  const bool is_average = attrs.function == PoolFunction::Average;
  const std::vector<WindowAxis> windows = pool_windows(out.node());
  bool is_dilated = false;
  for (const WindowAxis& axis : windows) is_dilated = is_dilated || axis.dilation != 1;
  Attributes attributes = window_attributes(windows);
  if (is_average && out.opset() < 19) {
    if (is_dilated) out.unsupported("an average over windows with gaps needs opset 19");
    attributes.remove("dilations");
  }
  if (attrs.ceil_mode) attributes.integer("ceil_mode", 1);
  if (is_average && attrs.count_include_pad) attributes.integer("count_include_pad", 1);
  const Ints order = channels_first(out.rank(0));
  out.define(
      out.emit(is_average ? "AveragePool" : "MaxPool", {out.in(0, order)}, std::move(attributes)),
      order);
}

void write_resize(GraphWriter& out) {
  const auto& attrs = out.attrs<ResizeAttrs>();
  if (attrs.antialias && out.opset() < 18) out.unsupported("antialias needs opset 18");
  if (attrs.coordinates == ResizeCoordinates::HalfPixelSymmetric && out.opset() < 19)
    out.unsupported("half_pixel_symmetric needs opset 19");
  const Ints order = out.common_order();
  const auto name = [](auto value) { return Name(enum_names(value)[static_cast<size_t>(value)]); };
  Attributes attributes;
  attributes.text("mode", name(attrs.mode))
      .text("coordinate_transformation_mode", name(attrs.coordinates));
  if (attrs.mode == ResizeMode::Nearest) attributes.text("nearest_mode", name(attrs.nearest));
  if (attrs.mode == ResizeMode::Cubic) attributes.number("cubic_coeff_a", attrs.cubic_a);
  if (attrs.exclude_outside) attributes.integer("exclude_outside", 1);
  if (attrs.antialias) attributes.integer("antialias", 1);
  std::vector<Name> in{out.in(0, order), Name(), Name(), Name()};
  if (out.has(1)) {
    in[3] = out.in(1);
    if (order != usual_order(order.size())) in[3] = out.emit("Gather", {in[3], out.list(order)});
  } else if (!attrs.sizes.empty()) {
    in[3] = out.list(in_order(attrs.sizes, order));
  } else {
    const std::vector<double> scales = in_order(attrs.scales, order);
    const std::vector<float> narrow(scales.begin(), scales.end());
    in[2] = out.constant(make_constant({static_cast<int64_t>(narrow.size())}, narrow));
  }
  out.define(out.emit("Resize", in, std::move(attributes)), order);
}

}  // namespace vitro::onnx
