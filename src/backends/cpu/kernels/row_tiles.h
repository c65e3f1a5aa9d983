#pragma once

#include <cstdint>

namespace vitro::cpu {
namespace {

/// Rows [begin, end) cut into tiles of nearly equal height, so that no tile is left with a row or
/// two.
struct RowTiles {
  int64_t begin;
  int64_t count;
  int64_t low;   // height of the short tiles
  int64_t tall;  // how many tiles, the first ones, are one row higher

  RowTiles(int64_t from, int64_t end, int64_t max_rows) : begin(from) {
    count = (end - from + max_rows - 1) / max_rows;
    low = (end - from) / count;
    tall = (end - from) % count;
  }
  int64_t start(int64_t i) const { return begin + i * low + (i < tall ? i : tall); }
  int64_t rows(int64_t i) const { return low + (i < tall ? 1 : 0); }
};

}  // namespace
}  // namespace vitro::cpu
