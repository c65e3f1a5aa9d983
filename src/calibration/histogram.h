#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace vitro {

/// How often values of a tensor fell where: bins of one width from zero on, for both signs. The
/// bins of the magnitudes are those of TensorRT's entropy calibrator: kBins on the range of the
/// first batch, and as many more of that width behind them as later batches need.
class Histogram {
 public:
  static constexpr size_t kBins = 2048;
  /// Beyond, two bins become one: a first batch that is nearly zero must not cost the memory.
  static constexpr size_t kMaxBins = 16384;

  /// Counts of a part of a batch, for one thread.
  class Counts {
   public:
    explicit Counts(const Histogram& histogram);
    /// Finite values of at most the reach() of the histogram.
    void add(std::span<const float> values);

   private:
    friend class Histogram;
    size_t bins_;
    float per_width_;
    std::vector<uint32_t> even_, odd_;  ///< of every other value: neighbours often share a bin
  };

  /// Makes values of this magnitude fit, and the next batch one that appends bins.
  void extend(double largest);
  /// The largest magnitude that fits; 0 until a value other than zero was seen.
  double reach() const { return width_ * static_cast<double>(num_bins()); }
  /// Takes in counts that were begun with the bins of now.
  void merge(const Counts& counts);
  /// Counts finite values that extend() was called for.
  void add(std::span<const float> values);

  /// Of a bin; 0 until a value other than zero was seen.
  double width() const { return width_; }
  size_t num_bins() const { return positive_.size(); }
  /// Values in [i * width, (i + 1) * width), the last bin with its end; zeros are positive.
  const std::vector<uint64_t>& positive() const { return positive_; }
  /// The same of their magnitudes, below zero.
  const std::vector<uint64_t>& negative() const { return negative_; }
  std::vector<uint64_t> magnitudes() const;
  uint64_t total() const;

  /// See state.h.
  template <typename State>
  void state(State& state) {
    state(width_, positive_, negative_, zeros_);
    state.expect(positive_.size() == negative_.size() && positive_.size() <= kMaxBins &&
                     std::isfinite(width_) && (positive_.empty() ? width_ == 0 : width_ > 0),
                 "a histogram that cannot be");
  }

  /// One of these counts, for tests and for what is read from a file.
  static Histogram of(double width, std::vector<uint64_t> positive, std::vector<uint64_t> negative);

 private:
  void merge_pairs();

  double width_ = 0;
  std::vector<uint64_t> positive_, negative_;
  uint64_t zeros_ = 0;  ///< before the width is known
};

}  // namespace vitro
