#include "calibration/row_reservoir.h"

#include <algorithm>
#include <cmath>

namespace vitro {

// Li's algorithm L: how many rows pass by until the next one is kept follows from two random
// numbers, so that most rows cost nothing.
RowReservoir::RowReservoir(size_t width, uint32_t seed, size_t capacity)
    : width_(width), capacity_(capacity), random_(seed) {}

/// In (0, 1). The distributions of the standard library differ between implementations.
double RowReservoir::uniform() { return (static_cast<double>(random_()) + 0.5) / 4294967296.0; }

void RowReservoir::skip() {
  threshold_ *= std::exp(std::log(uniform()) / static_cast<double>(capacity_));
  const double rows = std::floor(std::log(uniform()) / std::log1p(-threshold_));
  next_ += 1 + static_cast<int64_t>(std::min(rows, 1e15));
}

void RowReservoir::keep(size_t slot, int64_t row,
                        const std::function<void(int64_t row, std::span<float> to)>& copy) {
  const std::span<float> to = std::span(rows_).subspan(slot * width_, width_);
  copy(row, to);
  if (!std::all_of(to.begin(), to.end(), [](float value) { return std::isfinite(value); }))
    std::fill(to.begin(), to.end(), 0.0f);
}

void RowReservoir::add(int64_t rows,
                       const std::function<void(int64_t row, std::span<float> to)>& copy) {
  const int64_t end = seen_ + rows;
  while (next_ < end) {
    const int64_t row = next_ - seen_;
    if (num_rows() < capacity_) {
      rows_.resize(rows_.size() + width_);
      keep(num_rows() - 1, row, copy);
      if (num_rows() < capacity_)
        ++next_;
      else
        skip();
    } else {
      keep(static_cast<size_t>(uniform() * static_cast<double>(capacity_)), row, copy);
      skip();
    }
  }
  seen_ = end;
}

}  // namespace vitro
