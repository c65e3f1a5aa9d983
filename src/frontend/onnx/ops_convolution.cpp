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
  Windows windows = windows_of(call, kernel_of(call, weight, spatial), spatial);
  const int64_t groups = call.integer("group", 1), channels = call.dims(0)[1];
  const ValueId bias = given.bias;
  ValueId x = call.channels_last(given.x), y;
  // A line is an image of one row, for which backends have fast kernels.
  const bool is_line =
      windows.kernel.size() == 1 && given.is_known && !(windows.is_pointwise() && groups == 1);
  if (is_line) {
    x = call.unsqueeze(x, {1});
    windows.add_row();
  }
  const Ints& kernel = windows.kernel;
  if (given.is_known && groups == 1 && windows.is_pointwise()) {
    const ValueId matrix =
        call.reshape(given.permuted(weight_perm(weight.size())), {weight[0], weight[1]});
    y = call.op(OpKind::Linear, {}, {x, matrix, bias});
  } else if (given.is_known && groups == channels && weight[0] == channels && weight[1] == 1 &&
             kernel.size() == 2 && windows.has(windows.dilation, 1)) {
    const Ints perm = is_line ? Ints{2, 0, 1} : Ints{2, 3, 0, 1};
    const ValueId taps = call.reshape(given.permuted(perm), {kernel[0], kernel[1], channels});
    const Conv2dAttrs attrs{
        {windows.stride[0], windows.stride[1]},
        {windows.pad_begin[0], windows.pad_begin[1], windows.pad_end[0], windows.pad_end[1]}};
    y = call.op(OpKind::DepthwiseConv2d, attrs, {x, taps, bias});
  } else {
    const ConvAttrs attrs{windows.stride, windows.dilation, windows.pad_begin, windows.pad_end,
                          groups};
    ValueId taps = given.permuted(weight_perm(weight.size()));
    if (is_line) taps = call.unsqueeze(taps, {1});
    y = call.op(OpKind::Conv, attrs, {x, taps, bias});
  }
  return call.channels_first(is_line ? call.squeeze(y, {1}) : y);
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

/// Of a Col2Im, by spatial axis.
struct Blocks {
  Ints image, kernel, stride, dilation, pads;  // as ONNX has them
  Ints places;                                 // how many there are

  explicit Blocks(Call& call)
      : image(call.ints(1, "the extents of the image")),
        kernel(call.ints(2, "the extents of a block")),
        stride(list_of(call, "strides", image.size(), 1)),
        dilation(list_of(call, "dilations", image.size(), 1)),
        pads(list_of(call, "pads", 2 * image.size(), 0)) {
    constexpr int64_t kMost = 1 << 16;
    if (kernel.size() != image.size() || image.empty())
      call.invalid(fmt::format("a block of {} axes for {}", kernel.size(), image.size()));
    for (size_t i = 0; i < image.size(); ++i) {
      for (const int64_t number : {image[i], kernel[i], stride[i], dilation[i]})
        if (number < 1 || number > kMost) call.invalid(fmt::format("{} along axis {}", number, i));
      if (std::abs(pads[i]) > kMost || std::abs(pads[i + image.size()]) > kMost)
        call.invalid("pads beyond the image");
      const int64_t room =
          image[i] + pads[i] + pads[i + image.size()] - (kernel[i] - 1) * dilation[i] - 1;
      if (room < 0) call.invalid(fmt::format("blocks larger than the image along axis {}", i));
      places.push_back(room / stride[i] + 1);
    }
  }
};

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

/// The sum of blocks [n, c * elements of a block, places], each at its place: for each element of
/// the blocks a map, whose pixels lie a stride apart.
Results import_col2im(Call& call) {
  const Blocks blocks(call);
  constexpr int64_t kMostElements = 256;
  const size_t count = blocks.image.size();
  const int64_t elements = num_elements(blocks.kernel);
  if (elements > kMostElements) call.unsupported(fmt::format("blocks of {} elements", elements));
  if (call.rank(0) != 3 || call.dims(0)[1] % elements != 0)
    call.invalid(fmt::format("{} for blocks of {}", to_string(call.dims(0)), elements));
  Ints split{0, call.dims(0)[1] / elements, elements};
  split.insert(split.end(), blocks.places.begin(), blocks.places.end());
  Ints perm{2, 0};  // [elements, n, places..., c]
  for (size_t i = 0; i < count; ++i) perm.push_back(static_cast<int64_t>(i) + 3);
  perm.push_back(1);
  const ValueId maps = call.transpose(call.reshape(call.in(0), split), perm);
  ValueId sum = kAbsent;
  for (int64_t element = 0; element < elements; ++element) {
    const ValueId map =
        call.squeeze(call.op(OpKind::Slice, slice_of(0, element, element + 1), {maps}), {0});
    PadAttrs border{PadMode::Constant, Ints(count + 2, 0), Ints(count + 2, 0), 0.0};
    int64_t rest = element;
    for (size_t i = count; i-- > 0;) {
      const int64_t begin = rest % blocks.kernel[i] * blocks.dilation[i] - blocks.pads[i];
      rest /= blocks.kernel[i];
      border.begin[i + 1] = begin;
      border.end[i + 1] = blocks.image[i] - begin - ((blocks.places[i] - 1) * blocks.stride[i] + 1);
    }
    const ValueId placed = call.op(OpKind::Pad, border, {spread(call, map, blocks.stride)});
    sum = sum == kAbsent ? placed : call.op(BinaryFunction::Add, sum, placed);
  }
  return {call.channels_first(sum)};
}

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
