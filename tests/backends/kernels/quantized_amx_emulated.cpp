// What AMX runs, on tiles in memory: a processor with AVX-512 and no AMX can test all but the
// instructions themselves. See quantized_products.h.
#include <cstring>

#include "backends/cpu/kernels/quantized_amx_impl.h"
#include "quantized_products.h"

namespace vitro::cpu {
namespace {

struct Tile {
  int rows = 0;
  int row_bytes = 0;
  uint8_t bytes[16][64] = {};
};
Tile tiles[8];

struct EmulatedTiles {
  static void configure(const TileConfig& config) {
    for (int i = 0; i < 8; ++i) tiles[i] = {config.rows[i], config.row_bytes[i], {}};
  }
  static void release() { std::fill_n(tiles, 8, Tile{}); }
  static void zero_sums() {
    for (int i = 0; i < 4; ++i) std::memset(tiles[i].bytes, 0, sizeof(tiles[i].bytes));
  }
  template <int tile>
  static void load(const void* from, int64_t stride) {
    for (int i = 0; i < tiles[tile].rows; ++i)
      std::memcpy(tiles[tile].bytes[i], static_cast<const uint8_t*>(from) + i * stride,
                  static_cast<size_t>(tiles[tile].row_bytes));
  }
  template <int tile>
  static void store(void* to, int64_t stride) {
    for (int i = 0; i < tiles[tile].rows; ++i)
      std::memcpy(static_cast<uint8_t*>(to) + i * stride, tiles[tile].bytes[i],
                  static_cast<size_t>(tiles[tile].row_bytes));
  }
  template <int sums>
  static void multiply() {
    constexpr int codes = 4 + sums / 2, weights = 6 + sums % 2;
    for (int row = 0; row < tiles[codes].rows; ++row)
      for (int column = 0; column < 16; ++column) {
        int32_t sum;
        std::memcpy(&sum, &tiles[sums].bytes[row][column * 4], sizeof(sum));
        for (int k = 0; k < tiles[codes].row_bytes; ++k)
          sum += tiles[codes].bytes[row][k] *
                 static_cast<int8_t>(tiles[weights].bytes[k / 4][column * 4 + k % 4]);
        std::memcpy(&tiles[sums].bytes[row][column * 4], &sum, sizeof(sum));
      }
  }
};

}  // namespace

const GemmKernel kQuantizedEmulatedAmx = quantized_kernel_amx<EmulatedTiles>();

}  // namespace vitro::cpu
