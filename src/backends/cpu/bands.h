#pragma once

#include <algorithm>
#include <cstdint>

#include "ir/graph.h"

namespace vitro::cpu {

/// A range [0, total) cut into bands that differ by one `unit` at most.
struct Bands {
  int64_t total = 0;
  int64_t unit = 1;
  int64_t count = 1;

  int64_t begin(int64_t band) const {
    const int64_t units = (total + unit - 1) / unit;
    return std::min(total, band * units / count * unit);
  }
  int64_t size(int64_t band) const { return begin(band + 1) - begin(band); }
  int64_t max_size() const {
    const int64_t units = (total + unit - 1) / unit;
    return std::min(total, (units + count - 1) / count * unit);
  }
};

/// Bands of about `target`, as many for each thread.
inline Bands make_bands(int64_t total, int64_t unit, int64_t target, int threads) {
  const int64_t units = std::max<int64_t>(1, (total + unit - 1) / unit);
  const int64_t wanted = std::max<int64_t>(1, (total + target - 1) / target);
  const int64_t count = (wanted + threads - 1) / threads * threads;
  return {total, unit, std::min(count, units)};
}

/// Rows of a channels-last tensor, one band for each thread; fewer when there is little to do.
Bands row_bands(const TensorType& type, int threads);
/// The same of all elements, in whole cache lines.
Bands element_bands(const TensorType& type, int threads);

}  // namespace vitro::cpu
