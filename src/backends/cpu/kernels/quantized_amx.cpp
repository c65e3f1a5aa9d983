#include "backends/cpu/kernels/quantized_amx_impl.h"
#include "backends/cpu/kernels/quantized_products.h"

namespace vitro::cpu {
namespace {

/// GCC's intrinsics are macros that want the number of a register spelt out.
struct AmxTiles {
  static void configure(const TileConfig& config) { _tile_loadconfig(&config); }
  static void release() { _tile_release(); }
  static void zero_sums() {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  template <int tile>
  static void load(const void* from, int64_t stride) {
    if constexpr (tile == 4) _tile_loadd(4, from, stride);
    if constexpr (tile == 5) _tile_loadd(5, from, stride);
    if constexpr (tile == 6) _tile_loadd(6, from, stride);
    if constexpr (tile == 7) _tile_loadd(7, from, stride);
  }
  template <int tile>
  static void store(void* to, int64_t stride) {
    if constexpr (tile == 0) _tile_stored(0, to, stride);
    if constexpr (tile == 1) _tile_stored(1, to, stride);
    if constexpr (tile == 2) _tile_stored(2, to, stride);
    if constexpr (tile == 3) _tile_stored(3, to, stride);
  }
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

const GemmKernel kQuantizedAmx = quantized_kernel_amx<AmxTiles>();

}  // namespace vitro::cpu
