#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

/// The windows of a convolution or pool over the axes behind the channels.
struct Windows {
  Ints kernel, stride, dilation, pad_begin, pad_end;
  bool has(const Ints& list, int64_t value) const {
    return std::all_of(list.begin(), list.end(), [&](int64_t entry) { return entry == value; });
  }
  bool is_pointwise() const {
    return has(kernel, 1) && has(stride, 1) && has(pad_begin, 0) && has(pad_end, 0);
  }
};

Ints list_of(Call& call, const char* name, size_t count, int64_t usual) {
  const Ints list = call.integers(name).value_or(Ints(count, usual));
  if (list.size() != count)
    call.invalid(
        fmt::format("attribute '{}' has {} entries, expected {}", name, list.size(), count));
  return list;
}

/// Padding so that the result has extent / stride, rounded up.
void pad_same(Call& call, Windows& windows, const Dims& spatial, bool upper) {
  for (size_t i = 0; i < windows.kernel.size(); ++i) {
    const int64_t stride = windows.stride[i],
                  span = (windows.kernel[i] - 1) * windows.dilation[i] + 1;
    if (stride != 1 && call.importer().has_open_inputs())
      call.unsupported("auto_pad with strides, which depends on the extents of the input");
    if (stride < 1) call.invalid(fmt::format("stride {}", stride));
    const int64_t count = (spatial[i] + stride - 1) / stride;
    const int64_t total = std::max<int64_t>(0, (count - 1) * stride + span - spatial[i]);
    windows.pad_begin[i] = upper ? total / 2 : total - total / 2;
    windows.pad_end[i] = total - windows.pad_begin[i];
  }
}

Windows windows_of(Call& call, const Ints& kernel, const Dims& spatial) {
  const size_t count = kernel.size();
  if (spatial.size() != count || count < 1 || count > 3)
    call.unsupported(fmt::format("a kernel of {} axes for {} spatial axes, expected 1 to 3", count,
                                 spatial.size()));
  Windows windows{
      kernel, list_of(call, "strides", count, 1), list_of(call, "dilations", count, 1), {}, {}};
  const std::string automatic = call.text("auto_pad", "NOTSET");
  const Ints pads = list_of(call, "pads", 2 * count, 0);
  windows.pad_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(count));
  windows.pad_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(count), pads.end());
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER")
    pad_same(call, windows, spatial, automatic == "SAME_UPPER");
  else if (automatic == "VALID")
    windows.pad_begin = windows.pad_end = Ints(count, 0);
  else if (automatic != "NOTSET")
    call.invalid("auto_pad is " + automatic);
  return windows;
}

Dims spatial_dims(Call& call) {
  const Dims& dims = call.dims(0);
  if (dims.size() < 3)
    call.invalid(fmt::format("input is {}, expected [n, c, ...]", to_string(dims)));
  return {dims.begin() + 2, dims.end()};
}

/// The spatial extents of a convolution's weight.
Ints kernel_of(Call& call, const Dims& weight, const Dims& spatial) {
  if (weight.size() != spatial.size() + 2)
    call.invalid(fmt::format("weight is {}, input {}", to_string(weight), to_string(call.dims(0))));
  const Ints kernel(weight.begin() + 2, weight.end());
  if (const auto given = call.integers("kernel_shape"); given && *given != kernel)
    call.invalid(
        fmt::format("kernel_shape {} for weight {}", to_string(*given), to_string(weight)));
  return kernel;
}

/// Weights [o, i, kernel...] with channels last.
Ints weight_perm(size_t rank) {
  Ints perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  return perm;
}

}  // namespace

namespace {

struct ConvOperands {
  ValueId x;  ///< [n, c, spatial...]
  Dims weight;
  bool is_known;                                 ///< the weight
  std::function<ValueId(const Ints&)> permuted;  ///< the weight with its axes in another order
  ValueId bias;
};

/// Attributes are those of Conv.
ValueId convolution(Call& call, const ConvOperands& given) {
  const Dims &weight = given.weight, spatial = spatial_dims(call);
  const Ints kernel = kernel_of(call, weight, spatial);
  const Windows windows = windows_of(call, kernel, spatial);
  const int64_t groups = call.integer("group", 1), channels = call.dims(0)[1];
  const ValueId x = call.channels_last(given.x), bias = given.bias;
  ValueId y;
  if (given.is_known && groups == 1 && windows.is_pointwise()) {
    const ValueId matrix =
        call.reshape(given.permuted(weight_perm(weight.size())), {weight[0], weight[1]});
    y = call.op(OpKind::Linear, {}, {x, matrix, bias});
  } else if (given.is_known && groups == channels && weight[0] == channels && weight[1] == 1 &&
             kernel.size() == 2 && windows.has(windows.dilation, 1)) {
    const ValueId taps =
        call.reshape(given.permuted({2, 3, 0, 1}), {kernel[0], kernel[1], channels});
    const Conv2dAttrs attrs{
        {windows.stride[0], windows.stride[1]},
        {windows.pad_begin[0], windows.pad_begin[1], windows.pad_end[0], windows.pad_end[1]}};
    y = call.op(OpKind::DepthwiseConv2d, attrs, {x, taps, bias});
  } else {
    const ConvAttrs attrs{windows.stride, windows.dilation, windows.pad_begin, windows.pad_end,
                          groups};
    y = call.op(OpKind::Conv, attrs, {x, given.permuted(weight_perm(weight.size())), bias});
  }
  return call.channels_first(y);
}

/// The same of codes x and w, which are numbers beside their scales and zero points.
ValueId convolution_of_codes(Call& call, ValueId x, size_t w, ValueId weight, ValueId bias) {
  return convolution(call, {x, call.dims(w), call.is_known(w),
                            [&](const Ints& perm) { return call.transpose(weight, perm); }, bias});
}

}  // namespace

