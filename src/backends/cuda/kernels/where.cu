#include "backends/cuda/kernels/where.h"

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/word.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

template <typename Word>
__global__ void __launch_bounds__(kThreads)
    where_kernel(const void* condition, const void* a, const void* b, void* y, StridedWalk walk,
                 unsigned count) {
  wait_for_previous();
  allow_next();
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  int64_t offsets[3] = {0, 0, 0};
  unsigned rest = i;
  for (int d = walk.rank - 1; d >= 0; --d) {
    const unsigned extent = static_cast<unsigned>(walk.dims[d]), at = rest % extent;
    rest /= extent;
#pragma unroll
    for (int j = 0; j < 3; ++j) offsets[j] += at * walk.strides[j][d];
  }
  const bool yes = static_cast<const uint8_t*>(condition)[offsets[0]] != 0;
  static_cast<Word*>(y)[i] =
      yes ? static_cast<const Word*>(a)[offsets[1]] : static_cast<const Word*>(b)[offsets[2]];
}

}  // namespace

void where(const WhereArgs& args, const Launch& launch) {
  const int64_t count = element_count(args.dims);
  if (count == 0) return;
  const StridedWalk walk =
      collapse("where", args.dims, args.condition_strides, args.a_strides, args.b_strides);
  with_word("where", args.element_bytes, [&](auto tag) {
    launch_kernel("where", where_kernel<typename decltype(tag)::type>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args.condition, args.a, args.b, args.y, walk, count);
  });
}

}  // namespace vitro::cuda
