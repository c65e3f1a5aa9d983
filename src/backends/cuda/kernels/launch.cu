#include "backends/cuda/kernels/launch.h"

#include <stdexcept>

namespace vitro::cuda {

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorName(status) + ": " + cudaGetErrorString(status));
}

}  // namespace vitro::cuda