Results import_conv(Call& call) {
  return {convolution(
      call, {call.in(0), call.dims(1), call.is_known(1),
             [&](const Ints& perm) { return call.permuted(1, perm); }, call.optional(2)})};
}

Results import_qlinear_conv(Call& call) {
  const ValueId bias =
      call.has(8) ? dequantized(call, call.in(8),
                                call.op(BinaryFunction::Mul, call.in(1), call.in(4)), kAbsent, 0)
                  : kAbsent;
  const ValueId x = dequantized(call, call.in(0), call.in(1), call.in(2), 1),
                weight = dequantized(call, call.in(3), call.in(4), call.in(5), 0);
  return {quantized(call, convolution_of_codes(call, x, 3, weight, bias), 6)};
}

Results import_conv_integer(Call& call) {
  const ValueId one = call.scalar(1, DType::Float32);
  const ValueId x = dequantized(call, call.in(0), one, call.optional(2), 1);
  const ValueId weight = dequantized(call, call.in(1), one, call.optional(3), 0);
  return {call.cast(convolution_of_codes(call, x, 1, weight, kAbsent), DType::Int32)};
}

namespace {

/// x [n, spatial..., c] with stride - 1 zeros between its elements.
ValueId spread(Call& call, ValueId x, const Ints& stride) {
  const size_t count = stride.size();
  if (std::all_of(stride.begin(), stride.end(), [](int64_t s) { return s == 1; })) return x;
  Ints axes, factors{1}, surplus{0};
  PadAttrs zeros{PadMode::Constant, {}, {0}, 0.0};
  for (size_t i = 0; i < count; ++i) {
    axes.push_back(static_cast<int64_t>(2 * i + 2));
    zeros.end.insert(zeros.end.end(), {0, stride[i] - 1});
    factors.push_back(stride[i]);
    surplus.push_back(1 - stride[i]);
  }
  zeros.end.push_back(0);
  factors.push_back(1);
  surplus.push_back(0);
  zeros.begin.assign(zeros.end.size(), 0);
  const ValueId apart = call.op(OpKind::Pad, zeros, {call.unsqueeze(x, axes)});
  const ValueId dims =
      call.op(BinaryFunction::Mul, call.op(OpKind::Shape, {}, {x}), call.integers_of(factors));
  const ValueId wide = call.op(OpKind::Reshape, ReshapeAttrs{}, {apart, dims});
  return call.op(OpKind::Pad, PadAttrs{PadMode::Constant, Ints(count + 2, 0), surplus, 0.0},
                 {wide});
}

/// Weights [i, o / groups, kernel...] of a transposed convolution as those [o, kernel..., i /
/// groups] of the convolution that it is: the taps run backwards.
ValueId reversed_weight(Call& call, const Dims& weight, int64_t groups) {
  const auto spatial = static_cast<int64_t>(weight.size()) - 2;
  SliceAttrs backwards;
  for (int64_t i = 0; i < spatial; ++i) {
    backwards.axes.push_back(i + 2);
    backwards.begins.push_back(-1);
    backwards.ends.push_back(-(int64_t{1} << 40));
    backwards.steps.push_back(-1);
  }
  const ValueId taps = call.op(OpKind::Slice, backwards, {call.in(1)});
  Dims split{groups, weight[0] / groups, weight[1]}, joined{groups * weight[1]};
  split.insert(split.end(), weight.begin() + 2, weight.end());
  joined.insert(joined.end(), weight.begin() + 2, weight.end());
  joined.push_back(weight[0] / groups);
  Ints perm{0, 2};
  for (int64_t i = 0; i < spatial; ++i) perm.push_back(i + 3);
  perm.push_back(1);
  return call.reshape(call.transpose(call.reshape(taps, split), perm), joined);
}

}  // namespace

