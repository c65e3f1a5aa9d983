#pragma once

#include <algorithm>

#include "frontend/onnx/call.h"

// What convolutions and pools have in common.
namespace vitro::onnx {

/// The windows of a convolution or pool over the axes behind the channels.
struct Windows {
  Ints kernel, stride, dilation, pad_begin, pad_end;
  bool has(const Ints& list, int64_t value) const {
    return std::all_of(list.begin(), list.end(), [&](int64_t entry) { return entry == value; });
  }
  bool is_pointwise() const {
    return has(kernel, 1) && has(stride, 1) && has(pad_begin, 0) && has(pad_end, 0);
  }
  /// One more axis in front, of extent 1.
  void add_row() {
    for (Ints* list : {&kernel, &stride, &dilation}) list->insert(list->begin(), 1);
    for (Ints* list : {&pad_begin, &pad_end}) list->insert(list->begin(), 0);
  }
};

/// An attribute with `count` entries; all `usual` where the node has none.
Ints list_of(Call& call, const char* name, size_t count, int64_t usual);
/// By the attributes strides, dilations, auto_pad and pads.
Windows windows_of(Call& call, const Ints& kernel, const Dims& spatial);
/// The extents of operand 0 behind its channels.
Dims spatial_dims(Call& call);

}  // namespace vitro::onnx
