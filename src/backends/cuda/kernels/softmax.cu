#include "backends/cuda/kernels/softmax.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 128;

/// What makes a result of v = x - max x.
template <bool kLog>
class Normalizer {
 public:
  __device__ __forceinline__ explicit Normalizer(float sum)
      : value_(kLog ? logf(sum) : 1.0f / sum) {}
  __device__ __forceinline__ float operator()(float v) const {
    return kLog ? v - value_ : expf(v) * value_;
  }

 private:
  float value_;
};

/// A warp per row, which it reads three times.
template <typename T, bool kLog>
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
  const Normalizer<kLog> normalized(sum_lanes<32>(sum));
  for (int i = lane; i < args.c; i += 32)
    y[i] = from_float<T>(normalized(to_float(x[i]) - maximum));
}

/// The same by a thread per line, neighbours of which lie beside each other.
template <typename T, bool kLog>
__global__ void __launch_bounds__(kThreads) softmax_lines_kernel(SoftmaxArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t line = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (line >= args.rows * args.inner) return;
  const int64_t first = line / args.inner * args.c * args.inner + line % args.inner;
  const T* x = static_cast<const T*>(args.x) + first;
  T* y = static_cast<T*>(args.y) + first;
  const auto at = [&](int i) { return to_float(x[static_cast<int64_t>(i) * args.inner]); };
  float maximum = -INFINITY, sum = 0;
  for (int i = 0; i < args.c; ++i) maximum = max_or_nan(maximum, at(i));
  for (int i = 0; i < args.c; ++i) sum += expf(at(i) - maximum);
  const Normalizer<kLog> normalized(sum);
  for (int i = 0; i < args.c; ++i)
    y[static_cast<int64_t>(i) * args.inner] = from_float<T>(normalized(at(i) - maximum));
}

template <typename T, bool kLog>
void launch_softmax(const SoftmaxArgs& args, const Launch& launch) {
  const bool rows = args.inner == 1;
  const int64_t lines = args.rows * args.inner, at_once = rows ? kThreads / 32 : kThreads;
  launch_kernel("softmax", rows ? softmax_kernel<T, kLog> : softmax_lines_kernel<T, kLog>,
                dim3(static_cast<unsigned>((lines + at_once - 1) / at_once)), dim3(kThreads), 0,
                launch, args);
}

}  // namespace

void softmax(const SoftmaxArgs& args, const Launch& launch) {
  if (args.rows == 0 || args.c == 0 || args.inner == 0) return;
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.log) return launch_softmax<T, true>(args, launch);
    launch_softmax<T, false>(args, launch);
  });
}

}  // namespace vitro::cuda
