#pragma once

#include "backends/cuda/device_test.h"

namespace vitro::cuda {

/// Any bytes on the device.
template <typename T>
class DeviceList {
 public:
  explicit DeviceList(const std::vector<T>& values) {
    const size_t bytes = values.size() * sizeof(T);
    check_cuda(cudaMalloc(&data_, bytes), "cudaMalloc");
    check_cuda(cudaMemcpy(data_, values.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceList() { cudaFree(data_); }
  DeviceList(const DeviceList&) = delete;
  const T* data() const { return static_cast<const T*>(data_); }

 private:
  void* data_ = nullptr;
};

}  // namespace vitro::cuda
