#include "backends/cuda/tensor_memory.h"

#include "backends/cuda/kernels/launch.h"
#include "core/check.h"

namespace vitro::cuda {
namespace {

cudaPointerAttributes attributes_of(const void* data) {
  cudaPointerAttributes attributes{};
  check_cuda(cudaPointerGetAttributes(&attributes, data), "looking up memory of a tensor");
  return attributes;
}

/// "memory of cuda:1"
std::string describe(const cudaPointerAttributes& attributes) {
  switch (attributes.type) {
    case cudaMemoryTypeHost:
      return "page-locked memory of the host";
    case cudaMemoryTypeDevice:
      return fmt::format("memory of cuda:{}", attributes.device);
    case cudaMemoryTypeManaged:
      return "managed memory";
    default:
      return "pageable memory of the host";
  }
}

void check_tensor(const TensorView& tensor, const char* what, size_t index, int device,
                  bool enqueued) {
  const cudaPointerAttributes attributes = attributes_of(tensor.data);
  const bool on_device = attributes.type == cudaMemoryTypeManaged ||
                         (attributes.type == cudaMemoryTypeDevice && attributes.device == device);
  check(tensor.device.type != DeviceType::Cuda || on_device, ErrorCode::InvalidArgument,
        "{} {} is said to be in memory of {}, but its address is in {}", what, index,
        to_string(tensor.device), describe(attributes));
  if (enqueued && attributes.type == cudaMemoryTypeUnregistered)
    fail_hint(ErrorCode::InvalidArgument,
              "copy it there first, or lock it with cudaHostRegister(); or run without a stream",
              "{} {} of a run on a stream is in pageable memory of the host, expected memory of "
              "the GPU or page-locked memory",
              what, index);
}

}  // namespace

bool is_pageable(const void* data) {
  return attributes_of(data).type == cudaMemoryTypeUnregistered;
}

void check_tensors(std::span<const TensorView> tensors, const char* what, int device,
                   bool enqueued) {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (enqueued || tensors[i].device.type == DeviceType::Cuda)
      if (num_elements(tensors[i].dims) > 0) check_tensor(tensors[i], what, i, device, enqueued);
}

}  // namespace vitro::cuda
