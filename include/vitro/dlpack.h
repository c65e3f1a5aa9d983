#pragma once

#include "vitro/tensor.h"

/// Tensors to and from other libraries without a copy: https://dmlc.github.io/dlpack. The structs
/// are those of dlpack.h, which Vitro does not need: whoever fills or reads them includes it.
struct DLManagedTensor;
struct DLManagedTensorVersioned;

namespace vitro {

/// Shares the memory; its deleter is called once, when the last copy of the tensor is gone. After
/// an exception the caller still owns `managed`. Memory marked as read-only is taken as well: do
/// not write to the tensor. Throws InvalidArgument for a null pointer, negative extents or data
/// that is null or misaligned, and Unsupported for another version than 1, elements or devices that
/// Vitro does not have, and strides that are not dense and row-major.
Tensor from_dlpack(DLManagedTensor* managed);
Tensor from_dlpack(DLManagedTensorVersioned* managed);

/// Shares the memory, which stays alive until the consumer has called the deleter. Never null.
DLManagedTensor* to_dlpack(const Tensor& tensor);
DLManagedTensorVersioned* to_dlpack_versioned(const Tensor& tensor);

}  // namespace vitro
