#include "backends/cuda/kernels/scatter_nd.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/word.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

dim3 grid_of(int64_t count) { return static_cast<unsigned>((count + kThreads - 1) / kThreads); }

/// y = x, and no row has an update.
template <typename Word>
__global__ void __launch_bounds__(kThreads) begin_kernel(ScatterNDArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < args.rows) args.last[i] = -1;
  if (args.x != args.y && i < args.rows * args.run)
    static_cast<Word*>(args.y)[i] = static_cast<const Word*>(args.x)[i];
}

template <typename Index>
__device__ int64_t row_of(const ScatterNDArgs& args, int64_t update) {
  const auto* index = static_cast<const Index*>(args.indices) + update * args.lead.rank;
  int64_t row = 0;
  for (int axis = 0; axis < args.lead.rank; ++axis) {
    const int64_t extent = args.lead.v[axis];
    int64_t at = index[axis];
    if (at < 0) at += extent;
    row = row * extent + min(max(at, int64_t{0}), extent - 1);
  }
  return row;
}

template <typename Index>
__global__ void __launch_bounds__(kThreads) find_last_kernel(ScatterNDArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t update = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (update < args.updates)
    atomicMax(args.last + row_of<Index>(args, update), static_cast<int32_t>(update));
}

template <typename Word, typename Index>
__global__ void __launch_bounds__(kThreads) scatter_kernel(ScatterNDArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= args.updates * args.run) return;
  const int64_t update = i / args.run, row = row_of<Index>(args, update);
  if (args.last[row] != update) return;
  static_cast<Word*>(args.y)[row * args.run + i % args.run] =
      static_cast<const Word*>(args.values)[i];
}

}  // namespace

void scatter_nd(const ScatterNDArgs& args, const Launch& launch) {
  const int64_t count = std::max(args.rows, args.rows * args.run),
                changed = args.updates * args.run;
  if (args.updates > std::numeric_limits<int32_t>::max())
    throw std::invalid_argument("scatter_nd: " + std::to_string(args.updates) + " updates");
  with_word("scatter_nd", args.element_bytes, [&](auto tag) {
    using Word = typename decltype(tag)::type;
    if (count > 0)
      launch_kernel("scatter_nd", begin_kernel<Word>, grid_of(count), dim3(kThreads), 0, launch,
                    args);
    if (changed == 0) return;
    launch_kernel("scatter_nd", args.wide ? find_last_kernel<int64_t> : find_last_kernel<int32_t>,
                  grid_of(args.updates), dim3(kThreads), 0, launch, args);
    launch_kernel("scatter_nd",
                  args.wide ? scatter_kernel<Word, int64_t> : scatter_kernel<Word, int32_t>,
                  grid_of(changed), dim3(kThreads), 0, launch, args);
  });
}

}  // namespace vitro::cuda
