#include "backends/cuda/kernels/binary.h"

#include <stdexcept>
#include <type_traits>

#include "backends/cuda/kernels/boolean.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

unsigned blocks_of(int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

/// The rest of a / b, which has the sign of b.
__device__ __forceinline__ float floor_mod(float a, float b) {
  const float rest = fmodf(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

template <BinaryOp kOp>
__device__ __forceinline__ float apply(float a, float b) {
  switch (kOp) {
    case BinaryOp::Add:
      return a + b;
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return a / b;
    case BinaryOp::Pow:
      return powf(a, b);
    case BinaryOp::Min:
      return -max_or_nan(-a, -b);
    case BinaryOp::Max:
      return max_or_nan(a, b);
    case BinaryOp::Mod:
      return floor_mod(a, b);
    case BinaryOp::Fmod:
      return fmodf(a, b);
    case BinaryOp::PRelu:
      return a >= 0 ? a : a * b;
    case BinaryOp::Equal:
      return a == b;
    case BinaryOp::Less:
      return a < b;
    case BinaryOp::LessOrEqual:
      return a <= b;
    case BinaryOp::Greater:
      return a > b;
    case BinaryOp::GreaterOrEqual:
      return a >= b;
    case BinaryOp::And:
      return a != 0 && b != 0;
    case BinaryOp::Or:
      return a != 0 || b != 0;
    case BinaryOp::Xor:
      return (a != 0) != (b != 0);
  }
  return a;
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

template <typename From, typename To, BinaryOp kOp, int kWidth>
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
  load_run<From, kWidth>(static_cast<const From*>(a), offsets[0], broadcast_a, va);
  load_run<From, kWidth>(static_cast<const From*>(b), offsets[1], broadcast_b, vb);
#pragma unroll
  for (int e = 0; e < kWidth; ++e) va[e] = apply<kOp>(va[e], vb[e]);
  if constexpr (kWidth == 8)
    Eight<To>::store(static_cast<To*>(y) + i, va);
  else
    static_cast<To*>(y)[i] = from_float<To>(va[0]);
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

template <typename From, typename To, BinaryOp kOp>
void launch_binary(const BinaryArgs& args, const StridedWalk& walk, int64_t count,
                   const Launch& launch) {
  if constexpr (std::is_same_v<From, To> && !std::is_same_v<To, Boolean>) {
    if (runs_of_eight(args, walk))
      return launch_kernel("binary", binary_kernel<From, To, kOp, 8>, dim3(blocks_of(count / 8)),
                           dim3(kThreads), 0, launch, args.a, args.b, args.y, walk, count);
  }
  launch_kernel("binary", binary_kernel<From, To, kOp, 1>, dim3(blocks_of(count)), dim3(kThreads),
                0, launch, args.a, args.b, args.y, walk, count);
}

/// call(std::integral_constant<BinaryOp, op>{}) when it is one of kOps.
template <BinaryOp... kOps, typename F>
bool with_op(BinaryOp op, F&& call) {
  return ((op == kOps && (call(std::integral_constant<BinaryOp, kOps>{}), true)) || ...);
}

}  // namespace

void binary(const BinaryArgs& args, const Launch& launch) {
  using enum BinaryOp;
  const int64_t count = element_count(args.dims);
  if (count == 0) return;
  const StridedWalk walk = collapse("binary", args.dims, args.a_strides, args.b_strides);
  if (args.booleans) {
    const bool known = with_op<Equal, And, Or, Xor>(args.op, [&](auto op) {
      launch_binary<Boolean, Boolean, op.value>(args, walk, count, launch);
    });
    if (!known) throw std::invalid_argument("binary: booleans for a function of numbers");
    return;
  }
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool known =
        with_op<Add, Sub, Mul, Div, Pow, Min, Max, Mod, Fmod, PRelu>(
            args.op, [&](auto op) { launch_binary<T, T, op.value>(args, walk, count, launch); }) ||
        with_op<Equal, Less, LessOrEqual, Greater, GreaterOrEqual>(args.op, [&](auto op) {
          launch_binary<T, Boolean, op.value>(args, walk, count, launch);
        });
    if (!known) throw std::invalid_argument("binary: numbers for a function of booleans");
  });
}

}  // namespace vitro::cuda
