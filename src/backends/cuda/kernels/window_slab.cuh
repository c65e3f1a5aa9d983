#pragma once

#include "backends/cuda/kernels/mma_slab.cuh"
#include "backends/cuda/kernels/tap_walk.cuh"

// Windows of a tensor or of an image as slabs.
namespace vitro::cuda {

/// A thread's share of the slabs of kRows windows, as SlabLoader has it of rows.
template <typename T, int kRows, int kThreads>
struct WindowLoader {
  using Matrix = SlabLoader<T, kRows, kThreads>;
  const T* corners[Matrix::kShare];  // the first tap of a window, which may lie outside
  int y[Matrix::kShare], x[Matrix::kShare];

  __device__ __forceinline__ WindowLoader(const MmaArgs& p, int first) {
    const Windows& v = p.windows;
    const Matrix at;
#pragma unroll
    for (int i = 0; i < Matrix::kShare; ++i) {
      const int m = first + at.row(i), ox = m % v.out_w, rest = m / v.out_w;
      const int oy = rest % v.out_h, image = rest / v.out_h;
      y[i] = m < p.m ? oy * v.stride_y - v.pad_top : v.h, x[i] = ox * v.stride_x - v.pad_left;
      corners[i] = static_cast<const T*>(p.x) +
                   ((static_cast<int64_t>(image) * v.h + y[i]) * v.w + x[i]) * v.c;
    }
  }
  __device__ __forceinline__ void load(char* slab, const T* any, const Windows& v,
                                       const TapWalk& tap) const {
    const Matrix at;
    const int dy = tap.ky * v.dilation_y, dx = tap.kx * v.dilation_x,
              column = tap.channel + at.chunk * Matrix::kPerChunk;
    const int64_t offset = (static_cast<int64_t>(dy) * v.w + dx) * v.c + column;
#pragma unroll
    for (int i = 0; i < Matrix::kShare; ++i) {
      if (kRows * 8 % kThreads != 0 && at.row(i) >= kRows) break;
      const bool valid = static_cast<unsigned>(y[i] + dy) < static_cast<unsigned>(v.h) &&
                         static_cast<unsigned>(x[i] + dx) < static_cast<unsigned>(v.w) &&
                         column < v.c;
      cp_async_16(slab + swizzled(at.row(i), at.chunk), valid ? corners[i] + offset : any, valid);
    }
  }
};

/// Fills all slabs with rows of T, four columns at a time, each of which load(group) gives as
/// float4; a thread stays with one row.
template <typename T, class Shape, typename Load>
__device__ __forceinline__ void load_groups(char* slabs, int row, int slab_count,
                                            const Load& load) {
  constexpr int kGroups = kSlabColumns<T> / 4,
                kStep = Shape::threads / Shape::block_m;  // of groups
  const auto store = [&](int group, float4 pixels) {
    char* slab = slabs + group / kGroups * Shape::block_m * kSlabBytes;
    const int byte = group % kGroups * 4 * static_cast<int>(sizeof(T));
    char* dst = slab + swizzled(row, byte / 16) + byte % 16;
    if constexpr (sizeof(T) == 2) {
      *reinterpret_cast<uint2*>(dst) =
          uint2{pack_2<T>(pixels.x, pixels.y), pack_2<T>(pixels.z, pixels.w)};
    } else {
      *reinterpret_cast<float4*>(dst) = pixels;
    }
  };
  constexpr int kAtOnce = 8;  // loads that are under way
  const int groups = kGroups * slab_count;
  for (int first = threadIdx.x / Shape::block_m; first < groups; first += kAtOnce * kStep) {
    float4 pixels[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) pixels[i] = load(first + i * kStep);
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i)
      if (first + i * kStep < groups) store(first + i * kStep, pixels[i]);
  }
}

/// Reads windows of a float32 image as rows of T. Here windows do not overlap and lie at multiples
/// of four pixels.
template <typename T, class Shape>
__device__ __forceinline__ void load_aligned_image(char* slabs, const MmaArgs& p, int first_row,
                                                   int slab_count) {
  const Windows& v = p.windows;
  const int row = threadIdx.x % Shape::block_m, m = first_row + row, stride = v.stride_x;
  const int ox = m % v.out_w, rest = m / v.out_w, oy = rest % v.out_h;
  const int64_t channel_size = static_cast<int64_t>(v.h) * v.w;
  const float* window = static_cast<const float*>(p.x) + rest / v.out_h * (channel_size * v.c) +
                        (oy * v.stride_y * v.w + ox * stride);
  load_groups<T, Shape>(slabs, row, slab_count, [&](int group) {
    const int column = group * 4;
    int channel, ky, kx;
    if (stride == 4) {  // the usual one, without divisions
      channel = group / 4, ky = group % 4, kx = 0;
    } else {
      const int line = column / stride;
      kx = column % stride, channel = line / stride, ky = line % stride;
    }
    return m < p.m && column < p.k ? __ldcg(reinterpret_cast<const float4*>(
                                         window + channel * channel_size + ky * v.w + kx))
                                   : float4{};
  });
}

