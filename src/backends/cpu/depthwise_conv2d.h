#pragma once

#include "backends/cpu/kernels/depthwise.h"
#include "ir/op.h"

namespace vitro::cpu {

/// The geometry of a depthwise_conv2d on [n, h, w, c] tensors, pointers left empty.
DepthwiseArgs depthwise_args(const Dims& input, const Dims& weight, const Dims& output,
                             const Conv2dAttrs& attrs);

}  // namespace vitro::cpu
