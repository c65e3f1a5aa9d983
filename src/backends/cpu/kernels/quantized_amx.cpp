#include "backends/cpu/kernels/amx_tiles.h"
#include "backends/cpu/kernels/narrow_amx_impl.h"
#include "backends/cpu/kernels/narrow_products.h"

namespace vitro::cpu {
namespace {

struct CodeTiles : AmxTiles {
  /// Sums += codes of tile 4 or 5 times weights of tile 6 or 7, see TileConfig.
  template <int sums>
  static void multiply() {
    if constexpr (sums == 0) _tile_dpbusd(0, 4, 6);
    if constexpr (sums == 1) _tile_dpbusd(1, 4, 7);
    if constexpr (sums == 2) _tile_dpbusd(2, 5, 6);
    if constexpr (sums == 3) _tile_dpbusd(3, 5, 7);
  }
};

}  // namespace

const GemmKernel kQuantizedAmx = narrow_kernel_amx<CodeTiles, CodeFormat<VecAvx512>>();

}  // namespace vitro::cpu
