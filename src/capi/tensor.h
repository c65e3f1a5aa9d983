#pragma once

#include <span>
#include <vector>

#include "vitro/tensor.h"
#include "vitro/vitro_c.h"

struct vitro_tensor {
  vitro::Tensor tensor;
};

namespace vitro::capi {

/// Throws InvalidArgument for a value that is none.
DType dtype_from_c(vitro_dtype dtype);
inline vitro_dtype dtype_to_c(DType dtype) { return static_cast<vitro_dtype>(dtype); }

/// The extents of an array that may be NULL when it is empty.
Dims dims_from_c(const int64_t* dims, int32_t rank);
TensorView view_from_c(const vitro_view& view);
/// `name` is what errors call the array.
std::vector<TensorView> views_from_c(const vitro_view* views, size_t count, const char* name);

}  // namespace vitro::capi
