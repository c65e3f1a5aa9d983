#pragma once

#include "backends/cuda/device_weights.h"
#include "backends/program.h"

namespace vitro::cuda {

/// A program for one device, whose kernels hold pointers into `weights`.
struct CudaProgram {
  std::unique_ptr<Program> steps;
  std::vector<bool> reads_images;  ///< by step: its input is the caller's float32 images
  std::vector<std::shared_ptr<DeviceWeights>> weights;  ///< of each precision
  int device = 0;
  Element element = Element::Float16;  ///< that inputs are stored in
};

/// Runs it on CudaLanes: a first run launch by launch, which ends with making one CUDA graph of
/// them; later runs replay it, on copies of the caller's tensors or (callers_memory.h) in place.
std::unique_ptr<Executable> make_cuda_executable(CudaProgram program);

}  // namespace vitro::cuda
