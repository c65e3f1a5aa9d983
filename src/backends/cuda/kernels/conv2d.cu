#include "backends/cuda/kernels/conv2d.h"

#include <limits>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/layer_norm.h"
#include "backends/cuda/kernels/linear_cost.h"
#include "backends/cuda/kernels/linear_ffma.h"
#include "backends/cuda/kernels/linear_scalar.cuh"
#include "backends/cuda/kernels/linear_wgmma.h"

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
bool holds_rows(const Conv2dArgs& a, const LinearTile& tile, int capability) {
  const int blocks = a.o / tile.block_n;
  return (tile.kind == LinearKind::Mma || tile.kind == LinearKind::Ffma) &&
         a.o % tile.block_n == 0 && blocks <= (capability >= 90 ? 8 : 1);
}

RowSource source_of(const Conv2dArgs& a) { return a.image ? RowSource::Image : RowSource::Patches; }

const LinearTile& tile_of(int tile) { return linear_tiles()[static_cast<size_t>(tile)]; }

WgmmaWindows windows_of(const Conv2dArgs& a) {
  return {a.n, a.h, a.w, a.c, a.oh, a.ow, a.stride_x};
}

const char* wgmma_conv_refusal(const Conv2dArgs& a, int capability) {
  if (capability != 90) return "wgmma asks for sm_90";
  if (a.element == Element::Float32) return "wgmma tiles are for 16 bits";
  if (a.image) return "wgmma tiles do not read images";
  return wgmma_refusal(windows_of(a));
}

void conv2d_scalar(const Conv2dArgs& a, const Launch& launch) {
  LinearArgs p;
  p.element = a.element;
  p.weight = a.weight, p.bias = a.bias, p.y = a.y;
  p.m = a.n * a.oh * a.ow, p.n = a.o, p.k = a.kh * a.kw * a.c;
  with_element(a.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_scalar<T>(p, WindowReader<T>{a}, launch);
  });
}

void conv2d_wgmma(const Conv2dArgs& a, int tile, const Launch& launch) {
  LinearArgs p;
  p.element = a.element;
  p.x = a.x, p.weight = a.weight, p.bias = a.bias, p.y = a.y;
  p.m = a.n * a.oh * a.ow, p.n = a.o, p.k = a.kh * a.kw * a.c;
  const WgmmaWindows windows = windows_of(a);
  linear_wgmma(p, tile - kFirstWgmmaTile, launch, &windows);
}

/// With the norm of the results in the same launch, or without; on the Mma or the Ffma tiles.
void conv2d_slabs(const Conv2dArgs& a, int tile, bool norm, const Launch& launch) {
  MmaArgs p{};
  p.x = a.x, p.weight = a.weight, p.bias = a.bias, p.y = a.y;
  if (norm) p.gamma = a.gamma, p.beta = a.beta;
  p.m = a.n * a.oh * a.ow, p.n = a.o, p.k = a.kh * a.kw * a.c;
  p.eps = a.eps;
  p.out_h = a.oh, p.out_w = a.ow, p.stride = a.stride_x;
  p.image_size = static_cast<int64_t>(a.h) * a.w * a.c;
  p.line_size = static_cast<int64_t>(a.w) * (a.image ? 1 : a.c);
  p.channels = a.c;
  if (tile >= kFirstFfmaTile) return launch_ffma(tile - kFirstFfmaTile, source_of(a), p, launch);
  launch_mma(a.element, tile - kFirstMmaTile, source_of(a), p, launch);
}

void normalize_result(const Conv2dArgs& a, const Launch& launch) {
  layer_norm(
      {a.element, a.y, a.gamma, a.beta, a.y, static_cast<int64_t>(a.n) * a.oh * a.ow, a.o, a.eps},
      launch);
}

}  // namespace

