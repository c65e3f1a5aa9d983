// What AMX runs, on tiles in memory: a processor with AVX-512 and no AMX can test all but the
// instructions themselves. See narrow_products.h.
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/narrow_amx_impl.h"
#include "core/convert.h"
#include "narrow_products.h"

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
};

template <typename T>
T read(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

/// Calls term(bytes of a row, bytes of weights, sum) for each four bytes of both.
template <int sums, typename Sum, typename Term>
void multiply_tiles(Term term) {
  const Tile &rows = tiles[4 + sums / 2], &weights = tiles[6 + sums % 2];
  for (int row = 0; row < rows.rows; ++row)
    for (int column = 0; column < 16; ++column) {
      uint8_t* at = &tiles[sums].bytes[row][column * 4];
      Sum sum = read<Sum>(at);
      for (int k = 0; k < rows.row_bytes; k += 4)
        sum = term(&rows.bytes[row][k], &weights.bytes[k / 4][column * 4], sum);
      std::memcpy(at, &sum, sizeof(sum));
    }
}

struct EmulatedCodes : EmulatedTiles {
  template <int sums>
  static void multiply() {
    multiply_tiles<sums, int32_t>([](const uint8_t* codes, const uint8_t* weights, int32_t sum) {
      for (int k = 0; k < 4; ++k) sum += codes[k] * static_cast<int8_t>(weights[k]);
      return sum;
    });
  }
};

struct EmulatedBFloat16 : EmulatedTiles {
  template <int sums>
  static void multiply() {
    multiply_tiles<sums, float>([](const uint8_t* pair, const uint8_t* weights, float sum) {
      for (int k : {0, 2})
        sum = std::fma(bfloat16_to_float32(read<uint16_t>(pair + k)),
                       bfloat16_to_float32(read<uint16_t>(weights + k)), sum);
      return sum;
    });
  }
};

/// RoundAvx512 on processors that lack its instruction.
struct Round {
  using V = VecAvx512;
  static constexpr int kRegs = 1;
  static void store_bfloat16(uint16_t* p, const V::Reg (&y)[kRegs]) {
    store_bfloat16_tail(p, y, V::kWidth);
  }
  static void store_bfloat16_tail(uint16_t* p, const V::Reg (&y)[kRegs], int n) {
    alignas(64) float floats[V::kWidth];
    V::store(floats, y[0]);
    std::transform(floats, floats + n, p, float32_to_bfloat16);
  }
};

}  // namespace

const GemmKernel kQuantizedEmulatedAmx = narrow_kernel_amx<EmulatedCodes, CodeFormat<VecAvx512>>();
const GemmKernel kBFloat16EmulatedAmx =
    narrow_kernel_amx<EmulatedBFloat16, BFloat16Format<Round>>();

}  // namespace vitro::cpu
