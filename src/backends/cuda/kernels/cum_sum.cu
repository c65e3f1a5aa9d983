#include "backends/cuda/kernels/cum_sum.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 128;

template <typename T>
__global__ void __launch_bounds__(kThreads) cum_sum_kernel(CumSumArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t line = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (line >= args.outer * args.inner) return;
  const int64_t first = line / args.inner * args.extent * args.inner + line % args.inner;
  const T* x = static_cast<const T*>(args.x) + first;
  T* y = static_cast<T*>(args.y) + first;
  float sum = 0;
  for (int i = 0; i < args.extent; ++i) {
    const int64_t at = (args.reverse ? args.extent - 1 - i : i) * args.inner;
    const float v = to_float(x[at]);
    y[at] = from_float<T>(args.exclusive ? sum : sum + v);
    sum += v;
  }
}

}  // namespace

void cum_sum(const CumSumArgs& args, const Launch& launch) {
  const int64_t lines = args.outer * args.inner;
  if (lines == 0 || args.extent == 0) return;
  with_element(args.element, [&](auto tag) {
    launch_kernel("cum_sum", cum_sum_kernel<typename decltype(tag)::type>,
                  dim3(static_cast<unsigned>((lines + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args);
  });
}

}  // namespace vitro::cuda
