#include "backends/cuda/kernels/strided_copy.h"

#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/word.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 32;

template <typename Word>
__global__ void __launch_bounds__(kThreads)
    strided_copy_kernel(const void* x, void* y, StridedWalk walk, unsigned count) {
  wait_for_previous();
  allow_next();
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  int64_t from = 0, to = 0;
  unsigned rest = i;
  for (int d = walk.rank - 1; d >= 0; --d) {
    const unsigned extent = static_cast<unsigned>(walk.dims[d]), position = rest % extent;
    from += position * walk.strides[0][d];
    to += position * walk.strides[1][d];
    rest /= extent;
  }
  static_cast<Word*>(y)[to] = static_cast<const Word*>(x)[from];
}

template <typename Word>
__global__ void __launch_bounds__(kThreads) fill_kernel(Word* y, Word value, int64_t count) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) y[i] = value;
}

/// y[batch, r, c] = x[batch, c, r], rows of x `x_stride` apart; grid (tiles of c, tiles of r,
/// batch).
template <typename Word>
__global__ void __launch_bounds__(kThreads)
    transpose_tiles_kernel(const void* x, void* y, int rows, int columns, int64_t x_stride,
                           int64_t x_batch_stride) {
  __shared__ Word tile[kTile][kTile + 1];
  wait_for_previous();
  allow_next();
  const Word* src = static_cast<const Word*>(x) + blockIdx.z * x_batch_stride;
  Word* dst = static_cast<Word*>(y) + static_cast<int64_t>(blockIdx.z) * rows * columns;
  const int lane = threadIdx.x % kTile, line = threadIdx.x / kTile;
  for (int i = line; i < kTile; i += kThreads / kTile) {
    const int column = blockIdx.x * kTile + i, row = blockIdx.y * kTile + lane;
    if (column < columns && row < rows) tile[i][lane] = src[column * x_stride + row];
  }
  __syncthreads();
  for (int i = line; i < kTile; i += kThreads / kTile) {
    const int row = blockIdx.y * kTile + i, column = blockIdx.x * kTile + lane;
    if (column < columns && row < rows)
      dst[static_cast<int64_t>(row) * columns + column] = tile[lane][i];
  }
}

/// y[batch, i, c] = x[batch, c, i] for kPlanes planes, 16 bytes of each plane a thread: images from
/// planes to pixels. grid (runs of a plane, batch).
template <typename Word, int kPlanes>
__global__ void __launch_bounds__(kThreads)
    interleave_kernel(const void* x, void* y, int plane, int64_t x_plane_stride,
                      int64_t x_batch_stride) {
  constexpr int kRun = 16 / sizeof(Word);
  wait_for_previous();
  allow_next();
  const int i = (blockIdx.x * kThreads + threadIdx.x) * kRun;
  if (i >= plane) return;
  const Word* src = static_cast<const Word*>(x) + blockIdx.y * x_batch_stride + i;
  union Run {
    uint4 bits;
    Word words[kRun];
  } in[kPlanes], out[kPlanes];
#pragma unroll
  for (int c = 0; c < kPlanes; ++c)
    in[c].bits = *reinterpret_cast<const uint4*>(src + c * x_plane_stride);
#pragma unroll
  for (int j = 0; j < kRun * kPlanes; ++j)
    out[j / kRun].words[j % kRun] = in[j % kPlanes].words[j / kPlanes];
  auto* dst = reinterpret_cast<uint4*>(static_cast<Word*>(y) +
                                       (static_cast<int64_t>(blockIdx.y) * plane + i) * kPlanes);
#pragma unroll
  for (int c = 0; c < kPlanes; ++c) dst[c] = out[c].bits;
}

/// How many elements one word of up to 16 bytes can hold: the innermost run, every other stride and
/// both addresses are multiples of it.
int elements_per_word(const StridedCopyArgs& args, const StridedWalk& walk) {
  const int inner = walk.rank - 1;
  for (int elements = 16 / args.element_bytes; elements > 1; elements /= 2) {
    const uintptr_t bytes = static_cast<uintptr_t>(elements * args.element_bytes);
    bool fits = walk.strides[0][inner] == 1 && walk.strides[1][inner] == 1 &&
                walk.dims[inner] % elements == 0 &&
                reinterpret_cast<uintptr_t>(args.x) % bytes == 0 &&
                reinterpret_cast<uintptr_t>(args.y) % bytes == 0;
    for (int d = 0; d < inner && fits; ++d)
      fits = walk.strides[0][d] % elements == 0 && walk.strides[1][d] % elements == 0;
    if (fits) return elements;
  }
  return 1;
}

/// Whether the walk is [batch,] rows, columns with x transposed, both long enough to fill tiles.
bool swaps_last_two(const StridedWalk& walk) {
  const int inner = walk.rank - 1;
  if (walk.rank != 2 && walk.rank != 3) return false;
  const bool tall = walk.dims[inner] >= kTile / 2 && walk.dims[inner - 1] >= kTile / 2;
  return tall && walk.strides[0][inner - 1] == 1 && walk.strides[0][inner] > 1 &&
         (walk.rank == 2 || walk.dims[0] <= 65535) && walk.dims[inner - 1] <= 65535 * kTile;
}

