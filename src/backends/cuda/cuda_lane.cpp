#include "backends/cuda/cuda_lane.h"

#include "core/check.h"

namespace vitro::cuda {

CudaLane::CudaLane(const LaneOptions& options) : device_(options.device), staging_(options) {
  const DeviceScope scope(device_);
  check_cuda(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "an event");
  const cudaError_t status = cudaStreamCreateWithFlags(&own_, cudaStreamNonBlocking);
  if (status != cudaSuccess) cudaEventDestroy(done_);
  check_cuda(status, "a CUDA stream");
  current_ = own_;
}

CudaLane::~CudaLane() {
  cudaEventSynchronize(done_);
  cudaStreamSynchronize(own_);
  cudaStreamDestroy(own_);
  cudaEventDestroy(done_);
}

std::byte* CudaLane::workspace(size_t bytes) {
  if (bytes > memory_.bytes()) {
    wait();
    memory_ = {};  // before the new one is asked for: both at once may not fit
    memory_ = DeviceMemory(bytes);
  }
  return memory_.data();
}

LaneMemory CudaLane::allocate(size_t bytes) {
  const DeviceScope scope(device_);
  const auto memory = std::make_shared<DeviceMemory>(bytes);
  return {{memory, memory->data()}, {DeviceType::Cuda, device_}};
}

void CudaLane::settle() {
  if (pending_) check_cuda(cudaEventSynchronize(done_), "a run on a stream of the caller");
  pending_ = false;
}

void CudaLane::wait() {
  settle();
  check_cuda(cudaStreamSynchronize(own_), "a run on the GPU");
}

void CudaLane::begin_section(int section) {
  if (!timeline_) return;
  wait();
  timeline_->mark(0, section);
}

StreamScope::StreamScope(CudaLane& lane, cudaStream_t stream) : lane_(lane) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &capture), "a stream of the caller");
  check(capture == cudaStreamCaptureStatusNone, ErrorCode::Unsupported,
        "a run on a stream that is capturing a graph, which would not own the memory it works in");
  if (lane.pending_) check_cuda(cudaStreamWaitEvent(stream, lane.done_), "a stream of the caller");
  lane.current_ = stream;
}

StreamScope::~StreamScope() {
  // What cannot be followed is waited for.
  if (cudaEventRecord(lane_.done_, lane_.current_) != cudaSuccess) cudaDeviceSynchronize();
  lane_.pending_ = true;
  lane_.current_ = lane_.own_;
}

}  // namespace vitro::cuda
