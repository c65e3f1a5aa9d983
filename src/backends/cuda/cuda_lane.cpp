#include "backends/cuda/cuda_lane.h"

namespace vitro::cuda {

CudaLane::CudaLane(const LaneOptions& options) : device_(options.device), staging_(options) {
  const DeviceScope scope(device_);
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a CUDA stream");
}

CudaLane::~CudaLane() {
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

std::byte* CudaLane::workspace(size_t bytes) {
  if (bytes > memory_.bytes()) {
    wait();
    memory_ = {};  // before the new one is asked for: both at once may not fit
    memory_ = DeviceMemory(bytes);
  }
  return memory_.data();
}

void CudaLane::wait() const { check_cuda(cudaStreamSynchronize(stream_), "a run on the GPU"); }

void CudaLane::begin_section(int section) {
  if (!timeline_) return;
  wait();
  timeline_->mark(0, section);
}

}  // namespace vitro::cuda
