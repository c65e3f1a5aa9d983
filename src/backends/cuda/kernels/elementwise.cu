#include "backends/cuda/kernels/elementwise.h"

#include <algorithm>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

unsigned blocks_of(int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

/// y[i] = function(x[i]), eight a thread; the last count % 8 by one thread.
template <typename From, typename To, typename Function>
__device__ __forceinline__ void map_eights(const From* x, To* y, int64_t count,
                                           Function&& function) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 8;
  if (i + 8 <= count) {
    float v[8];
    Eight<From>::load(x + i).unpack(v);
#pragma unroll
    for (float& value : v) value = function(value);
    Eight<To>::store(y + i, v);
  } else {
    for (int64_t j = i; j < count; ++j) y[j] = from_float<To>(function(to_float(x[j])));
  }
}
/// The same with any alignment.
template <typename From, typename To, typename Function>
__device__ __forceinline__ void map_ones(const From* x, To* y, int64_t count, Function&& function) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) y[i] = from_float<To>(function(to_float(x[i])));
}

template <typename T, bool kEights>
__global__ void __launch_bounds__(kThreads) unary_kernel(UnaryArgs args) {
  wait_for_previous();
  allow_next();
  const auto* x = static_cast<const T*>(args.x);
  const auto function = [&](float v) { return activate<T>(args.function, v); };
  if constexpr (kEights)
    map_eights(x, static_cast<T*>(args.y), args.count, function);
  else
    map_ones(x, static_cast<T*>(args.y), args.count, function);
}

template <typename From, typename To, bool kEights>
__global__ void __launch_bounds__(kThreads) cast_kernel(CastArgs args) {
  wait_for_previous();
  allow_next();
  const auto* x = static_cast<const From*>(args.x);
  const auto function = [](float v) { return v; };
  if constexpr (kEights)
    map_eights(x, static_cast<To*>(args.y), args.count, function);
  else
    map_ones(x, static_cast<To*>(args.y), args.count, function);
}

}  // namespace

void unary(const UnaryArgs& args, const Launch& launch) {
  if (args.count == 0) return;
  const bool eights = aligned_16(args.x) && aligned_16(args.y);
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = eights ? unary_kernel<T, true> : unary_kernel<T, false>;
    launch_kernel("unary", kernel, dim3(blocks_of(eights ? (args.count + 7) / 8 : args.count)),
                  dim3(kThreads), 0, launch, args);
  });
}

void cast(const CastArgs& args, const Launch& launch) {
  if (args.count == 0) return;
  const bool eights = aligned_16(args.x) && aligned_16(args.y);
  with_element(args.from, [&](auto from) {
    with_element(args.to, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      const auto kernel = eights ? cast_kernel<From, To, true> : cast_kernel<From, To, false>;
      launch_kernel("cast", kernel, dim3(blocks_of(eights ? (args.count + 7) / 8 : args.count)),
                    dim3(kThreads), 0, launch, args);
    });
  });
}

}  // namespace vitro::cuda
