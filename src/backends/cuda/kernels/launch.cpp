#include "backends/cuda/kernels/launch.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "backends/cuda/kernels/graph.h"
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

/// Lets launches of the kernel on the current device have so many bytes of dynamic shared memory;
/// never fewer than an earlier call did, since threads launch one kernel with different sizes.
/// `name` is for the error that is thrown where the device has not as many.
void allow_shared_memory(const char* name, const void* kernel, size_t bytes);

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

Residency residency_of(int blocks, size_t shared_bytes) {
  if (blocks > multiprocessors()) return {shared_bytes, false};
  const int half = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) / 2;
  const int limit = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  return {std::max(shared_bytes, static_cast<size_t>(std::min(half, limit))), true};
}

void launch_any(const char* name, const void* kernel, const LaunchShape& shape,
                const Launch& launch, void** arguments) {
  if (shape.shared_bytes > 48 * 1024) allow_shared_memory(name, kernel, shape.shared_bytes);
  if (launch.graph) return launch.graph->add(name, kernel, shape, launch.overlap, arguments);
  cudaLaunchAttribute attributes[3]{};
  unsigned count = 0;
  if (launch.overlap) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cluster_x > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {shape.cluster_x, 1, 1};
  }
  if (shape.cooperative) {
    attributes[count].id = cudaLaunchAttributeCooperative;
    attributes[count++].val.cooperative = 1;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = launch.stream;
  config.attrs = attributes;
  config.numAttrs = count;
  check_cuda(cudaLaunchKernelExC(&config, kernel, arguments), name);
}

}  // namespace vitro::cuda
