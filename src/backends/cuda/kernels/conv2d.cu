#include "backends/cuda/kernels/conv2d.h"

#include <limits>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/layer_norm.h"
#include "backends/cuda/kernels/linear_cost.h"
#include "backends/cuda/kernels/linear_scalar.cuh"
#include "backends/cuda/kernels/linear_slabs.h"
#include "backends/cuda/kernels/linear_wgmma.h"
#include "backends/cuda/kernels/tensor_map.h"

namespace vitro::cuda {
namespace {

/// The windows of a convolution as rows of a matrix; zeros where they reach over the edge.
template <typename T>
struct WindowReader {
  Conv2dArgs p;
  __device__ __forceinline__ float operator()(int row, int column) const {
    const int ox = row % p.ow, oy = row / p.ow % p.oh, image = row / p.ow / p.oh;
    int ky, kx, channel;
    if (p.image && !p.pixels) {
      kx = column % p.kw, ky = column / p.kw % p.kh, channel = column / p.kw / p.kh;
    } else {
      channel = column % p.c, kx = column / p.c % p.kw, ky = column / p.c / p.kw;
    }
    if (ky >= p.kh) return 0.0f;  // what fills a row of weight
    const int y = oy * p.stride_y + ky * p.dilation_y - p.pad_top,
              x = ox * p.stride_x + kx * p.dilation_x - p.pad_left;
    if (channel >= p.c || y < 0 || y >= p.h || x < 0 || x >= p.w) return 0.0f;
    if (p.image && !p.pixels)
      return to_float(from_float<T>(static_cast<const float*>(
          p.x)[((static_cast<int64_t>(image) * p.c + channel) * p.h + y) * p.w + x]));
    const int64_t at = ((static_cast<int64_t>(image) * p.h + y) * p.w + x) * p.c + channel;
    return p.pixels ? static_cast<const uint8_t*>(p.x)[at]
                    : to_float(static_cast<const T*>(p.x)[at]);
  }
};

/// True when a cluster of at most eight blocks holds whole rows of results and normalises them;
/// else a kernel of its own does.
bool holds_rows(const Conv2dArgs& a, const LinearTile& tile, int capability) {
  const int blocks = a.o / tile.block_n;
  return takes_slabs(tile.kind) && a.o % tile.block_n == 0 && blocks <= (capability >= 90 ? 8 : 1);
}

RowSource source_of(const Conv2dArgs& a) { return a.image ? RowSource::Image : RowSource::Windows; }

const LinearTile& tile_of(int tile) { return linear_tiles()[static_cast<size_t>(tile)]; }

/// The taps of a line that lie beside each other, and in no other window, are one of more channels.
Windows windows_of(const Conv2dArgs& a) {
  Windows v{a.n,  a.h,        a.w,        a.c,          a.oh,         a.ow,      a.kh,
            a.kw, a.stride_y, a.stride_x, a.dilation_y, a.dilation_x, a.pad_top, a.pad_left};
  const bool apart = v.kernel_w == v.stride_x && v.dilation_x == 1 && v.pad_left == 0;
  if (!a.image && apart && v.w % v.stride_x == 0 && v.out_w * v.stride_x <= v.w) {
    v.c *= v.kernel_w, v.w /= v.kernel_w;
    v.kernel_w = v.stride_x = 1;
  }
  return v;
}

/// Elements of a row of weight.
int columns_of(const Conv2dArgs& a) {
  const int columns = a.kh * a.kw * a.c;
  return a.image ? (columns + 7) / 8 * 8 : columns;
}

int slabs_of(const Conv2dArgs& a) {
  return a.image ? mma_slabs(a.element, columns_of(a))
                 : window_slabs(windows_of(a), 128 / static_cast<int>(element_size(a.element)));
}

const char* wgmma_conv_refusal(const Conv2dArgs& a, int tile, int capability) {
  if (capability != 90) return "wgmma asks for sm_90";
  if (a.image) return "wgmma tiles do not read images";
  if (const char* refusal = wgmma_refusal(tile - kFirstWgmmaTile, a.element, a.tf32, slabs_of(a)))
    return refusal;
  return window_map_refusal(windows_of(a));
}

/// What a convolution has of a product.
LinearArgs product_of(const Conv2dArgs& a) {
  LinearArgs p;
  p.element = a.element;
  p.x = a.x, p.weight = a.weight, p.weight_parts = a.weight_parts, p.bias = a.bias,
  p.residual = a.residual, p.y = a.y;
  p.m = a.n * a.oh * a.ow, p.n = a.o, p.k = columns_of(a);
  p.activation = a.activation;
  return p;
}

void conv2d_scalar(const Conv2dArgs& a, const Launch& launch) {
  with_element(a.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_scalar<T>(product_of(a), WindowReader<T>{a}, launch);
  });
}

void conv2d_wgmma(const Conv2dArgs& a, int tile, const Launch& launch) {
  const Windows windows = windows_of(a);
  linear_wgmma(product_of(a), tile - kFirstWgmmaTile, launch, &windows);
}

/// With the norm of the results in the same launch, or without; on tiles that take slabs.
void conv2d_slabs(const Conv2dArgs& a, int tile, bool norm, const Launch& launch) {
  MmaArgs p = mma_args(product_of(a), tile_of(tile).kind);
  if (norm) p.gamma = a.gamma, p.beta = a.beta;
  p.eps = a.eps;
  p.windows = windows_of(a);
  p.slabs = slabs_of(a);
  p.pixels = a.pixels;
  p.image_is_aligned = a.image && is_aligned_image(p.windows, a.pixels ? a.c : 1);
  launch_slabs(tile, a.element, source_of(a), p, launch);
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
  if (a.gamma != nullptr && (a.residual != nullptr || a.activation.op != UnaryOp::None))
    return "after a norm there is neither a residual nor an activation";
  if (kind == LinearKind::Scalar) return nullptr;
  if (kind == LinearKind::Tma) return "tma tiles take rows of a matrix, not windows";
  if (capability < 80) return "tiles ask for sm_80";
  if (takes_slabs(kind))
    if (const char* refusal = slab_refusal(kind, {a.element, a.tf32, a.weight_parts, capability}))
      return refusal;
  if (!a.image && a.c % (a.element == Element::Float32 ? 4 : 8) != 0)
    return "pixels are not a multiple of 16 bytes";
  if (a.o % 8 != 0) return "the output channels are not a multiple of 8";
  for (const void* pointer :
       {a.x, a.weight, a.residual, static_cast<const void*>(a.y), static_cast<const void*>(a.bias),
        static_cast<const void*>(a.gamma), static_cast<const void*>(a.beta)})
    if (!aligned_16(pointer)) return "a pointer is not 16-byte aligned";
  if (kind == LinearKind::Wgmma) return wgmma_conv_refusal(a, tile, capability);
  if (slab_shared_bytes(tile, a.element, source_of(a), slabs_of(a)) >
      shared_memory_limit(capability))
    return "the windows do not fit shared memory";
  return nullptr;
}

std::vector<int> rank_conv2d_tiles(const Conv2dArgs& a, int num_sms, int capability) {
  const int slabs = slabs_of(a), m = a.n * a.oh * a.ow;
  return rank_tiles([&](int i) -> std::optional<double> {
    if (conv2d_refusal(a, i, capability) != nullptr) return std::nullopt;
    const LinearTile& tile = tile_of(i);
    // Far slower than the product of its extents.
    if (tile.kind == LinearKind::Scalar) return std::numeric_limits<double>::infinity();
    // Windows take longer than rows; the factors are measured.
    const double windows = a.image                           ? 1.0
                           : tile.kind == LinearKind::Mma    ? 1.6
                           : tile.kind == LinearKind::Tf32x3 ? 1.1
                                                             : 1.2;
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
    case LinearKind::Tf32x3:
      conv2d_slabs(a, tile, norm_there, launch);
      break;
    case LinearKind::Wgmma:
      conv2d_wgmma(a, tile, launch);
      break;
  }
  if (a.gamma != nullptr && !norm_there) normalize_result(a, launch);
}

}  // namespace vitro::cuda
