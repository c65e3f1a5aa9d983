#pragma once

#include <span>

#include "vitro/tensor.h"

namespace vitro::cuda {

/// Whether a GPU cannot copy from or to it by itself: memory of the host that is not page-locked.
bool is_pageable(const void* data);

/// Throws InvalidArgument for a tensor that is said to be in memory of the device and is not, and,
/// if `enqueued`, for one in pageable memory. `what` they are: "input".
void check_tensors(std::span<const TensorView> tensors, const char* what, int device,
                   bool enqueued);

/// Tensors of this process may be made in memory of a GPU and in page-locked memory.
void offer_tensor_memory();

}  // namespace vitro::cuda
