#include "backends/cpu/kernels/amx_tiles.h"
#include "backends/cpu/kernels/dot_avx512.h"
#include "backends/cpu/kernels/narrow_amx_impl.h"
#include "backends/cpu/kernels/narrow_products.h"

namespace vitro::cpu {
namespace {

struct BFloat16Tiles : AmxTiles {
  /// Sums += pairs of tile 4 or 5 times pairs of tile 6 or 7, see TileConfig.
  template <int sums>
  static void multiply() {
    if constexpr (sums == 0) _tile_dpbf16ps(0, 4, 6);
    if constexpr (sums == 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (sums == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (sums == 3) _tile_dpbf16ps(3, 5, 7);
  }
};

}  // namespace

const GemmKernel kBFloat16Amx = narrow_kernel_amx<BFloat16Tiles, BFloat16Format<RoundAvx512>>();

}  // namespace vitro::cpu
