#include <algorithm>
#include <cmath>

#include "ir/infer.h"

namespace vitro {
namespace {

int64_t entry(const Ints& list, size_t i, int64_t usual) { return list.empty() ? usual : list[i]; }

/// How many windows fit along an axis.
int64_t num_windows(const Node& node, int64_t extent, const WindowAxis& axis,
                    bool ceil_mode = false) {
  expect(axis.kernel >= 1, node, "kernel {} must be positive", axis.kernel);
  expect(axis.stride >= 1, node, "stride {} must be positive", axis.stride);
  expect(axis.dilation >= 1 && axis.dilation <= kMaxElements / axis.kernel, node,
         "dilation {} is out of range", axis.dilation);
  for (int64_t pad : {axis.pad_begin, axis.pad_end})
    expect(pad >= 0, node, "padding {} is negative", pad);
  const int64_t padding = axis.pad_begin + axis.pad_end;
  const int64_t span = axis.dilation * (axis.kernel - 1) + 1;
  expect(extent + padding >= span, node, "extent {} + padding {} is below the kernel {}", extent,
         padding, span);
  const int64_t room = extent + padding - span;
  int64_t count = room / axis.stride + 1;
  // A window that begins in the padding behind the operand covers none of it.
  if (ceil_mode && room % axis.stride != 0 && count * axis.stride < extent + axis.pad_begin)
    ++count;
  return count;
}

/// [n, spatial..., channels] with the windows of each spatial axis counted.
TensorType windowed(const Node& node, const Operand& x, const std::vector<WindowAxis>& axes,
                    int64_t channels, bool ceil_mode = false) {
  TensorType type{x.dtype(), {x.dims()[0]}};
  for (size_t i = 0; i < axes.size(); ++i)
    type.dims.push_back(num_windows(node, x.dims()[i + 1], axes[i], ceil_mode));
  type.dims.push_back(channels);
  return type;
}

void expect_bias(const Node& node, const Operand& bias, int64_t channels) {
  if (bias)
    expect(bias.dims() == Dims{channels}, node, "operand 2 is {}, expected {}",
           to_string(bias.dims()), channels);
}

}  // namespace

std::vector<WindowAxis> window_axes(const Node& node, std::span<const int64_t> kernel,
                                    const Ints& stride, const Ints& dilation, const Ints& pad_begin,
                                    const Ints& pad_end) {
  for (const Ints* list : {&stride, &dilation, &pad_begin, &pad_end})
    expect(list->empty() || list->size() == kernel.size(), node,
           "a list of {} entries for {} spatial axes", list->size(), kernel.size());
  std::vector<WindowAxis> axes;
  for (size_t i = 0; i < kernel.size(); ++i)
    axes.push_back({kernel[i], entry(stride, i, 1), entry(dilation, i, 1), entry(pad_begin, i, 0),
                    entry(pad_end, i, 0)});
  return axes;
}

std::vector<WindowAxis> conv_windows(const Node& node, const Dims& weight) {
  const auto& attrs = node.as<ConvAttrs>();
  return window_axes(node, std::span(weight).subspan(1, weight.size() - 2), attrs.stride,
                     attrs.dilation, attrs.pad_begin, attrs.pad_end);
}

std::vector<WindowAxis> pool_windows(const Node& node) {
  const auto& attrs = node.as<PoolAttrs>();
  return window_axes(node, attrs.kernel, attrs.stride, attrs.dilation, attrs.pad_begin,
                     attrs.pad_end);
}

TensorType infer_conv(const Node& node, Operands in) {
  const auto& attrs = node.as<ConvAttrs>();
  const Dims& w = in[1].dims();  // [out, kernel..., in / groups]
  expect(w.size() >= 3 && w.size() <= 5, node, "weight is {}, expected [out, kernel..., in]",
         to_string(w));
  expect_rank(node, in[0], w.size(), "input");
  const int64_t channels = in[0].dims().back();
  expect(attrs.groups >= 1 && attrs.groups <= std::max<int64_t>(channels, 1) &&
             w[0] % attrs.groups == 0 && channels % attrs.groups == 0,
         node, "groups {} do not divide {} and {} channels", attrs.groups, channels, w[0]);
  expect(w.back() == channels / attrs.groups, node, "input {} has {} channels, weight {} takes {}",
         to_string(in[0].dims()), channels, to_string(w), w.back() * attrs.groups);
  expect_bias(node, in[2], w[0]);
  return windowed(node, in[0], conv_windows(node, w), w[0]);
}

TensorType infer_depthwise(const Node& node, Operands in) {
  const auto& attrs = node.as<Conv2dAttrs>();
  expect_rank(node, in[0], 4, "input");
  expect_rank(node, in[1], 3, "weight");
  const Dims& w = in[1].dims();  // [kernel_h, kernel_w, channels]
  expect(w[2] == in[0].dims()[3], node, "input {} has {} channels, weight {} has {}",
         to_string(in[0].dims()), in[0].dims()[3], to_string(w), w[2]);
  expect_bias(node, in[2], w[2]);
  return windowed(node, in[0],
                  {{w[0], attrs.stride[0], 1, attrs.pad[0], attrs.pad[2]},
                   {w[1], attrs.stride[1], 1, attrs.pad[1], attrs.pad[3]}},
                  w[2]);
}

TensorType infer_pool(const Node& node, Operands in) {
  const auto& attrs = node.as<PoolAttrs>();
  const Dims& dims = in[0].dims();
  expect(
      !attrs.kernel.empty() && attrs.kernel.size() <= 3 && dims.size() == attrs.kernel.size() + 2,
      node, "input is {}, kernel of {} axes", to_string(dims), attrs.kernel.size());
  return windowed(node, in[0], pool_windows(node), dims.back(), attrs.ceil_mode);
}

TensorType infer_resize(const Node& node, Operands in) {
  const auto& attrs = node.as<ResizeAttrs>();
  TensorType type = *in[0].type;
  const Ints& sizes = known_list(node, in, 1, attrs.sizes);
  expect(sizes.empty() != attrs.scales.empty(), node, "expected either sizes or scales");
  if (!sizes.empty()) {
    expect(sizes.size() == type.dims.size(), node, "{} sizes for {}", sizes.size(),
           to_string(type.dims));
    for (int64_t size : sizes) expect(size >= 0, node, "size {} is negative", size);
    type.dims = sizes;
    return type;
  }
  expect(attrs.scales.size() == type.dims.size(), node, "{} scales for {}", attrs.scales.size(),
         to_string(type.dims));
  for (size_t i = 0; i < type.dims.size(); ++i) {
    const double extent = std::floor(static_cast<double>(type.dims[i]) * attrs.scales[i]);
    expect(attrs.scales[i] > 0 && extent <= static_cast<double>(kMaxElements), node,
           "scale {} of extent {}", attrs.scales[i], type.dims[i]);
    type.dims[i] = static_cast<int64_t>(extent);
  }
  return type;
}

}  // namespace vitro
