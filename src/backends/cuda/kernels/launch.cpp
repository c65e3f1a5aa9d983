#include "backends/cuda/kernels/launch.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/check.h"

namespace vitro::cuda {

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const bool memory = status == cudaErrorMemoryAllocation;
  fail_hint(
      memory ? ErrorCode::OutOfMemory : ErrorCode::DeviceError,
      memory ? "try a smaller batch or size, or see 'nvidia-smi' for what else is on the GPU" : "",
      "{}: {}: {}", what, cudaGetErrorName(status), cudaGetErrorString(status));
}

namespace {

int attribute(cudaDeviceAttr name) {
  int device = 0, value = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&value, name, device), "cudaDeviceGetAttribute");
  return value;
}

}  // namespace

int multiprocessors() { return attribute(cudaDevAttrMultiProcessorCount); }

int compute_capability() {
  return attribute(cudaDevAttrComputeCapabilityMajor) * 10 +
         attribute(cudaDevAttrComputeCapabilityMinor);
}

size_t shared_memory_limit(int capability) {
  switch (capability) {
    case 80:
    case 87:
      return 163 * 1024;
    case 86:
    case 89:
    case 120:
    case 121:
      return 99 * 1024;
    default:
      return (capability >= 90 ? 227 : 48) * 1024;
  }
}

void allow_shared_memory(const char* name, const void* kernel, size_t bytes) {
  static std::mutex mutex;
  static std::map<std::pair<int, const void*>, size_t> allowed;  // by device and kernel
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  const std::lock_guard lock(mutex);
  size_t& most = allowed[{device, kernel}];
  if (bytes <= most) return;
  check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(bytes)),
             name);
  most = bytes;
}

Residency residency_of(int blocks, size_t shared_bytes) {
  if (blocks > multiprocessors()) return {shared_bytes, false};
  const int half = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) / 2;
  const int limit = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  return {std::max(shared_bytes, static_cast<size_t>(std::min(half, limit))), true};
}

}  // namespace vitro::cuda
