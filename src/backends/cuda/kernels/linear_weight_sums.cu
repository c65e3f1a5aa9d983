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

}  // namespace

void linear_weight_sums(Element element, const void* weight, int n, int k, float* sums,
                        const Launch& launch) {
  with_element(element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_kernel("linear_weight_sums", linear_weight_sums_kernel<T>, n, 32, 0, launch,
                  static_cast<const T*>(weight), k, sums);
  });
}

}  // namespace vitro::cuda
