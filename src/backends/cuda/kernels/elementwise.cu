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

template <BinaryOp kOp>
__device__ __forceinline__ float apply(float a, float b) {
  return kOp == BinaryOp::Add ? a + b : a * b;
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

/// kWidth neighbours of an operand from `offset` on, or one for all where it is broadcast.
template <typename T, int kWidth>
__device__ __forceinline__ void load_run(const T* operand, int64_t offset, bool broadcast,
                                         float (&v)[kWidth]) {
  if (kWidth == 1 || broadcast) {
    const float value = to_float(operand[offset]);
#pragma unroll
    for (float& element : v) element = value;
  } else {
    if constexpr (kWidth == 8) Eight<T>::load(operand + offset).unpack(v);
  }
}

template <typename T, BinaryOp kOp, int kWidth>
__global__ void __launch_bounds__(kThreads)
    binary_kernel(const void* a, const void* b, void* y, StridedWalk walk, unsigned count) {
  wait_for_previous();
  allow_next();
  const unsigned i = (blockIdx.x * kThreads + threadIdx.x) * kWidth;
  if (i >= count) return;
  int64_t offsets[2] = {0, 0};
  unsigned rest = i;
  for (int d = walk.rank - 1; d >= 0; --d) {
    const unsigned extent = static_cast<unsigned>(walk.dims[d]), at = rest % extent;
    rest /= extent;
    offsets[0] += at * walk.strides[0][d];
    offsets[1] += at * walk.strides[1][d];
  }
  const bool broadcast_a = walk.strides[0][walk.rank - 1] == 0,
             broadcast_b = walk.strides[1][walk.rank - 1] == 0;
  float va[kWidth], vb[kWidth];
  load_run<T, kWidth>(static_cast<const T*>(a), offsets[0], broadcast_a, va);
  load_run<T, kWidth>(static_cast<const T*>(b), offsets[1], broadcast_b, vb);
#pragma unroll
  for (int e = 0; e < kWidth; ++e) va[e] = apply<kOp>(va[e], vb[e]);
  if constexpr (kWidth == 8)
    Eight<T>::store(static_cast<T*>(y) + i, va);
  else
    static_cast<T*>(y)[i] = from_float<T>(va[0]);
}

/// Whether runs of 8 along the innermost dimension are 16-byte aligned everywhere.
bool runs_of_eight(const BinaryArgs& args, const StridedWalk& walk) {
  const int inner = walk.rank - 1;
  if (walk.dims[inner] % 8 != 0 || !aligned_16(args.y)) return false;
  const void* operands[] = {args.a, args.b};
  for (int j = 0; j < 2; ++j) {
    const int64_t* strides = walk.strides[j];
    if (strides[inner] == 0) continue;
    if (strides[inner] != 1 || !aligned_16(operands[j])) return false;
    for (int d = 0; d < inner; ++d)
      if (strides[d] % 8 != 0) return false;
  }
  return true;
}

template <typename T, BinaryOp kOp>
void launch_binary(const BinaryArgs& args, const StridedWalk& walk, int64_t count,
                   const Launch& launch) {
  if (runs_of_eight(args, walk))
    return launch_kernel("binary", binary_kernel<T, kOp, 8>, dim3(blocks_of(count / 8)),
                         dim3(kThreads), 0, launch, args.a, args.b, args.y, walk, count);
  launch_kernel("binary", binary_kernel<T, kOp, 1>, dim3(blocks_of(count)), dim3(kThreads), 0,
                launch, args.a, args.b, args.y, walk, count);
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

void binary(const BinaryArgs& args, const Launch& launch) {
  const int64_t count = element_count(args.dims);
  if (count == 0) return;
  const StridedWalk walk = collapse("binary", args.dims, args.a_strides, args.b_strides);
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.op == BinaryOp::Add) return launch_binary<T, BinaryOp::Add>(args, walk, count, launch);
    launch_binary<T, BinaryOp::Mul>(args, walk, count, launch);
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