Results import_conv_transpose(Call& call) {
  const Dims weight = call.dims(1), spatial = spatial_dims(call);
  const Ints kernel = kernel_of(call, weight, spatial);
  const int64_t groups = call.integer("group", 1);
  if (groups < 1 || weight[0] % groups != 0)
    call.invalid(fmt::format("{} groups of weight {}", groups, to_string(weight)));
  const size_t count = kernel.size();
  const Ints stride = list_of(call, "strides", count, 1),
             dilation = list_of(call, "dilations", count, 1),
             extra = list_of(call, "output_padding", count, 0);
  Ints pads = list_of(call, "pads", 2 * count, 0);
  const std::string automatic = call.text("auto_pad", "NOTSET");
  const auto sizes = call.integers("output_shape");
  if (sizes && (sizes->size() != count || call.importer().has_open_inputs()))
    call.unsupported("output_shape of an input whose extents are open");
  PadAttrs border{PadMode::Constant, {0}, {0}, 0.0};
  for (size_t i = 0; i < count; ++i) {
    if (stride[i] < 1 || dilation[i] < 1 || kernel[i] < 1)
      call.invalid("stride, dilation or kernel below 1");
    const int64_t span = (kernel[i] - 1) * dilation[i];
    if (sizes || automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const int64_t size = sizes ? (*sizes)[i] : spatial[i] * stride[i];
      const int64_t total = stride[i] * (spatial[i] - 1) + extra[i] + span + 1 - size;
      const int64_t cut = std::max<int64_t>(total, 0);  // below 0 the result grows at its end
      pads[i] = automatic == "SAME_UPPER" ? cut / 2 : cut - cut / 2;
      pads[i + count] = total - pads[i];
    }
    border.begin.push_back(span - pads[i]);
    border.end.push_back(span - pads[i + count] + extra[i]);
  }
  border.begin.push_back(0);
  border.end.push_back(0);
  const ValueId x = spread(call, call.channels_last(call.in(0)), stride);
  const ConvAttrs attrs{Ints(count, 1), dilation, Ints(count, 0), Ints(count, 0), groups};
  const ValueId y = call.op(
      OpKind::Conv, attrs,
      {call.op(OpKind::Pad, border, {x}), reversed_weight(call, weight, groups), call.optional(2)});
  return {call.channels_first(y)};
}

Results import_pool(Call& call) {
  if (call.wants(1)) call.unsupported("with the positions of the maxima");
  call.ignore("storage_order");
  const auto kernel = call.integers("kernel_shape");
  if (!kernel) call.invalid("attribute 'kernel_shape' is missing");
  const Windows windows = windows_of(call, *kernel, spatial_dims(call));
  PoolAttrs attrs{PoolFunction::Max, windows.kernel,    windows.stride,
                  windows.dilation,  windows.pad_begin, windows.pad_end};
  attrs.ceil_mode = call.flag("ceil_mode", false);
  const ValueId x = call.channels_last(call.in(0));
  if (call.op_type() == "MaxPool") return {call.channels_first(call.op(OpKind::Pool, attrs, {x}))};
  attrs.function = PoolFunction::Average;
  if (call.op_type() == "AveragePool") {
    attrs.count_include_pad = call.flag("count_include_pad", false);
    return {call.channels_first(call.op(OpKind::Pool, attrs, {x}))};
  }
  // LpPool: the p-th root of the sum of p-th powers.
  attrs.count_include_pad = true;
  if (attrs.ceil_mode) call.unsupported("ceil_mode");
  const DType dtype = call.dtype(0);
  const auto p = static_cast<double>(call.integer("p", 2));
  if (p < 1) call.invalid(fmt::format("p is {}", p));
  const double count = std::accumulate(kernel->begin(), kernel->end(), 1.0, std::multiplies<>());
  const ValueId powers =
      call.op(BinaryFunction::Pow, call.op(UnaryFunction::Abs, x), call.scalar(p, dtype));
  const ValueId sum = call.op(BinaryFunction::Mul, call.op(OpKind::Pool, attrs, {powers}),
                              call.scalar(count, dtype));
  return {call.channels_first(call.op(BinaryFunction::Pow, sum, call.scalar(1 / p, dtype)))};
}

