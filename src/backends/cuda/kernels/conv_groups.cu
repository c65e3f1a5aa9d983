#include "backends/cuda/kernels/conv_groups.h"

#include <algorithm>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kSide = 8;                  // of the pixels of a block
constexpr int kRows = 2;                  // of 16 pixels, that a warp makes
constexpr int kColumns = 4;               // of 8 channels, that a warp makes
constexpr int kMostChannels = 64;         // of the groups of a block, where one has no more
constexpr int kPadding = 8;               // channels between pixels, against bank conflicts
constexpr size_t kMostShared = 48 << 10;  // that a kernel may have without asking

/// How a convolution is cut into blocks.
struct Blocks {
  int groups = 0;           // of a block; 0: not even one fits
  int channels = 0;         // of these in x
  int in_height, in_width;  // pixels of x that a block reads
  int tiles_y = 0, tiles_x = 0;

  explicit Blocks(const ConvArgs& args) {
    const auto reach = [](const ConvAxis& axis) {
      return (kSide - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
    };
    in_height = reach(args.height), in_width = reach(args.width);
    tiles_y = (args.height.out + kSide - 1) / kSide;
    tiles_x = (args.width.out + kSide - 1) / kSide;
    const int of_one = args.c / args.groups;
    const int most = std::min(args.groups, std::max(1, kMostChannels / of_one));
    for (groups = most; groups > 0; --groups) {
      channels = groups * of_one;
      if (args.groups % groups == 0 && shared_bytes() <= kMostShared) return;
    }
  }
  __host__ __device__ int pitch() const { return channels + kPadding; }
  /// Pixels, and one of zeros.
  __host__ __device__ int zeros() const { return in_height * in_width * pitch(); }
  dim3 grid(const ConvArgs& args) const {
    return {static_cast<unsigned>(args.n * tiles_y * tiles_x),
            static_cast<unsigned>(args.groups / groups)};
  }
  size_t shared_bytes() const { return static_cast<size_t>(zeros() + kPadding) * 2; }
};

/// Where a block's pixels begin.
struct Corner {
  int image, y, x;
  __device__ Corner(const Blocks& blocks) {
    const int tile = blockIdx.x % (blocks.tiles_y * blocks.tiles_x);
    image = blockIdx.x / (blocks.tiles_y * blocks.tiles_x);
    y = tile / blocks.tiles_x * kSide, x = tile % blocks.tiles_x * kSide;
  }
};

/// Brings the pixels that the block reads to shared memory; zeros stand for those outside.
template <typename T>
__device__ void load_pixels(const ConvArgs& args, const Blocks& blocks, const Corner& corner,
                            T* shared) {
  const int runs = blocks.channels / 8, first_channel = blockIdx.y * blocks.channels;
  const int y0 = corner.y * args.height.stride - args.height.pad_begin,
            x0 = corner.x * args.width.stride - args.width.pad_begin;
  const T* image = static_cast<const T*>(args.x) +
                   static_cast<int64_t>(corner.image) * args.height.in * args.width.in * args.c;
  for (int i = threadIdx.x; i < blocks.in_height * blocks.in_width * runs; i += kThreads) {
    const int pixel = i / runs, run = i % runs;
    const int y = y0 + pixel / blocks.in_width, x = x0 + pixel % blocks.in_width;
    const bool inside = y >= 0 && y < args.height.in && x >= 0 && x < args.width.in;
    const T* from =
        image + (static_cast<int64_t>(y) * args.width.in + x) * args.c + first_channel + run * 8;
    cp_async_16(shared + pixel * blocks.pitch() + run * 8, inside ? from : image, inside);
  }
  if (threadIdx.x < kPadding) shared[blocks.zeros() + threadIdx.x] = from_float<T>(0);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
}

/// What a warp makes: the upper or lower half of the pixels, of some channels of one group.
struct Unit {
  int half, group, first,
      columns;  // the group within the block; columns of 8 channels from `first`

