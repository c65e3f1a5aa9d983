#pragma once

#include <cstdint>

namespace vitro::cpu {
namespace {

constexpr int64_t kTileRows = 16;

/// The shapes of the tile registers 0 to 7, as LDTILECFG reads them.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  /// Registers 0 and 1 hold C and 4 holds A of the `first` rows, 2 and 3 hold C and 5 holds A of
  /// the `second` ones; 6 and 7 hold B.
  TileConfig(int64_t first, int64_t second) {
    const int64_t heights[8] = {first, first, second, second, first, second, kTileRows, kTileRows};
    for (int i = 0; i < 8; ++i) {
      row_bytes[i] = 64;
      rows[i] = static_cast<uint8_t>(heights[i]);
    }
  }
};

}  // namespace
}  // namespace vitro::cpu