/// Whether the walk is [batch,] pixels, 3 with x in planes whose runs of 16 bytes are aligned.
bool interleaves_three(const StridedCopyArgs& args, const StridedWalk& walk) {
  const int inner = walk.rank - 1, run = 16 / args.element_bytes;
  if ((walk.rank != 2 && walk.rank != 3) || walk.dims[inner] != 3 ||
      walk.strides[0][inner - 1] != 1)
    return false;
  if (walk.rank == 3 && (walk.dims[0] > 65535 || walk.strides[0][0] % run != 0)) return false;
  return walk.dims[inner - 1] % run == 0 && walk.strides[0][inner] % run == 0 &&
         aligned_16(args.x) && aligned_16(args.y) && args.element_bytes <= 4;
}

}  // namespace

void strided_copy(const StridedCopyArgs& args, const Launch& launch) {
  if (element_count(args.dims) == 0) return;
  const bool dense = args.y_strides.rank == 0;
  StridedWalk walk = collapse("strided_copy", args.dims, args.x_strides,
                              dense ? dense_strides(args.dims) : args.y_strides);
  const int elements = elements_per_word(args, walk);
  walk.dims[walk.rank - 1] /= elements;
  for (int d = 0; d < walk.rank - 1; ++d)
    walk.strides[0][d] /= elements, walk.strides[1][d] /= elements;
  const int64_t count = element_count(args.dims) / elements;
  const bool batched = walk.rank == 3;
  with_word("strided_copy", args.element_bytes * elements, [&](auto tag) {
    using Word = typename decltype(tag)::type;
    if constexpr (sizeof(Word) <= 4) {
      if (elements == 1 && dense && interleaves_three(args, walk)) {
        const int64_t pixels = walk.dims[walk.rank - 2], runs = pixels * sizeof(Word) / 16;
        return launch_kernel("strided_copy", interleave_kernel<Word, 3>,
                             dim3((runs + kThreads - 1) / kThreads, batched ? walk.dims[0] : 1),
                             dim3(kThreads), 0, launch, args.x, args.y, pixels,
                             walk.strides[0][walk.rank - 1], batched ? walk.strides[0][0] : 0);
      }
    }
    if (elements == 1 && dense && swaps_last_two(walk)) {
      const int64_t rows = walk.dims[walk.rank - 2], columns = walk.dims[walk.rank - 1];
      return launch_kernel("strided_copy", transpose_tiles_kernel<Word>,
                           dim3((columns + kTile - 1) / kTile, (rows + kTile - 1) / kTile,
                                batched ? walk.dims[0] : 1),
                           dim3(kThreads), 0, launch, args.x, args.y, rows, columns,
                           walk.strides[0][walk.rank - 1], batched ? walk.strides[0][0] : 0);
    }
    launch_kernel("strided_copy", strided_copy_kernel<Word>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args.x, args.y, walk, count);
  });
}

void fill(int element_bytes, void* y, uint32_t bits, int64_t count, const Launch& launch) {
  const dim3 blocks(static_cast<unsigned>((count + kThreads - 1) / kThreads));
  if (element_bytes == 2)
    launch_kernel("fill", fill_kernel<uint16_t>, blocks, dim3(kThreads), 0, launch,
                  static_cast<uint16_t*>(y), static_cast<uint16_t>(bits), count);
  else
    launch_kernel("fill", fill_kernel<uint32_t>, blocks, dim3(kThreads), 0, launch,
                  static_cast<uint32_t*>(y), bits, count);
}

StridedCopyArgs transpose_args(int element_bytes, const void* x, const Dims& x_dims,
                               const Dims& perm, void* y) {
  if (perm.rank != x_dims.rank)
    throw std::invalid_argument("transpose: a permutation of " + std::to_string(perm.rank) +
                                " axes for " + std::to_string(x_dims.rank));
  const Dims strides = dense_strides(x_dims);
  StridedCopyArgs args{element_bytes, x, y, {}, {}, {}};
  for (int i = 0; i < perm.rank; ++i) {
    args.dims.push_back(x_dims.v[perm.v[i]]);
    args.x_strides.push_back(strides.v[perm.v[i]]);
  }
  return args;
}

StridedCopyArgs slice_args(int element_bytes, const void* x, const Dims& x_dims, int axis,
                           int64_t begin, int64_t end, void* y) {
  StridedCopyArgs args{element_bytes, x, y, x_dims, dense_strides(x_dims), {}};
  args.dims.v[axis] = end - begin;
  args.x = static_cast<const char*>(x) + begin * args.x_strides.v[axis] * element_bytes;
  return args;
}

}  // namespace vitro::cuda