  __device__ Unit(const ConvArgs& args, int index) {
    const int of_one = args.o / args.groups, parts = (of_one + 8 * kColumns - 1) / (8 * kColumns);
    half = index % 2;
    first = index / 2 % parts * 8 * kColumns;
    group = index / 2 / parts;
    columns = min(kColumns, (of_one - first) / 8);
  }
  static int count(const ConvArgs& args, const Blocks& blocks) {
    const int of_one = args.o / args.groups;
    return 2 * blocks.groups * ((of_one + 8 * kColumns - 1) / (8 * kColumns));
  }
};

template <typename T>
__device__ void multiply(const ConvArgs& args, const Blocks& blocks, const Unit& unit,
                         const T* shared, float (&sums)[kRows][kColumns][4]) {
  const int lane = threadIdx.x % 32, of_one = args.c / args.groups;
  const int taps = args.height.kernel * args.width.kernel;
  // Each lane tells ldmatrix where a pixel's eight channels are.
  int pixel[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int y = unit.half * 4 + r * 2 + lane % 16 / 8, x = lane % 8;
    pixel[r] = (y * args.height.stride * blocks.in_width + x * args.width.stride) * blocks.pitch() +
               unit.group * of_one;
  }
  const int first = (blockIdx.y * blocks.groups + unit.group) * (args.o / args.groups) + unit.first;
  const T* weight = static_cast<const T*>(args.weight) +
                    static_cast<int64_t>(first + lane / 4) * taps * of_one + lane % 4 * 2;
  for (int tap = 0; tap < taps; ++tap) {
    const int offset = (tap / args.width.kernel * args.height.dilation * blocks.in_width +
                        tap % args.width.kernel * args.width.dilation) *
                       blocks.pitch();
    for (int k = 0; k < of_one; k += 16) {
      const int channel = k + lane / 16 * 8;  // of a half that there may not be
      const bool has_second = k + 8 < of_one;
      uint32_t a[kRows][4];
#pragma unroll
      for (int r = 0; r < kRows; ++r)
        ldmatrix_x4(a[r],
                    shared + (channel < of_one ? pixel[r] + offset + channel : blocks.zeros()));
#pragma unroll
      for (int n = 0; n < kColumns; ++n) {
        if (n >= unit.columns) break;
        const T* at = weight + (static_cast<int64_t>(n) * 8 * taps + tap) * of_one + k;
        const uint32_t b0 = __ldg(reinterpret_cast<const uint32_t*>(at));
        const uint32_t b1 = has_second ? __ldg(reinterpret_cast<const uint32_t*>(at + 8)) : 0;
#pragma unroll
        for (int r = 0; r < kRows; ++r) mma_16816<T>(sums[r][n], a[r], b0, b1);
      }
    }
  }
}

template <typename T>
__device__ void finish(const ConvArgs& args, const Blocks& blocks, const Corner& corner,
                       const Unit& unit, float (&sums)[kRows][kColumns][4]) {
  const int lane = threadIdx.x % 32;
  const int first = (blockIdx.y * blocks.groups + unit.group) * (args.o / args.groups) + unit.first;
#pragma unroll
  for (int r = 0; r < kRows; ++r)
#pragma unroll
    for (int part = 0; part < 2; ++part) {  // rows of 8 pixels
      const int y = corner.y + unit.half * 4 + r * 2 + part, x = corner.x + lane / 4;
      if (y >= args.height.out || x >= args.width.out) continue;
      const int64_t row =
          ((static_cast<int64_t>(corner.image) * args.height.out + y) * args.width.out + x) *
          args.o;
#pragma unroll
      for (int n = 0; n < kColumns; ++n) {
        if (n >= unit.columns) break;
        const int o = first + n * 8 + lane % 4 * 2;
        T pair[2];
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          float v = sums[r][n][part * 2 + e];
          if (args.bias != nullptr) v += args.bias[o + e];
          if (args.residual != nullptr)
            v += to_float(static_cast<const T*>(args.residual)[row + o + e]);
          pair[e] = from_float<T>(activate<T>(args.activation, v));
        }
        *reinterpret_cast<uint32_t*>(static_cast<T*>(args.y) + row + o) =
            *reinterpret_cast<const uint32_t*>(pair);
      }
    }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    conv_groups_kernel(ConvArgs args, Blocks blocks, int units) {
  extern __shared__ __align__(16) unsigned char memory[];
  T* shared = reinterpret_cast<T*>(memory);
  wait_for_previous();
  allow_next();
  const Corner corner(blocks);
  load_pixels(args, blocks, corner, shared);
  for (int i = threadIdx.x / 32; i < units; i += kWarps) {
    const Unit unit(args, i);
    float sums[kRows][kColumns][4] = {};
    multiply(args, blocks, unit, shared, sums);
    finish<T>(args, blocks, corner, unit, sums);
  }
}

}  // namespace

bool takes_groups(const ConvArgs& args) {
  if (args.element == Element::Float32 || args.depth.in != 1 || args.depth.kernel != 1 ||
      args.depth.out != 1)
    return false;
  if (args.c / args.groups % 8 != 0 || args.o / args.groups % 8 != 0 || !aligned_16(args.x) ||
      !aligned_16(args.weight) || !aligned_16(args.y))
    return false;
  const Blocks blocks(args);
  if (blocks.groups == 0) return false;
  const dim3 grid = blocks.grid(args);
  return grid.x * grid.y >= static_cast<unsigned>(args.num_sms);
}

void conv_groups(const ConvArgs& args, const Launch& launch) {
  const Blocks blocks(args);
  const auto kernel = args.element == Element::Float16 ? conv_groups_kernel<__half>
                                                       : conv_groups_kernel<__nv_bfloat16>;
  launch_kernel("conv", kernel, blocks.grid(args), dim3(kThreads), blocks.shared_bytes(), launch,
                args, blocks, Unit::count(args, blocks));
}

}  // namespace vitro::cuda
