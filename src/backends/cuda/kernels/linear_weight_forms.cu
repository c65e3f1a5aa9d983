#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

template <typename T>
__global__ void linear_weight_sums_kernel(const T* weight, int k, float* sums) {
  wait_for_previous();
  double sum = 0;
  for (int i = threadIdx.x; i < k; i += 32)
    sum += static_cast<double>(to_float(weight[static_cast<int64_t>(blockIdx.x) * k + i]));
  for (int i = 16; i > 0; i /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, i);
  if (threadIdx.x == 0) sums[blockIdx.x] = static_cast<float>(sum);
}

__global__ void linear_weight_parts_kernel(const float* weight, int64_t count, float* parts) {
  wait_for_previous();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float high = __uint_as_float(round_to_tf32(__float_as_uint(weight[i])));
  parts[i] = high;
  parts[count + i] = __uint_as_float(round_to_tf32(__float_as_uint(weight[i] - high)));
}

}  // namespace

void linear_weight_sums(Element element, const void* weight, int n, int k, float* sums,
                        const Launch& launch) {
  with_element(element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_kernel("linear_weight_sums", linear_weight_sums_kernel<T>, n, 32, 0, launch,
                  static_cast<const T*>(weight), k, sums);
  });
}

void linear_weight_parts(const float* weight, int64_t count, float* parts, const Launch& launch) {
  constexpr int kThreads = 256;
  launch_kernel("linear_weight_parts", linear_weight_parts_kernel,
                static_cast<unsigned>((count + kThreads - 1) / kThreads), kThreads, 0, launch,
                weight, count, parts);
}

}  // namespace vitro::cuda
