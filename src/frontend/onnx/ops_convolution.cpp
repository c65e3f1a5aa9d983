#include <functional>
#include <numeric>

#include "frontend/onnx/table.h"
#include "frontend/onnx/windows.h"

namespace vitro::onnx {
namespace {

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
  if (sizes && sizes->size() != count)
    call.invalid(fmt::format("output_shape has {} entries, expected {}", sizes->size(), count));
  PadAttrs border{PadMode::Constant, {0}, {0}, 0.0};
  for (size_t i = 0; i < count; ++i) {
    if (stride[i] < 1 || dilation[i] < 1 || kernel[i] < 1)
      call.invalid("stride, dilation or kernel below 1");
    const int64_t span = (kernel[i] - 1) * dilation[i];
    if (sizes && !call.is_fixed(0, i + 2))
      call.unsupported("output_shape of an input whose extents are open");
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

}  // namespace vitro::onnx
