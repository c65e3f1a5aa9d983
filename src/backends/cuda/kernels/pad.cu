#include "backends/cuda/kernels/pad.h"

#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/word.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

/// The position in [0, extent) that one outside of it stands for.
__device__ __forceinline__ int64_t inside(PadBorder border, int64_t position, int64_t extent) {
  if (border == PadBorder::Edge) return min(max(position, int64_t{0}), extent - 1);
  const int64_t period = border == PadBorder::Wrap ? extent : max(2 * (extent - 1), int64_t{1});
  const int64_t rest = (position % period + period) % period;
  return border == PadBorder::Wrap ? rest : min(rest, period - rest);
}

template <typename Word>
__global__ void __launch_bounds__(kThreads) pad_kernel(PadArgs args, Dims strides, unsigned count) {
  wait_for_previous();
  allow_next();
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  int64_t from = 0;
  unsigned rest = i;
  for (int d = args.y_dims.rank - 1; d >= 0; --d) {
    const unsigned extent = static_cast<unsigned>(args.y_dims.v[d]);
    int64_t at = static_cast<int64_t>(rest % extent) - args.begin.v[d];
    if (at < 0 || at >= args.x_dims.v[d]) at = inside(args.border, at, args.x_dims.v[d]);
    from += at * strides.v[d];
    rest /= extent;
  }
  static_cast<Word*>(args.y)[i] = static_cast<const Word*>(args.x)[from];
}

}  // namespace

void pad(const PadArgs& args, const Launch& launch) {
  const int64_t count = element_count(args.y_dims);
  if (args.x_dims.rank != args.y_dims.rank || args.begin.rank != args.y_dims.rank)
    throw std::invalid_argument("pad: ranks of " + std::to_string(args.x_dims.rank) + ", " +
                                std::to_string(args.y_dims.rank) + " and " +
                                std::to_string(args.begin.rank));
  if (count > INT32_MAX)
    throw std::invalid_argument("pad: " + std::to_string(count) +
                                " elements, more than the 2147483647 of one launch");
  if (count == 0) return;
  with_word("pad", args.element_bytes, [&](auto tag) {
    launch_kernel("pad", pad_kernel<typename decltype(tag)::type>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args, dense_strides(args.x_dims), count);
  });
}

}  // namespace vitro::cuda
