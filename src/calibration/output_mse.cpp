#include "calibration/output_mse.h"

#include <algorithm>
#include <cmath>

namespace vitro {
namespace {

constexpr double kAlphas[] = {0, 0.15, 0.3, 0.5, 0.7, 0.85};
/// A smoothing is kept when the error is at most this part of that without.
constexpr double kWorthwhile = 0.95;
constexpr float kLargestWeight = 127;

/// Half to even, for |x| < 2^22; in a loop four at a time, which std::nearbyint is not.
float rounded(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23
  return (x + kShift) - kShift;
}

/// Codes and what they stand for; a division for each value would take most of the time.
struct ReadBack {
  const InputQuantization& codes;
  std::vector<float> step;  ///< 1 / factor

  explicit ReadBack(const InputQuantization& of) : codes(of) {
    for (float factor : of.factor) step.push_back(1 / factor);
  }

  /// What a row becomes when it is read back from its codes.
  void operator()(std::span<const float> row, std::span<float> to) const {
    const size_t channels = step.size();
    const float *factor = codes.factor.data(), *offset = codes.offset.data();
    for (size_t begin = 0; begin < row.size(); begin += channels) {
      const float* x = row.data() + begin;
      float* y = to.data() + begin;
      for (size_t c = 0; c < channels; ++c) {
        const float code = std::min(std::max(x[c] * factor[c] + offset[c], 0.0f), 255.0f);
        y[c] = (rounded(code) - offset[c]) * step[c];
      }
    }
  }
};

class OutputSearch {
 public:
  OutputSearch(const ProductSample& sample, std::span<const TensorStatistics::Channel> channels,
               const MultiplyRows& multiply)
      : sample_(sample), channels_(channels), multiply_(multiply), depth_(sample.depth) {
    const size_t rows = sample.rows.size() / depth_, outputs = sample.weights.size() / depth_;
    largest_weight_.resize(channels.size());
    column_squares_.resize(depth_);
    for (size_t o = 0; o < outputs; ++o)
      for (size_t k = 0; k < depth_; ++k) {
        const float w = sample.weights[o * depth_ + k];
        float& largest = largest_weight_[k % channels.size()];
        largest = std::max(largest, std::fabs(w));
        column_squares_[k] += w * w;
      }
    expected_.resize(rows * outputs);
    multiply(sample.rows, sample.weights, depth_, expected_);
    for (float y : expected_) norm_ += static_cast<double>(y) * static_cast<double>(y);
    read_.resize(sample.rows.size());
    results_.resize(expected_.size());
  }

  /// By channel, of geometric mean 1; small channels count as a hundred thousandth of the largest.
  std::vector<double> smoothing(double alpha) const {
    std::vector<double> scale(channels_.size(), 1);
    if (alpha == 0) return scale;
    double largest_x = 0, largest_w = 0;
    for (size_t c = 0; c < scale.size(); ++c) {
      largest_x = std::max(largest_x, magnitude(c));
      largest_w = std::max(largest_w, static_cast<double>(largest_weight_[c]));
    }
    if (largest_x == 0 || largest_w == 0) return scale;
    double logs = 0;
    for (size_t c = 0; c < scale.size(); ++c) {
      const double x = std::max(magnitude(c), 1e-5 * largest_x);
      const double w = std::max(static_cast<double>(largest_weight_[c]), 1e-5 * largest_w);
      scale[c] = std::pow(x, alpha) / std::pow(w, 1 - alpha);
      logs += std::log(scale[c]);
    }
    const double mean = std::exp(logs / static_cast<double>(scale.size()));
    for (double& s : scale) s /= mean;
    return scale;
  }

  /// Of the channels after smoothing.
  Range whole_range(const std::vector<double>& scale) const {
    Range range;
    for (size_t c = 0; c < scale.size(); ++c) {
      const double low = static_cast<double>(channels_[c].min) / scale[c];
      const double high = static_cast<double>(channels_[c].max) / scale[c];
      range =
          c == 0 ? Range{low, high} : Range{std::min(range.low, low), std::max(range.high, high)};
    }
    return range;
  }

  InputQuantization codes(const Range& range, const std::vector<double>& scale) const {
    return scaled(affine_codes(range, scale.size(), sample_.exact_zero), scale);
  }

  /// Codes of rows that were divided by the scale become codes of the rows.
  static InputQuantization scaled(InputQuantization codes, const std::vector<double>& scale) {
    for (size_t c = 0; c < scale.size(); ++c)
      codes.factor[c] = static_cast<float>(
          std::clamp(static_cast<double>(codes.factor[c]) / scale[c], 1e-37, 1e37));
    return codes;
  }

  /// The rows of the sample, divided by the scale.
  std::vector<float> smoothed(const std::vector<double>& scale) const {
    std::vector<float> rows(sample_.rows.begin(), sample_.rows.end());
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i] = static_cast<float>(static_cast<double>(rows[i]) / scale[i % scale.size()]);
    return rows;
  }

  /// Clips one end, then the other, as far as the weighted error of the sample falls.
  Range clipped(const std::vector<double>& scale) {
    const Range whole = whole_range(scale);
    Range best = whole;
    double least = input_error(codes(best, scale));
    for (int end : {0, 1})
      for (int percent = 95; percent >= 40; percent -= 5) {
        Range range = best;
        (end == 0 ? range.high : range.low) = (end == 0 ? whole.high : whole.low) * percent / 100;
        if (range.high <= range.low) continue;
        const double error = input_error(codes(range, scale));
        if (error >= least) continue;
        least = error;
        best = range;
      }
    return best;
  }

