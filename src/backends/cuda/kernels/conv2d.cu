#include "backends/cuda/kernels/conv2d.h"

#include <limits>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/layer_norm.h"
#include "backends/cuda/kernels/linear_cost.h"
#include "backends/cuda/kernels/linear_mma.h"
#include "backends/cuda/kernels/linear_scalar.cuh"

namespace vitro::cuda {
namespace {

/// The windows of a convolution as rows of a matrix; zeros where they reach over the edge.
template <typename T>
struct WindowReader {
  Conv2dArgs p;
  __device__ __forceinline__ float operator()(int row, int column) const {
    const int ox = row % p.ow, oy = row / p.ow % p.oh, image = row / p.ow / p.oh;
    int ky, kx, channel;
    if (p.image) {
      kx = column % p.kw, ky = column / p.kw % p.kh, channel = column / p.kw / p.kh;
    } else {
      channel = column % p.c, kx = column / p.c % p.kw, ky = column / p.c / p.kw;
    }
    const int y = oy * p.stride_y + ky - p.pad_top, x = ox * p.stride_x + kx - p.pad_left;
    if (y < 0 || y >= p.h || x < 0 || x >= p.w) return 0.0f;
    if (p.image)
      return to_float(from_float<T>(static_cast<const float*>(
          p.x)[((static_cast<int64_t>(image) * p.c + channel) * p.h + y) * p.w + x]));
    return to_float(static_cast<const T*>(
        p.x)[((static_cast<int64_t>(image) * p.h + y) * p.w + x) * p.c + channel]);
  }
};

/// True when a cluster of at most eight blocks holds whole rows of results and normalises them;
/// else a kernel of its own does.
bool holds_rows(const Conv2dArgs& a, const MmaTile& tile, int capability) {
  const int blocks = a.o / tile.block_n;
  return a.o % tile.block_n == 0 && blocks <= (capability >= 90 ? 8 : 1);
}

RowSource source_of(const Conv2dArgs& a) { return a.image ? RowSource::Image : RowSource::Patches; }

void normalize_result(const Conv2dArgs& a, const Launch& launch) {
  layer_norm(
      {a.element, a.y, a.gamma, a.beta, a.y, static_cast<int64_t>(a.n) * a.oh * a.ow, a.o, a.eps},
      launch);
}

}  // namespace

const char* conv2d_refusal(const Conv2dArgs& a, int tile, int capability) {
  if (tile < -1 || tile >= kMmaTileCount) return "there is no tile of this index";
  if (a.n < 1 || a.h < 1 || a.w < 1 || a.c < 1 || a.oh < 1 || a.ow < 1 || a.o < 1)
    return "an extent is below 1";
  if (tile < 0) return nullptr;
  if (capability < 80) return "the tensor cores' tiles ask for sm_80";
  if (a.kh != a.stride_y || a.kw != a.stride_x || a.kh != a.kw || a.pad_top != 0 || a.pad_left != 0)
    return "tiles are for square kernel = stride without padding";
  if (a.oh * a.stride_y > a.h || a.ow * a.stride_x > a.w) return "windows reach over the edge";
  const bool wide = a.element == Element::Float32;
  if (wide && !a.tf32) return "float32 without tf32 is multiplied by FFMA";
  const int slab = wide ? 32 : 64;
  if (!a.image && a.stride_x * a.c % slab != 0)
    return "a line of a window is not a multiple of 128 bytes";
  if (a.image && (a.stride_x % 4 != 0 || a.w % 4 != 0))
    return "windows of an image are not aligned to 16 bytes";
  if (a.o % 8 != 0) return "the output channels are not a multiple of 8";
  for (const void* pointer :
       {a.x, a.weight, static_cast<const void*>(a.y), static_cast<const void*>(a.bias),
        static_cast<const void*>(a.gamma), static_cast<const void*>(a.beta)})
    if (!aligned_16(pointer)) return "a pointer is not 16-byte aligned";
  if (mma_shared_bytes(a.element, tile, source_of(a), a.kh * a.kw * a.c) >
      shared_memory_limit(capability))
    return "the windows do not fit shared memory";
  return nullptr;
}

int choose_conv2d_tile(const Conv2dArgs& a, int num_sms, int capability) {
  int best = -1;
  double least = std::numeric_limits<double>::infinity();
  const int slabs = (a.kh * a.kw * a.c * (a.element == Element::Float32 ? 4 : 2) + 127) / 128;
  for (int i = 0; i < kMmaTileCount; ++i) {
    if (conv2d_refusal(a, i, capability) != nullptr) continue;
    const MmaTile& tile = kMmaTiles[i];
    const int m = a.n * a.oh * a.ow;
    double cycles = expected_cycles({LinearKind::Mma, tile.block_m, tile.block_n, tile.stages}, m,
                                    a.o, slabs, num_sms);
    if (a.gamma != nullptr) {
      // Two barriers of a cluster, or one kernel more that reads and writes the results.
      const bool there = holds_rows(a, tile, capability);
      if (there && tile.block_n < a.o) cycles += 1500;
      if (!there) cycles += 2200 + 4.0 * m * a.o / 1500;
    }
    if (cycles < least) best = i, least = cycles;
  }
  return best;
}

void conv2d(const Conv2dArgs& a, int tile, const Launch& launch) {
  if (const char* refusal = conv2d_refusal(a, tile, compute_capability()))
    throw std::invalid_argument("conv2d of kernel " + std::to_string(a.kh) + "x" +
                                std::to_string(a.kw) + ", " + std::to_string(a.c) + " to " +
                                std::to_string(a.o) + " channels on tile " + std::to_string(tile) +
                                ": " + refusal);
  const int m = a.n * a.oh * a.ow, k = a.kh * a.kw * a.c;
  if (tile < 0) {
    LinearArgs p;
    p.element = a.element;
    p.weight = a.weight, p.bias = a.bias, p.y = a.y;
    p.m = m, p.n = a.o, p.k = k;
    with_element(a.element, [&](auto tag) {
      using T = typename decltype(tag)::type;
      launch_scalar<T>(p, WindowReader<T>{a}, launch);
    });
    if (a.gamma != nullptr) normalize_result(a, launch);
    return;
  }
  const bool normalize_there =
      a.gamma != nullptr && holds_rows(a, kMmaTiles[tile], compute_capability());
  MmaArgs p{};
  p.x = a.x, p.weight = a.weight, p.bias = a.bias, p.y = a.y;
  if (normalize_there) p.gamma = a.gamma, p.beta = a.beta;
  p.m = m, p.n = a.o, p.k = k;
  p.eps = a.eps;
  p.out_h = a.oh, p.out_w = a.ow, p.stride = a.stride_x;
  p.image_size = static_cast<int64_t>(a.h) * a.w * a.c;
  p.line_size = static_cast<int64_t>(a.w) * (a.image ? 1 : a.c);
  p.channels = a.c;
  launch_mma(a.element, tile, source_of(a), p, launch);
  if (a.gamma != nullptr && !normalize_there) normalize_result(a, launch);
}

}  // namespace vitro::cuda