namespace {

template <typename Enum>
Enum named(Call& call, const char* attribute, const std::string& name) {
  const auto names = enum_names(Enum{});
  for (size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<Enum>(i);
  call.unsupported(fmt::format("{} is {}", attribute, name));
}

/// Entries for all axes from those of some.
template <typename T>
std::vector<T> of_all_axes(Call& call, const std::vector<T>& given, const Ints& axes,
                           std::vector<T> all) {
  if (given.size() != axes.size())
    call.invalid(fmt::format("{} entries for {} axes", given.size(), axes.size()));
  for (size_t i = 0; i < axes.size(); ++i)
    all[static_cast<size_t>(call.axis(axes[i], call.rank(0)))] = given[i];
  return all;
}

/// Sizes that keep the ratio of the extents.
void keep_ratio(Call& call, const std::string& policy, const Ints& axes, Ints& sizes) {
  if (policy == "stretch") return;
  if (policy != "not_larger" && policy != "not_smaller")
    call.unsupported("keep_aspect_ratio_policy is " + policy);
  if (call.importer().has_open_inputs())
    call.unsupported("keep_aspect_ratio_policy of an input whose extents are open");
  double scale = policy == "not_larger" ? INFINITY : 0.0;
  const auto ratio = [&](size_t i) {
    return static_cast<double>(sizes[i]) /
           static_cast<double>(call.dims(0)[static_cast<size_t>(call.axis(axes[i], call.rank(0)))]);
  };
  for (size_t i = 0; i < sizes.size(); ++i)
    scale = policy == "not_larger" ? std::min(scale, ratio(i)) : std::max(scale, ratio(i));
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t extent = call.dims(0)[static_cast<size_t>(call.axis(axes[i], call.rank(0)))];
    sizes[i] = static_cast<int64_t>(std::floor(scale * static_cast<double>(extent) + 0.5));
  }
}

}  // namespace

Results import_resize(Call& call) {
  ResizeAttrs attrs;
  attrs.mode = named<ResizeMode>(call, "mode", call.text("mode", "nearest"));
  attrs.coordinates =
      named<ResizeCoordinates>(call, "coordinate_transformation_mode",
                               call.text("coordinate_transformation_mode", "half_pixel"));
  attrs.nearest =
      named<ResizeNearest>(call, "nearest_mode", call.text("nearest_mode", "round_prefer_floor"));
  attrs.cubic_a = call.number("cubic_coeff_a", -0.75f);
  attrs.exclude_outside = call.flag("exclude_outside", false);
  attrs.antialias = call.flag("antialias", false);
  call.ignore("extrapolation_value");  // of tf_crop_and_resize
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  const auto rank = static_cast<size_t>(call.rank(0));
  Ints axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (const auto given = call.integers("axes")) axes = *given;
  if (call.has(3) && !call.known(3)) {
    if (axes.size() != rank || policy != "stretch")
      call.unsupported("sizes of some axes that are computed");
    return {call.op(OpKind::Resize, attrs, {call.in(0), call.cast(call.in(3), DType::Int64)})};
  }
  const auto scales = call.has(2) ? call.numbers(2, "scales") : std::vector<double>{};
  if (!scales.empty()) {
    attrs.scales = of_all_axes(call, scales, axes, std::vector<double>(rank, 1.0));
    return {call.op(OpKind::Resize, attrs, {call.in(0)})};
  }
  Ints sizes = call.ints(3, "sizes");
  if (sizes.size() != axes.size())
    call.invalid(fmt::format("{} sizes for {} axes", sizes.size(), axes.size()));
  keep_ratio(call, policy, axes, sizes);
  if (axes.size() == rank || !call.importer().has_open_inputs()) {
    attrs.sizes = of_all_axes(call, sizes, axes, call.dims(0));
    return {call.op(OpKind::Resize, attrs, {call.in(0)})};
  }
  // The other extents are those of the operand.
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  const Ints chosen = of_all_axes(call, sizes, axes, Ints(rank, -1));
  std::vector<ValueId> parts;
  for (size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<int64_t>(i);
    parts.push_back(chosen[i] >= 0 ? call.integers_of({chosen[i]})
                                   : call.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape}));
  }
  return {
      call.op(OpKind::Resize, attrs, {call.in(0), call.op(OpKind::Concat, AxisAttrs{0}, parts)})};
}

namespace {

Results resize_by(Call& call, const std::vector<double>& scales) {
  ResizeAttrs attrs;
  const std::string mode = call.text("mode", "nearest");
  attrs.mode = named<ResizeMode>(call, "mode", mode == "bilinear" ? "linear" : mode);
  attrs.coordinates = ResizeCoordinates::Asymmetric;
  attrs.nearest = ResizeNearest::Floor;
  attrs.scales = scales;
  return {call.op(OpKind::Resize, attrs, {call.in(0)})};
}

}  // namespace

Results import_resize_10(Call& call) { return resize_by(call, call.numbers(1, "scales")); }

Results import_upsample(Call& call) {
  if (call.opset() >= 9) return resize_by(call, call.numbers(1, "scales"));
  const auto scales = call.floats("scales");
  if (!scales) call.invalid("has no scales");
  return resize_by(call, {scales->begin(), scales->end()});
}

}  // namespace vitro::onnx
