#include "backends/cuda/kernels/launch.h"

#include "core/check.h"

namespace vitro::cuda {

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const bool memory = status == cudaErrorMemoryAllocation;
  fail_hint(memory ? ErrorCode::OutOfMemory : ErrorCode::DeviceError,
            memory ? "try a smaller batch or size, or see 'nvidia-smi' for what else is on the GPU" : "",
            "{}: {}: {}", what, cudaGetErrorName(status), cudaGetErrorString(status));
}

int multiprocessors() {
  int device = 0, count = 0;
  check_cuda(cudaGetDevice(&device), "device");
  check_cuda(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "multiprocessors");
  return count;
}

}  // namespace vitro::cuda
