#include "backends/cuda/kernels/top_k.h"

#include "backends/cuda/kernels/number.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kWarps = 4;  // of a block

dim3 grid_of(int64_t lines) { return static_cast<unsigned>((lines + kWarps - 1) / kWarps); }

__device__ __forceinline__ int64_t line_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
}

/// An element and its place; -1: none.
template <typename V>
struct Entry {
  V value;
  int64_t index;
};

/// The entry that comes before all others of a warp, in each of its lanes.
template <typename V, typename Before>
__device__ __forceinline__ Entry<V> first_of_warp(Entry<V> best, const Before& before) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    const Entry<V> other{__shfl_xor_sync(0xffffffffu, best.value, step),
                         __shfl_xor_sync(0xffffffffu, best.index, step)};
    if (other.index >= 0 && (best.index < 0 || before(other, best))) best = other;
  }
  return best;
}

template <typename V>
__global__ void __launch_bounds__(kWarps * 32) top_k_kernel(TopKArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t line = line_of_warp();
  if (line >= args.outer * args.inner) return;
  const int64_t outer = line / args.inner, inner = line % args.inner;
  const auto before = [&](const Entry<V>& a, const Entry<V>& b) {
    const bool a_is_nan = a.value != a.value, b_is_nan = b.value != b.value;
    if (a_is_nan != b_is_nan) return a_is_nan;
    if (!a_is_nan && a.value != b.value)
      return args.largest ? a.value > b.value : a.value < b.value;
    return a.index < b.index;
  };
  Entry<V> last{V{}, -1};
  for (int64_t rank = 0; rank < args.k; ++rank) {
    Entry<V> best{V{}, -1};
    for (int64_t i = threadIdx.x % 32; i < args.extent; i += 32) {
      const int64_t at = (outer * args.extent + i) * args.inner + inner;
      const Entry<V> entry{load_number<V>(args.number, args.x, at), i};
      if (last.index >= 0 && !before(last, entry)) continue;
      if (best.index < 0 || before(entry, best)) best = entry;
    }
    last = first_of_warp(best, before);
    if (threadIdx.x % 32 != 0) continue;
    const int64_t place = (outer * args.k + rank) * args.inner + inner;
    if (args.values) store_number(args.number, args.values, place, last.value);
    if (args.indices) args.indices[place] = last.index;
  }
}

template <typename V>
__global__ void __launch_bounds__(kWarps * 32) arg_kernel(ArgArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t line = line_of_warp();
  if (line >= args.outer * args.inner) return;
  const int64_t outer = line / args.inner, inner = line % args.inner;
  const auto element = [&](int64_t i) {
    return load_number<V>(args.number, args.x, (outer * args.extent + i) * args.inner + inner);
  };
  const auto before = [&](const Entry<V>& a, const Entry<V>& b) {
    if (a.value != b.value) return args.largest ? a.value > b.value : a.value < b.value;
    return args.last ? a.index > b.index : a.index < b.index;
  };
  Entry<V> best{V{}, -1};
  for (int64_t i = threadIdx.x % 32; i < args.extent; i += 32) {
    const Entry<V> entry{element(i), i};
    const bool is_nan = entry.value != entry.value;
    if (!is_nan && (best.index < 0 || before(entry, best))) best = entry;
  }
  best = first_of_warp(best, before);
  const V first = element(0);
  if (threadIdx.x % 32 == 0) args.indices[line] = first != first ? 0 : best.index;
}

}  // namespace

void top_k(const TopKArgs& args, const Launch& launch) {
  const int64_t lines = args.outer * args.inner;
  if (lines == 0 || args.k == 0) return;
  launch_kernel("top_k", is_float(args.number) ? top_k_kernel<float> : top_k_kernel<int64_t>,
                grid_of(lines), dim3(kWarps * 32), 0, launch, args);
}

void arg(const ArgArgs& args, const Launch& launch) {
  const int64_t lines = args.outer * args.inner;
  if (lines == 0) return;
  launch_kernel("arg", is_float(args.number) ? arg_kernel<float> : arg_kernel<int64_t>,
                grid_of(lines), dim3(kWarps * 32), 0, launch, args);
}

}  // namespace vitro::cuda
