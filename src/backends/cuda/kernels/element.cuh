#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <stdexcept>

#include "backends/cuda/kernels/launch.h"

// The three storage types behind one set of names: one element, a pair of 32 bits, eight at a time.
namespace vitro::cuda {

template <typename T>
struct TypeTag {
  using type = T;
};

/// call(TypeTag<T>{}) with the type of C++ that `element` stands for.
template <typename F>
void with_element(Element element, F&& call) {
  switch (element) {
    case Element::Float32:
      return call(TypeTag<float>{});
    case Element::Float16:
      return call(TypeTag<__half>{});
    case Element::BFloat16:
      return call(TypeTag<__nv_bfloat16>{});
  }
  throw std::invalid_argument("an element type that is none of float32, float16, bfloat16");
}

inline bool aligned_16(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

__device__ __forceinline__ float to_float(float v) { return v; }
__device__ __forceinline__ float to_float(__half v) { return __half2float(v); }
__device__ __forceinline__ float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }

/// Rounded to the nearest, ties to even.
template <typename T>
__device__ __forceinline__ T from_float(float v);
template <>
__device__ __forceinline__ float from_float<float>(float v) {
  return v;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float v) {
  return __float2half_rn(v);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float v) {
  return __float2bfloat16_rn(v);
}

/// Two elements of 16 bits in one register, the first in the low half.
template <typename T>
__device__ __forceinline__ uint32_t pack_2(float first, float second);
template <>
__device__ __forceinline__ uint32_t pack_2<__half>(float first, float second) {
  const __half2 pair = __floats2half2_rn(first, second);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
template <>
__device__ __forceinline__ uint32_t pack_2<__nv_bfloat16>(float first, float second) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
template <typename T>
__device__ __forceinline__ float2 unpack_2(uint32_t pair);
template <>
__device__ __forceinline__ float2 unpack_2<__half>(uint32_t pair) {
  return __half22float2(*reinterpret_cast<const __half2*>(&pair));
}
template <>
__device__ __forceinline__ float2 unpack_2<__nv_bfloat16>(uint32_t pair) {
  return float2{__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000u)};
}

/// Eight consecutive elements as they lie in memory, 16-byte aligned. Loads are plain ones, never
/// through the read-only path: an overlapping launch reads what an earlier kernel is still writing
/// when this one starts.
template <typename T>
struct Eight {
  uint4 bits;
  __device__ __forceinline__ static Eight load(const T* p) {
    return {*reinterpret_cast<const uint4*>(p)};
  }
  __device__ __forceinline__ static Eight zero() { return {uint4{0, 0, 0, 0}}; }
  __device__ __forceinline__ void unpack(float (&v)[8]) const {
    const uint32_t words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = unpack_2<T>(words[i]);
      v[2 * i] = pair.x;
      v[2 * i + 1] = pair.y;
    }
  }
  __device__ __forceinline__ static void store(T* p, const float (&v)[8]) {
    *reinterpret_cast<uint4*>(p) = uint4{pack_2<T>(v[0], v[1]), pack_2<T>(v[2], v[3]),
                                         pack_2<T>(v[4], v[5]), pack_2<T>(v[6], v[7])};
  }
};
template <>
struct Eight<float> {
  float4 low, high;
  __device__ __forceinline__ static Eight load(const float* p) {
    const auto* q = reinterpret_cast<const float4*>(p);
    return {q[0], q[1]};
  }
  __device__ __forceinline__ static Eight zero() {
    return {float4{0, 0, 0, 0}, float4{0, 0, 0, 0}};
  }
  __device__ __forceinline__ void unpack(float (&v)[8]) const {
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
    v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  }
  __device__ __forceinline__ static void store(float* p, const float (&v)[8]) {
    auto* q = reinterpret_cast<float4*>(p);
    q[0] = float4{v[0], v[1], v[2], v[3]};
    q[1] = float4{v[4], v[5], v[6], v[7]};
  }
};

/// The sum and the maximum over groups of `kLanes` neighbouring lanes, the same bits in each. NaN
/// if one is NaN.
template <int kLanes>
__device__ __forceinline__ float sum_lanes(float v) {
#pragma unroll
  for (int i = kLanes / 2; i > 0; i /= 2) v += __shfl_xor_sync(0xffffffffu, v, i);
  return v;
}
__device__ __forceinline__ float max_or_nan(float a, float b) {
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
}
template <int kLanes>
__device__ __forceinline__ float max_lanes(float v) {
#pragma unroll
  for (int i = kLanes / 2; i > 0; i /= 2) v = max_or_nan(v, __shfl_xor_sync(0xffffffffu, v, i));
  return v;
}

}  // namespace vitro::cuda
