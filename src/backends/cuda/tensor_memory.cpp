#include "backends/cuda/tensor_memory.h"

#include <cstring>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/launch.h"
#include "core/check.h"
#include "core/device_allocator.h"

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

void check_usable(Device device) {
  const std::optional<Refusal>& refusal = device_refusal();
  check(!refusal, ErrorCode::DeviceError, "memory of {}: {}", to_string(device),
        refusal ? refusal->reason : "");
}

std::shared_ptr<std::byte> device_memory(size_t bytes, Device device) {
  check_usable(device);
  device_info(device.index);
  if (bytes == 0) return nullptr;
  const DeviceScope scope(device.index);
  auto memory = std::make_shared<DeviceMemory>(bytes);
  check_cuda(cudaMemset(memory->data(), 0, bytes), "clearing memory of a tensor");
  // Work on a stream does not wait for it by itself.
  check_cuda(cudaDeviceSynchronize(), "clearing memory of a tensor");
  return {memory, memory->data()};
}

std::shared_ptr<std::byte> page_locked_memory(size_t bytes, Device device) {
  check_usable(device);
  if (bytes == 0) return nullptr;
  void* data = nullptr;
  check_cuda(cudaHostAlloc(&data, bytes, cudaHostAllocDefault), "page-locked memory of a tensor");
  std::shared_ptr<std::byte> memory(static_cast<std::byte*>(data), cudaFreeHost);
  std::memset(data, 0, bytes);
  return memory;
}

}  // namespace

void offer_tensor_memory() {
  set_device_allocator(DeviceType::Cuda, device_memory);
  set_device_allocator(DeviceType::CudaHost, page_locked_memory);
}

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