/// The same of pixels, of which four elements are a word.
template <typename T, class Shape>
__device__ __forceinline__ void load_aligned_pixels(char* slabs, const MmaArgs& p, int first_row,
                                                    int slab_count) {
  const Windows& v = p.windows;
  const int row = threadIdx.x % Shape::block_m, m = first_row + row;
  const int ox = m % v.out_w, rest = m / v.out_w, oy = rest % v.out_h;
  const int line = v.w * v.c, window_line = v.kernel_w * v.c;  // elements
  const uint8_t* window = static_cast<const uint8_t*>(p.x) +
                          (static_cast<int64_t>(rest / v.out_h) * v.h + oy * v.stride_y) * line +
                          ox * window_line;
  load_groups<T, Shape>(slabs, row, slab_count, [&](int group) {
    const int column = group * 4, ky = column / window_line;
    if (m >= p.m || ky >= v.kernel_h) return float4{};
    const uint32_t word =
        __ldcg(reinterpret_cast<const uint32_t*>(window + ky * line + column - ky * window_line));
    const auto element = [&](int i) { return static_cast<float>(word >> (8 * i) & 255); };
    return float4{element(0), element(1), element(2), element(3)};
  });
}

/// Any windows of either, element by element.
template <typename T, class Shape>
__device__ __forceinline__ void load_any_image(char* slabs, const MmaArgs& p, int first_row,
                                               int slab_count) {
  constexpr int kStep = Shape::threads / Shape::block_m,  // of chunks
      kPerChunk = 16 / static_cast<int>(sizeof(T));
  const Windows& v = p.windows;
  const int row = threadIdx.x % Shape::block_m, m = first_row + row;
  const int ox = m % v.out_w, rest = m / v.out_w, oy = rest % v.out_h;
  const int top = m < p.m ? oy * v.stride_y - v.pad_top : v.h, left = ox * v.stride_x - v.pad_left;
  const int64_t image = static_cast<int64_t>(rest / v.out_h) * v.c * v.h * v.w;
  const auto load = [&](int channel, int y, int x) {
    if (p.pixels)
      return static_cast<float>(
          __ldcg(static_cast<const uint8_t*>(p.x) + image + (y * v.w + x) * v.c + channel));
    return __ldcg(static_cast<const float*>(p.x) + image +
                  (static_cast<int64_t>(channel) * v.h + y) * v.w + x);
  };
  // Columns are (channel, ky, kx), of pixels (ky, kx, channel).
  const int fast_extent = p.pixels ? v.c : v.kernel_w,
            middle_extent = p.pixels ? v.kernel_w : v.kernel_h;
  const int chunks = slab_count * 8;
#pragma unroll 2
  for (int chunk = threadIdx.x / Shape::block_m; chunk < chunks; chunk += kStep) {
    int fast = chunk * kPerChunk % fast_extent, rest_column = chunk * kPerChunk / fast_extent;
    int middle = rest_column % middle_extent, slow = rest_column / middle_extent;
    float pixels[kPerChunk];
#pragma unroll
    for (int i = 0; i < kPerChunk; ++i) {
      const int ky = p.pixels ? slow : middle, kx = p.pixels ? middle : fast,
                channel = p.pixels ? fast : slow;
      const int y = top + ky * v.dilation_y, x = left + kx * v.dilation_x;
      const bool inside = channel < v.c && ky < v.kernel_h &&
                          static_cast<unsigned>(y) < static_cast<unsigned>(v.h) &&
                          static_cast<unsigned>(x) < static_cast<unsigned>(v.w);
      pixels[i] = inside ? load(channel, y, x) : 0.0f;
      if (++fast == fast_extent) {
        fast = 0;
        if (++middle == middle_extent) middle = 0, ++slow;
      }
    }
    char* const dst = slabs + chunk / 8 * Shape::block_m * kSlabBytes + swizzled(row, chunk % 8);
    if constexpr (sizeof(T) == 2) {
      *reinterpret_cast<uint4*>(dst) =
          uint4{pack_2<T>(pixels[0], pixels[1]), pack_2<T>(pixels[2], pixels[3]),
                pack_2<T>(pixels[4], pixels[5]), pack_2<T>(pixels[6], pixels[7])};
    } else {
      *reinterpret_cast<float4*>(dst) = float4{pixels[0], pixels[1], pixels[2], pixels[3]};
    }
  }
}

template <typename T, class Shape>
__device__ __forceinline__ void load_image(char* slabs, const MmaArgs& p, int first_row,
                                           int slab_count) {
  if (p.image_is_aligned && p.pixels)
    load_aligned_pixels<T, Shape>(slabs, p, first_row, slab_count);
  else if (p.image_is_aligned)
    load_aligned_image<T, Shape>(slabs, p, first_row, slab_count);
  else
    load_any_image<T, Shape>(slabs, p, first_row, slab_count);
}

}  // namespace vitro::cuda
