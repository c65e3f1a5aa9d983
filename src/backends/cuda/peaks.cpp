#include "backends/cuda/peaks.h"

#include <algorithm>

#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/device_weights.h"
#include "backends/cuda/kernels/binary.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_codes.h"

namespace vitro::cuda {
namespace {

constexpr int kTries = 5;
constexpr int kSide = 4096;  // of square products: enough to fill every GPU
constexpr size_t kBufferBytes = size_t{1} << 30;

/// Seconds of the fastest of several launches.
template <typename Enqueue>
double fastest_seconds(CudaLane& lane, const Enqueue& enqueue) {
  cudaEvent_t begin = nullptr, end = nullptr;
  check_cuda(cudaEventCreate(&begin), "an event");
  check_cuda(cudaEventCreate(&end), "an event");
  float fastest = 0;
  for (int i = 0; i <= kTries; ++i) {  // the first one warms up
    check_cuda(cudaEventRecord(begin, lane.stream()), "an event");
    enqueue(Launch{lane.stream(), false});
    check_cuda(cudaEventRecord(end, lane.stream()), "an event");
    lane.wait();
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "an event");
    if (i == 1 || (i > 1 && milliseconds < fastest)) fastest = milliseconds;
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return 1e-3 * fastest;
}

/// Operations a second of square products in 8 bits of zeros in `memory`; 0 where there are none.
double codes_flops_per_s(CudaLane& lane, std::byte* memory, int capability) {
  LinearCodesArgs product;
  product.m = product.n = product.k = kSide;
  product.x = product.weight = memory;
  product.bias = product.scale = reinterpret_cast<const float*>(memory);
  product.y = memory + size_t{kSide} * kSide;
  if (linear_codes_refusal(product, capability) != nullptr) return 0;
  const double seconds =
      fastest_seconds(lane, [&](const Launch& launch) { linear_codes(product, launch); });
  return 2.0 * kSide * kSide * kSide / seconds;
}

}  // namespace

Peaks measure_peaks(const PeakRequest& request) {
  const int device = request.device;
  const DeviceScope scope(device);
  const DeviceInfo& info = device_info(device);
  CudaLane lane({.device = device});
  Peaks peaks;
  peaks.buffer_bytes = std::min(request.max_buffer_bytes, kBufferBytes) / 48 * 48;
  constexpr size_t kMatrixBytes = size_t{kSide} * kSide * sizeof(float);
  std::byte* memory = lane.workspace(std::max(peaks.buffer_bytes, 3 * kMatrixBytes));
  check_cuda(
      cudaMemsetAsync(memory, 0, std::max(peaks.buffer_bytes, 3 * kMatrixBytes), lane.stream()),
      "clearing memory");

  LinearArgs product;
  product.m = product.n = product.k = kSide;
  product.x = memory;
  product.weight = memory + kMatrixBytes;
  product.y = memory + 2 * kMatrixBytes;
  const auto flops_per_s = [&] {
    const int tile = choose_linear_tile(product, info.num_sms, info.capability);
    const double seconds =
        fastest_seconds(lane, [&](const Launch& launch) { linear(product, tile, launch); });
    return 2.0 * kSide * kSide * kSide / seconds;
  };
  product.element = Element::Float32;
  peaks.flops_per_s = flops_per_s();
  product.element = element_of(request.precision);
  product.tf32 = request.precision == Precision::TensorFloat32;
  if (product.element == Element::Float32 && info.capability == 90)
    product.weight_parts = reinterpret_cast<const float*>(memory);
  peaks.product_flops_per_s = flops_per_s();
  peaks.quantized_flops_per_s = codes_flops_per_s(lane, memory, info.capability);

  BinaryArgs add;
  add.number = Number::Float32;
  const auto count = static_cast<int64_t>(peaks.buffer_bytes / 3 / sizeof(float));
  add.a = memory;
  add.b = memory + peaks.buffer_bytes / 3;
  add.y = memory + peaks.buffer_bytes / 3 * 2;
  add.dims = {count};
  add.a_strides = add.b_strides = {1};
  peaks.bytes_per_s = static_cast<double>(peaks.buffer_bytes) /
                      fastest_seconds(lane, [&](const Launch& launch) { binary(add, launch); });
  return peaks;
}

}  // namespace vitro::cuda
