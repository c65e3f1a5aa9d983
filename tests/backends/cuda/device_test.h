#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/linear.h"
#include "metric.h"
#include "tolerances.h"

namespace vitro::cuda {

/// Skips, with CUDA's own words, where there is no GPU.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess) GTEST_SKIP() << "no GPU: " << cudaGetErrorString(status);
    if (count == 0) GTEST_SKIP() << "no GPU: CUDA finds no device";
  }
};

inline const char* element_name(Element element) {
  return element == Element::Float32   ? "float32"
         : element == Element::Float16 ? "float16"
                                       : "bfloat16";
}
inline const Tolerance& tolerance_of(Element element) {
  return element == Element::Float32   ? kCudaFloat32
         : element == Element::Float16 ? kCudaFloat16
                                       : kCudaBFloat16;
}
inline constexpr Element kElements[] = {Element::Float32, Element::Float16, Element::BFloat16};

inline void to_bytes(Element element, float value, std::byte* dst) {
  if (element == Element::Float32) {
    std::memcpy(dst, &value, 4);
  } else if (element == Element::Float16) {
    const __half half = __float2half_rn(value);
    std::memcpy(dst, &half, 2);
  } else {
    const __nv_bfloat16 half = __float2bfloat16_rn(value);
    std::memcpy(dst, &half, 2);
  }
}
inline float from_bytes(Element element, const std::byte* src) {
  if (element == Element::Float32) {
    float value;
    std::memcpy(&value, src, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, src, 2);
  if (element == Element::Float16) return __half2float(__half(__half_raw{bits}));
  return __bfloat162float(__nv_bfloat16(__nv_bfloat16_raw{bits}));
}

/// Reproducible values in [low, high), rounded to the storage type.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  std::vector<float> values(Element element, int64_t count, float low = -1, float high = 1) {
    std::vector<float> result(static_cast<size_t>(count));
    for (float& v : result) {
      state_ = state_ * 1664525u + 1013904223u;
      v = low + (high - low) * static_cast<float>(state_ >> 8) * 0x1p-24f;
      std::byte bytes[4];
      to_bytes(element, v, bytes);
      v = from_bytes(element, bytes);
    }
    return result;
  }

 private:
  uint32_t state_;
};

/// Elements on the device between two walls. All bytes start as 0xff, a NaN in every type, so that
/// an element never written and a wall written over are both seen.
class DeviceTensor {
 public:
  DeviceTensor(Element element, int64_t count)
      : element_(element), bytes_(static_cast<size_t>(count) * element_size(element)) {
    check_cuda(cudaMalloc(&data_, bytes_ + 2 * kWall), "cudaMalloc");
    poison();
  }
  DeviceTensor(Element element, const std::vector<float>& values)
      : DeviceTensor(element, static_cast<int64_t>(values.size())) {
    std::vector<std::byte> host(bytes_);
    for (size_t i = 0; i < values.size(); ++i)
      to_bytes(element, values[i], host.data() + i * element_size(element));
    check_cuda(cudaMemcpy(data(), host.data(), bytes_, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceTensor() { cudaFree(data_); }
  DeviceTensor(const DeviceTensor&) = delete;

  Element element() const { return element_; }
  size_t count() const { return bytes_ / element_size(element_); }
  void* data() const { return static_cast<std::byte*>(data_) + kWall; }
  const float* floats() const { return static_cast<const float*>(data()); }
  /// Waits: streams of tests wait for nothing that others do.
  void poison() {
    check_cuda(cudaMemset(data_, 0xff, bytes_ + 2 * kWall), "cudaMemset");
    check_cuda(cudaDeviceSynchronize(), "cudaMemset");
  }
  std::vector<std::byte> download() const {
    std::vector<std::byte> host(bytes_);
    check_cuda(cudaMemcpy(host.data(), data(), bytes_, cudaMemcpyDeviceToHost), "cudaMemcpy");
    return host;
  }
  std::vector<float> values() const {
    const std::vector<std::byte> host = download();
    std::vector<float> result(bytes_ / element_size(element_));
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = from_bytes(element_, host.data() + i * element_size(element_));
    return result;
  }
  bool walls_hold() const {
    std::vector<std::byte> walls(2 * kWall);
    check_cuda(cudaMemcpy(walls.data(), data_, kWall, cudaMemcpyDeviceToHost), "cudaMemcpy");
    check_cuda(cudaMemcpy(walls.data() + kWall, static_cast<std::byte*>(data()) + bytes_, kWall,
                          cudaMemcpyDeviceToHost),
               "cudaMemcpy");
    return std::all_of(walls.begin(), walls.end(),
                       [](std::byte b) { return b == std::byte{0xff}; });
  }

 private:
  static constexpr size_t kWall = 256;
  Element element_;
  size_t bytes_;
  void* data_ = nullptr;
};

/// What LinearArgs::weight_parts asks for; null of types that have no parts.
class WeightParts {
 public:
  explicit WeightParts(const DeviceTensor& weight)
      : wide_(weight.element() == Element::Float32),
        parts_(Element::Float32, wide_ ? static_cast<int64_t>(2 * weight.count()) : 0) {
    if (wide_)
      linear_weight_parts(weight.floats(), static_cast<int64_t>(weight.count()),
                          const_cast<float*>(parts_.floats()), {});
  }
  const float* floats() const { return wide_ ? parts_.floats() : nullptr; }

 private:
  bool wide_;
  DeviceTensor parts_;
};

/// A stream, and a wait for it that throws what its kernels did wrong.
class Stream {
 public:
  Stream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream"); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }
  void wait() const { check_cuda(cudaStreamSynchronize(stream_), "a kernel"); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// Runs twice, plain and twice in a row overlapping: walls untouched, bits equal, values within
/// `bound` of the reference.
inline void expect_result(const std::string& what, DeviceTensor& y,
                          const std::function<void(const Launch&)>& run,
                          std::span<const double> reference, const Tolerance& bound) {
  SCOPED_TRACE(what);
  const Stream stream;
  y.poison();
  run({stream.get(), false});
  stream.wait();
  const std::vector<std::byte> first = y.download();
  EXPECT_TRUE(y.walls_hold());
  const std::vector<float> values = y.values();
  const Distance d = distance(std::span<const float>(values), reference);
  EXPECT_TRUE(d.within(bound)) << report(d, bound);
  y.poison();
  run({stream.get(), true});
  run({stream.get(), true});
  stream.wait();
  EXPECT_TRUE(y.walls_hold());
  EXPECT_EQ(first, y.download()) << "two runs differ";
}

}  // namespace vitro::cuda