  double nmse(const InputQuantization& codes) {
    const ReadBack read_back(codes);
    for (size_t begin = 0; begin < sample_.rows.size(); begin += depth_)
      read_back(sample_.rows.subspan(begin, depth_), std::span(read_).subspan(begin, depth_));
    // Codes and weights that were divided by the factors, both multiplied back: the same product.
    std::vector<float> weights = rounded_weights(sample_.weights, depth_, codes.factor);
    const size_t channels = codes.factor.size();
    for (size_t begin = 0; begin < weights.size(); begin += channels)
      for (size_t c = 0; c < channels; ++c) weights[begin + c] *= codes.factor[c];
    multiply_(read_, weights, depth_, results_);
    double error = 0;
    for (size_t i = 0; i < results_.size(); ++i) {
      const double difference =
          static_cast<double>(results_[i]) - static_cast<double>(expected_[i]);
      error += difference * difference;
    }
    return norm_ > 0 ? error / norm_ : error;
  }

 private:
  double magnitude(size_t c) const {
    return static_cast<double>(std::max(-channels_[c].min, channels_[c].max));
  }

  /// Over every fourth row: ends of ranges need no more.
  double input_error(const InputQuantization& codes) {
    const ReadBack read_back(codes);
    std::span<float> row = std::span(read_).first(depth_);
    double error = 0;
    for (size_t begin = 0; begin < sample_.rows.size(); begin += 4 * depth_) {
      const float* x = sample_.rows.data() + begin;
      read_back({x, depth_}, row);
      float sum = 0;
      for (size_t k = 0; k < depth_; ++k) {
        const float difference = row[k] - x[k];
        row[k] = difference * difference * column_squares_[k];
      }
      for (size_t k = 0; k < depth_; ++k) sum += row[k];
      error += static_cast<double>(sum);
    }
    return error;
  }

  const ProductSample& sample_;
  std::span<const TensorStatistics::Channel> channels_;
  const MultiplyRows& multiply_;
  size_t depth_;
  std::vector<float> largest_weight_;  ///< by channel
  std::vector<float> column_squares_;  ///< sums over the outputs
  std::vector<float> expected_, results_, read_;
  double norm_ = 0;
};

}  // namespace

OutputChoice smooth_by_output(const ProductSample& sample,
                              std::span<const TensorStatistics::Channel> channels,
                              const InputQuantization& plain, const CodesOf& codes_of,
                              const MultiplyRows& multiply) {
  OutputSearch search(sample, channels, multiply);
  OutputChoice best{plain, 0, search.nmse(plain), 0};
  double most = kWorthwhile * best.nmse;
  for (double alpha : kAlphas) {
    if (alpha == 0) continue;
    const std::vector<double> scale = search.smoothing(alpha);
    InputQuantization codes =
        OutputSearch::scaled(codes_of(search.smoothed(scale), search.whole_range(scale)), scale);
    const double nmse = search.nmse(codes);
    if (!(nmse <= most)) continue;
    most = nmse;
    best = {std::move(codes), alpha, nmse, 0};
  }
  return best;
}

double clipped_share(std::span<const float> rows, const InputQuantization& codes) {
  size_t clipped = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t c = i % codes.factor.size();
    const float code = rows[i] * codes.factor[c] + codes.offset[c];
    clipped += code < -0.5f || code > 255.5f ? 1 : 0;
  }
  return rows.empty() ? 0 : static_cast<double>(clipped) / static_cast<double>(rows.size());
}

std::vector<float> rounded_weights(std::span<const float> weights, size_t depth,
                                   std::span<const float> factors) {
  std::vector<float> rounded_to(weights.size());
  const size_t channels = factors.size();
  std::vector<float> inverse(channels);
  for (size_t c = 0; c < channels; ++c) inverse[c] = 1 / factors[c];
  for (size_t begin = 0; begin < weights.size(); begin += depth) {
    float* row = rounded_to.data() + begin;
    float largest = 0;
    for (size_t tap = 0; tap < depth; tap += channels)
      for (size_t c = 0; c < channels; ++c) {
        row[tap + c] = weights[begin + tap + c] * inverse[c];
        largest = std::max(largest, std::fabs(row[tap + c]));
      }
    if (!(largest > 1e-30f)) {  // 1 / scale must be a float
      std::fill_n(row, depth, 0.0f);
      continue;
    }
    const float scale = largest / kLargestWeight, per_scale = kLargestWeight / largest;
    for (size_t k = 0; k < depth; ++k) row[k] = rounded(row[k] * per_scale) * scale;
  }
  return rounded_to;
}

OutputChoice choose_by_output(const ProductSample& sample,
                              std::span<const TensorStatistics::Channel> channels,
                              const Range& other, const MultiplyRows& multiply, bool smooths) {
  OutputSearch search(sample, channels, multiply);
  const std::vector<double> plain = search.smoothing(0);
  OutputChoice best{search.codes(search.whole_range(plain), plain), 0, 0, 0};
  best.nmse = best.minmax_nmse = search.nmse(best.codes);
  double without = best.nmse;  // the least error without smoothing
  const auto offer = [&](const Range& range, const std::vector<double>& scale, double alpha) {
    InputQuantization codes = search.codes(range, scale);
    const double nmse = search.nmse(codes);
    if (alpha == 0) without = std::min(without, nmse);
    if (!(nmse < best.nmse) || (alpha > 0 && nmse > kWorthwhile * without)) return;
    best.codes = std::move(codes);
    best.alpha = alpha;
    best.nmse = nmse;
  };
  offer(other, plain, 0);
  for (double alpha : kAlphas) {
    if (alpha > 0 && !smooths) break;
    const std::vector<double> scale = search.smoothing(alpha);
    const Range clipped = search.clipped(scale), whole = search.whole_range(scale);
    offer(clipped, scale, alpha);
    if (alpha > 0 && clipped != whole) offer(whole, scale, alpha);
  }
  return best;
}

}  // namespace vitro
