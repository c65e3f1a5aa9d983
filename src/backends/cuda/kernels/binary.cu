#include "backends/cuda/kernels/binary.h"

#include <stdexcept>
#include <type_traits>

#include "backends/cuda/kernels/boolean.cuh"
#include "backends/cuda/kernels/number.cuh"
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

/// b times itself; what is below one is cut.
__device__ int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (auto rest = static_cast<uint64_t>(exponent); rest > 0; rest >>= 1, factor *= factor)
    if (rest & 1) result *= factor;
  return static_cast<int64_t>(result);
}

/// Of integers as evaluate() of ir/functions.h has it: quotients towards zero, 0 for those by 0.
__device__ int64_t apply_integers(BinaryOp op, int64_t a, int64_t b) {
  const auto u = static_cast<uint64_t>(a), v = static_cast<uint64_t>(b);
  const bool divides = b != 0 && b != -1;
  const int64_t rest = (op == BinaryOp::Mod || op == BinaryOp::Fmod) && divides ? a % b : 0;
  switch (op) {
    case BinaryOp::Add:
      return static_cast<int64_t>(u + v);
    case BinaryOp::Sub:
      return static_cast<int64_t>(u - v);
    case BinaryOp::Mul:
      return static_cast<int64_t>(u * v);
    case BinaryOp::Div:
      return divides ? a / b : b == 0 ? 0 : static_cast<int64_t>(0 - u);
    case BinaryOp::Pow:
      return power(a, b);
    case BinaryOp::Min:
      return a < b ? a : b;
    case BinaryOp::Max:
      return a > b ? a : b;
    case BinaryOp::Mod:
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    case BinaryOp::Fmod:
      return rest;
    case BinaryOp::PRelu:
      return a >= 0 ? a : static_cast<int64_t>(u * v);
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
    default:
      return 0;  // binary() refuses functions of booleans
  }
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

/// Where both operands have what element i is made of.
__device__ __forceinline__ void find_operands(const StridedWalk& walk, unsigned i,
                                              int64_t (&offsets)[2]) {
  offsets[0] = offsets[1] = 0;
  for (int d = walk.rank - 1; d >= 0; --d) {
    const unsigned extent = static_cast<unsigned>(walk.dims[d]), at = i % extent;
    i /= extent;
    offsets[0] += at * walk.strides[0][d];
    offsets[1] += at * walk.strides[1][d];
  }
}

/// Of integers, which only say where things are: there are few.
__global__ void __launch_bounds__(kThreads)
    integer_kernel(BinaryOp op, Number number, Number result, const void* a, const void* b, void* y,
                   StridedWalk walk, unsigned count) {
  wait_for_previous();
  allow_next();
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  int64_t offsets[2];
  find_operands(walk, i, offsets);
  store_number(result, y, i,
               apply_integers(op, load_number<int64_t>(number, a, offsets[0]),
                              load_number<int64_t>(number, b, offsets[1])));
}

template <typename From, typename To, BinaryOp kOp, int kWidth>
__global__ void __launch_bounds__(kThreads)
    binary_kernel(const void* a, const void* b, void* y, StridedWalk walk, unsigned count) {
  wait_for_previous();
  allow_next();
  const unsigned i = (blockIdx.x * kThreads + threadIdx.x) * kWidth;
  if (i >= count) return;
  int64_t offsets[2];
  find_operands(walk, i, offsets);
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
  if (args.number == Number::Boolean) {
    const bool known = with_op<Equal, And, Or, Xor>(args.op, [&](auto op) {
      launch_binary<Boolean, Boolean, op.value>(args, walk, count, launch);
    });
    if (!known) throw std::invalid_argument("binary: booleans for a function of numbers");
    return;
  }
  if (args.op >= And) throw std::invalid_argument("binary: numbers for a function of booleans");
  if (!is_float(args.number)) {
    const Number result = gives_booleans(args.op) ? Number::Boolean : args.number;
    launch_kernel("binary", integer_kernel, dim3(blocks_of(count)), dim3(kThreads), 0, launch,
                  args.op, args.number, result, args.a, args.b, args.y, walk,
                  static_cast<unsigned>(count));
    return;
  }
  with_element(static_cast<Element>(args.number), [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_op<Add, Sub, Mul, Div, Pow, Min, Max, Mod, Fmod, PRelu>(
        args.op, [&](auto op) { launch_binary<T, T, op.value>(args, walk, count, launch); });
    with_op<Equal, Less, LessOrEqual, Greater, GreaterOrEqual>(
        args.op, [&](auto op) { launch_binary<T, Boolean, op.value>(args, walk, count, launch); });
  });
}

}  // namespace vitro::cuda
