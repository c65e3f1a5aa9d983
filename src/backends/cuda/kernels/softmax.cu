#include "backends/cuda/kernels/softmax.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 128;

/// A warp per row, which it reads three times.
template <typename T>
__global__ void __launch_bounds__(kThreads) softmax_kernel(SoftmaxArgs args) {
  wait_for_previous();
  allow_next();
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kThreads / 32) + threadIdx.x / 32;
  if (row >= args.rows) return;
  const T* x = static_cast<const T*>(args.x) + row * args.c;
  T* y = static_cast<T*>(args.y) + row * args.c;
  float maximum = -INFINITY;
  for (int i = lane; i < args.c; i += 32) maximum = max_or_nan(maximum, to_float(x[i]));
  maximum = max_lanes<32>(maximum);
  float sum = 0;
  for (int i = lane; i < args.c; i += 32) sum += expf(to_float(x[i]) - maximum);
  const float inverse = 1.0f / sum_lanes<32>(sum);
  for (int i = lane; i < args.c; i += 32)
    y[i] = from_float<T>(expf(to_float(x[i]) - maximum) * inverse);
}

}  // namespace

void softmax(const SoftmaxArgs& args, const Launch& launch) {
  if (args.rows == 0 || args.c == 0) return;
  constexpr int kRows = kThreads / 32;
  with_element(args.element, [&](auto tag) {
    launch_kernel("softmax", softmax_kernel<typename decltype(tag)::type>,
                  dim3(static_cast<unsigned>((args.rows + kRows - 1) / kRows)), dim3(kThreads), 0,
                  launch, args);
  });
}

}  // namespace vitro::cuda
