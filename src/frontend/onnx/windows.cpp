#include "frontend/onnx/windows.h"

namespace vitro::onnx {

Ints list_of(Call& call, const char* name, size_t count, int64_t usual) {
  const Ints list = call.integers(name).value_or(Ints(count, usual));
  if (list.size() != count)
    call.invalid(
        fmt::format("attribute '{}' has {} entries, expected {}", name, list.size(), count));
  return list;
}

namespace {

/// Padding so that the result has extent / stride, rounded up.
void pad_same(Call& call, Windows& windows, const Dims& spatial, bool upper) {
  for (size_t i = 0; i < windows.kernel.size(); ++i) {
    const int64_t stride = windows.stride[i],
                  span = (windows.kernel[i] - 1) * windows.dilation[i] + 1;
    if (stride != 1 && !call.is_fixed(0, i + 2))
      call.unsupported("auto_pad with strides, which depends on the extents of the input");
    if (stride < 1) call.invalid(fmt::format("stride {}", stride));
    const int64_t count = (spatial[i] + stride - 1) / stride;
    const int64_t total = std::max<int64_t>(0, (count - 1) * stride + span - spatial[i]);
    windows.pad_begin[i] = upper ? total / 2 : total - total / 2;
    windows.pad_end[i] = total - windows.pad_begin[i];
  }
}

}  // namespace

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

}  // namespace vitro::onnx
