#pragma once

#include <cstring>
#include <utility>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/launch.h"
#include "vitro/session.h"

namespace vitro::test {

inline constexpr Device kGpu{DeviceType::Cuda, 0};

inline size_t bytes_of(const Dims& dims) { return static_cast<size_t>(num_elements(dims)) * 4; }

/// Float32 elements in memory of GPU 0, NaN at first.
class OnDevice {
 public:
  explicit OnDevice(Dims dims) : dims_(std::move(dims)), memory_(bytes_of(dims_)) { poison(); }
  explicit OnDevice(const Tensor& host) : OnDevice(host.dims()) { upload(host); }

  TensorView view() const { return {memory_.data(), DType::Float32, dims_, kGpu}; }
  std::byte* data() const { return memory_.data(); }
  size_t bytes() const { return memory_.bytes(); }
  void upload(const Tensor& host) const {
    cuda::check_cuda(cudaMemcpy(data(), host.bytes().data(), bytes(), cudaMemcpyHostToDevice),
                     "upload");
    cuda::check_cuda(cudaDeviceSynchronize(), "upload");
  }
  void poison() const {
    cuda::check_cuda(cudaMemset(data(), 0xff, bytes()), "poison");
    cuda::check_cuda(cudaDeviceSynchronize(), "poison");
  }
  std::vector<float> download() const {
    std::vector<float> values(bytes() / 4);
    cuda::check_cuda(cudaMemcpy(values.data(), data(), bytes(), cudaMemcpyDeviceToHost),
                     "download");
    return values;
  }

 private:
  Dims dims_;
  cuda::DeviceMemory memory_;
};

/// Float32 elements in page-locked memory.
class Locked {
 public:
  explicit Locked(Dims dims) : dims_(std::move(dims)) {
    void* data = nullptr;
    cuda::check_cuda(cudaHostAlloc(&data, bytes(), cudaHostAllocDefault), "page-locked memory");
    data_ = static_cast<float*>(data);
    std::memset(data_, 0xff, bytes());
  }
  explicit Locked(const Tensor& host) : Locked(host.dims()) {
    std::memcpy(data_, host.bytes().data(), bytes());
  }
  Locked(Locked&& other) noexcept
      : dims_(std::move(other.dims_)), data_(std::exchange(other.data_, nullptr)) {}
  ~Locked() { cudaFreeHost(data_); }

  TensorView view() const { return {data_, DType::Float32, dims_, {DeviceType::CudaHost, 0}}; }
  float* data() const { return data_; }
  size_t bytes() const { return bytes_of(dims_); }
  std::vector<float> values() const { return {data_, data_ + bytes() / 4}; }

 private:
  Dims dims_;
  float* data_ = nullptr;
};

class Stream {
 public:
  Stream() {
    cuda::check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
  }
  Stream(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  cudaStream_t get() const { return stream_; }
  void wait() const { cuda::check_cuda(cudaStreamSynchronize(stream_), "a stream"); }

 private:
  cudaStream_t stream_ = nullptr;
};

inline void run_on(const Session& session, const TensorView& input, const TensorView& output,
                   cudaStream_t stream) {
  session.run({&input, 1}, {&output, 1}, {.stream = stream});
}

}  // namespace vitro::test
