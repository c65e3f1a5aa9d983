#pragma once

#include <immintrin.h>

#include "backends/cpu/kernels/amx_config.h"

namespace vitro::cpu {
namespace {

/// The tile instructions but the product. GCC's intrinsics are macros that want the number of a
/// register spelt out.
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
};

}  // namespace
}  // namespace vitro::cpu