const char* conv2d_refusal(const Conv2dArgs& a, int tile, int capability) {
  if (tile < 0 || tile >= static_cast<int>(linear_tiles().size()))
    return "there is no tile of this index";
  if (a.n < 1 || a.h < 1 || a.w < 1 || a.c < 1 || a.oh < 1 || a.ow < 1 || a.o < 1)
    return "an extent is below 1";
  const LinearKind kind = tile_of(tile).kind;
  if (kind == LinearKind::Scalar) return nullptr;
  if (kind == LinearKind::Tma) return "tma tiles take rows of a matrix, not windows";
  if (capability < 80) return "tiles ask for sm_80";
  if (a.kh != a.stride_y || a.kw != a.stride_x || a.kh != a.kw || a.pad_top != 0 || a.pad_left != 0)
    return "tiles are for square kernel = stride without padding";
  if (a.oh * a.stride_y > a.h || a.ow * a.stride_x > a.w) return "windows reach over the edge";
  const bool wide = a.element == Element::Float32, ffma = kind == LinearKind::Ffma;
  if (wide && a.tf32 == ffma)
    return ffma ? "tf32 is multiplied by the tensor cores"
                : "float32 without tf32 is multiplied by FFMA";
  if (ffma && !wide) return "FFMA tiles are for float32";
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
  if (kind == LinearKind::Wgmma) return wgmma_conv_refusal(a, capability);
  const int k = a.kh * a.kw * a.c;
  const size_t bytes = ffma ? ffma_shared_bytes(tile - kFirstFfmaTile, source_of(a), k)
                            : mma_shared_bytes(a.element, tile - kFirstMmaTile, source_of(a), k);
  if (bytes > shared_memory_limit(capability)) return "the windows do not fit shared memory";
  return nullptr;
}

std::vector<int> rank_conv2d_tiles(const Conv2dArgs& a, int num_sms, int capability) {
  const int slabs = (a.kh * a.kw * a.c * (a.element == Element::Float32 ? 4 : 2) + 127) / 128;
  const int m = a.n * a.oh * a.ow;
  return rank_tiles([&](int i) -> std::optional<double> {
    if (conv2d_refusal(a, i, capability) != nullptr) return std::nullopt;
    const LinearTile& tile = tile_of(i);
    // Far slower than the product of its extents.
    if (tile.kind == LinearKind::Scalar) return std::numeric_limits<double>::infinity();
    // Windows take longer than rows; both factors are measured.
    const double windows = a.image ? 1.0 : tile.kind == LinearKind::Mma ? 1.6 : 1.35;
    double cycles = windows * expected_cycles(tile, m, a.o, slabs, num_sms);
    if (a.gamma != nullptr) {
      // Two barriers of a cluster, or one kernel more that reads and writes the results.
      const bool there = holds_rows(a, tile, capability);
      if (there && tile.block_n < a.o) cycles += 1500;
      if (!there) cycles += 2200 + 4.0 * m * a.o / 1500;
    }
    return cycles;
  });
}

void conv2d(const Conv2dArgs& a, int tile, const Launch& launch) {
  const int capability = compute_capability();
  if (const char* refusal = conv2d_refusal(a, tile, capability))
    throw std::invalid_argument("conv2d of kernel " + std::to_string(a.kh) + "x" +
                                std::to_string(a.kw) + ", " + std::to_string(a.c) + " to " +
                                std::to_string(a.o) + " channels on tile " + std::to_string(tile) +
                                ": " + refusal);
  const bool norm_there = a.gamma != nullptr && holds_rows(a, tile_of(tile), capability);
  switch (tile_of(tile).kind) {
    case LinearKind::Scalar:
      conv2d_scalar(a, launch);
      break;
    case LinearKind::Tma:  // refused
    case LinearKind::Mma:
    case LinearKind::Ffma:
      conv2d_slabs(a, tile, norm_there, launch);
      break;
    case LinearKind::Wgmma:
      conv2d_wgmma(a, tile, launch);
      break;
  }
  if (a.gamma != nullptr && !norm_there) normalize_result(a, launch);
}

}  // namespace vitro::cuda
