#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/thread_team.h"

namespace vitro {

/// How often values of a tensor fell where: bins of one width from zero on, for both signs. The
/// bins of the magnitudes are those of TensorRT's entropy calibrator: kBins on the range of the
/// first batch, and as many more of that width behind them as later batches need.
class Histogram {
 public:
  static constexpr size_t kBins = 2048;
  /// Beyond, two bins become one: a first batch that is nearly zero must not cost the memory.
  static constexpr size_t kMaxBins = 16384;

  /// Counts a batch of finite values of at most `largest` in magnitude.
  void add(std::span<const float> values, double largest, ThreadTeam& team);

  /// Of a bin; 0 until a value other than zero was seen.
  double width() const { return width_; }
  size_t num_bins() const { return positive_.size(); }
  /// Values in [i * width, (i + 1) * width), the last bin with its end; zeros are positive.
  const std::vector<uint64_t>& positive() const { return positive_; }
  /// The same of their magnitudes, below zero.
  const std::vector<uint64_t>& negative() const { return negative_; }
  std::vector<uint64_t> magnitudes() const;
  uint64_t total() const;

  /// One of these counts, for tests and for what is read from a file.
  static Histogram of(double width, std::vector<uint64_t> positive, std::vector<uint64_t> negative);

 private:
  void reach(double largest);
  void merge_pairs();

  double width_ = 0;
  std::vector<uint64_t> positive_, negative_;
  uint64_t zeros_ = 0;  ///< before the width is known
};

}  // namespace vitro
