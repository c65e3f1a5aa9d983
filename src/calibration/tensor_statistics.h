#pragma once

#include <algorithm>

#include "calibration/histogram.h"
#include "core/thread_team.h"

namespace vitro {

/// What the input of a product holds, over all batches. Values that are not finite are counted and
/// take part in nothing else.
class TensorStatistics {
 public:
  explicit TensorStatistics(int64_t channels);

  /// Takes in a batch: [rows, channels]. How many threads the team has does not matter to the
  /// result.
  void add(std::span<const float> values, ThreadTeam& team);

  struct Channel {
    float min, max;  ///< 0 until a value was seen
    double mean, mean_square;
    bool operator==(const Channel&) const = default;
  };
  std::vector<Channel> channels() const;
  size_t num_channels() const { return min_.size(); }
  float min() const;  ///< over all channels
  float max() const;
  const Histogram& histogram() const { return histogram_; }
  int64_t rows() const { return rows_; }
  int64_t not_finite() const { return not_finite_; }

  /// See state.h.
  template <typename State>
  void state(State& state) {
    state(min_, max_, sum_, squares_, missing_, rows_, not_finite_);
    const auto fits = [&](int64_t count) { return count >= 0 && count <= rows_; };
    state.expect(rows_ >= 0 && rows_ <= State::kMostCount && not_finite_ >= 0 &&
                     not_finite_ <= State::kMostCount &&
                     std::all_of(missing_.begin(), missing_.end(), fits),
                 "counts that cannot be");
    histogram_.state(state);
  }

 private:
  std::vector<float> min_, max_;
  std::vector<double> sum_, squares_;
  std::vector<int64_t> missing_;  ///< values of the channel that were not finite
  Histogram histogram_;
  int64_t rows_ = 0, not_finite_ = 0;
};

}  // namespace vitro
