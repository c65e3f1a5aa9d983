#include "calibration/ranges.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/float8.h"

namespace vitro {
namespace {

constexpr double kCodes = 255, kZeroCode = 128, kLargestCode = 127;

/// Counts of the bins from the most negative one to the most positive one.
struct SignedBins {
  Range whole;  ///< the first and the last bin with values reach beyond
  double low;   ///< where the first begins
  double width;
  std::vector<uint64_t> counts;

  explicit SignedBins(const TensorStatistics& statistics)
      : whole(minmax_range(statistics)),
        low(-statistics.histogram().reach()),
        width(statistics.histogram().width()),
        counts(statistics.histogram().negative().rbegin(),
               statistics.histogram().negative().rend()) {
    const std::vector<uint64_t>& positive = statistics.histogram().positive();
    counts.insert(counts.end(), positive.begin(), positive.end());
  }
  double begin(size_t bin) const { return low + width * static_cast<double>(bin); }
  /// Of the part that values may be in: GELU has many right above its least value.
  double centre(size_t bin) const {
    return (std::max(begin(bin), whole.low) + std::min(begin(bin + 1), whole.high)) / 2;
  }
};

/// Of values at the centres of their bins.
double squared_error(const SignedBins& bins, const Range& range) {
  const double step = (range.high - range.low) / kCodes;
  double error = 0;
  for (size_t i = 0; i < bins.counts.size(); ++i) {
    if (bins.counts[i] == 0) continue;
    const double x = bins.centre(i);
    const double code = std::clamp((x - range.low) / step, 0.0, kCodes);
    const double difference = range.low + std::nearbyint(code) * step - x;
    error += static_cast<double>(bins.counts[i]) * difference * difference;
  }
  return error;
}

bool is_usable(const Range& range) {
  // Narrower ones would need offsets of more digits than a float32 has, or inputs that are known to
  // a thousandth.
  constexpr double kNarrowest = 1.0 / 256;
  const double width = range.high - range.low;
  return width > 1e-30 && width >= kNarrowest * std::max(-range.low, range.high);
}

}  // namespace

const char* to_string(CalibrationMethod method) {
  switch (method) {
    case CalibrationMethod::MinMax:
      return "minmax";
    case CalibrationMethod::Entropy:
      return "entropy";
    case CalibrationMethod::Percentile:
      return "percentile";
    case CalibrationMethod::Mse:
      return "mse";
    case CalibrationMethod::OutputMse:
      return "output-mse";
  }
  return "";
}

std::vector<std::string> calibration_method_names() {
  std::vector<std::string> names;
  for (CalibrationMethod method : kCalibrationMethods) names.emplace_back(to_string(method));
  return names;
}

CalibrationMethod calibration_method(std::string_view name) {
  for (CalibrationMethod method : kCalibrationMethods)
    if (name == to_string(method)) return method;
  fail(ErrorCode::InvalidArgument, "calibration method '{}', expected one of {}", name,
       fmt::join(calibration_method_names(), ", "));
}

// The reference distribution P is that of the first i bins with the tail in the last of them; Q
// spreads what 128 equal groups of the bins hold (without the tail) over their bins that are not
// empty. KL(P||Q) = sum p log p - sum p log q, where q is one number for each group, so that sums
// over groups are differences of prefix sums.
size_t entropy_bins(std::span<const uint64_t> magnitudes) {
  constexpr size_t kGroups = 128;
  const size_t count = magnitudes.size();
  if (count <= kGroups) return count;
  std::vector<double> mass(count + 1), used(count + 1), entropy(count + 1);
  for (size_t j = 0; j < count; ++j) {
    const auto h = static_cast<double>(magnitudes[j == 0 ? 1 : j]);
    mass[j + 1] = mass[j] + h;
    used[j + 1] = used[j] + (h > 0 ? 1 : 0);
    entropy[j + 1] = entropy[j] + (h > 0 ? h * std::log(h) : 0);
  }
  const double total = mass[count];
  if (total == 0) return count;
  double least = std::numeric_limits<double>::infinity();
  size_t best = count;
  for (size_t i = kGroups; i <= count; ++i) {
    const double last = mass[i] - mass[i - 1], tail = total - mass[i];
    if (tail > 0 && last == 0) continue;  // infinite: the tail is where Q has nothing
    const double end = last + tail;
    double cross = 0;  // sum p log(q * mass[i])
    for (size_t g = 0; g < kGroups; ++g) {
      const size_t begin = (g * i + kGroups - 1) / kGroups,
                   next = ((g + 1) * i + kGroups - 1) / kGroups;
      const double group = mass[next] - mass[begin];
      if (group == 0) continue;
      const double share = g + 1 == kGroups ? group + tail : group;
      cross += share * std::log(group / (used[next] - used[begin]));
    }
    const double own = entropy[i - 1] + (end > 0 ? end * std::log(end) : 0);
    const double divergence =
        (own - cross) / total + (mass[i] > 0 ? std::log(mass[i] / total) : 0.0);
    // Equal but for rounding: the last of them counts.
    if (divergence <= least + 1e-12) {
      least = std::min(least, divergence);
      best = i;
    }
  }
  return best;
}

double entropy_threshold(const Histogram& histogram, Threshold convention) {
  if (histogram.width() == 0) return 0;
  const auto bins = static_cast<double>(entropy_bins(histogram.magnitudes()));
  return (convention == Threshold::BinCentre ? bins + 0.5 : bins) * histogram.width();
}

Range minmax_range(const TensorStatistics& statistics) {
  return {static_cast<double>(statistics.min()), static_cast<double>(statistics.max())};
}

Range percentile_range(const TensorStatistics& statistics, double kept) {
  const SignedBins bins(statistics);
  const Range& whole = bins.whole;
  const auto outside = static_cast<double>(statistics.histogram().total()) * (1 - kept) / 2;
  size_t first = 0, last = bins.counts.size();
  double below = 0, above = 0;
  while (first < last && below + static_cast<double>(bins.counts[first]) <= outside)
    below += static_cast<double>(bins.counts[first++]);
  while (last > first && above + static_cast<double>(bins.counts[last - 1]) <= outside)
    above += static_cast<double>(bins.counts[--last]);
  if (first >= last) return whole;
  return {std::max(whole.low, bins.begin(first)), std::min(whole.high, bins.begin(last))};
}

Range mse_range(const TensorStatistics& statistics) {
  const Range whole = minmax_range(statistics);
  if (!is_usable(whole)) return whole;
  const SignedBins bins(statistics);
  Range best = whole;
  double least = squared_error(bins, best);
  // One end after the other, twice: each may move while the other waits.
  for (int end : {0, 1, 0, 1})
    for (int hundredths = 100; hundredths >= 10; --hundredths) {
      Range range = best;
      (end == 0 ? range.high : range.low) = (end == 0 ? whole.high : whole.low) * hundredths / 100;
      if (!is_usable(range)) continue;
      const double error = squared_error(bins, range);
      if (error >= least) continue;
      least = error;
      best = range;
    }
  return best;
}

double clipped_share(const TensorStatistics& statistics, const Range& range) {
  const SignedBins bins(statistics);
  uint64_t outside = 0, total = 0;
  for (size_t i = 0; i < bins.counts.size(); ++i) {
    total += bins.counts[i];
    if (bins.centre(i) < range.low || bins.centre(i) > range.high) outside += bins.counts[i];
  }
  return total == 0 ? 0 : static_cast<double>(outside) / static_cast<double>(total);
}

InputQuantization affine_codes(Range range, size_t channels, bool exact_zero) {
  if (exact_zero || !is_usable(range)) {
    range.low = std::min(range.low, 0.0);
    range.high = std::max(range.high, 0.0);
  }
  if (!is_usable(range)) range = {-1, 1};
  const double factor = kCodes / (range.high - range.low);
  double offset = -range.low * factor;
  if (exact_zero) offset = std::nearbyint(offset);
  return {std::vector<float>(channels, static_cast<float>(factor)),
          std::vector<float>(channels, static_cast<float>(offset)),
          {}};
}

InputQuantization symmetric_codes(double threshold, size_t channels) {
  if (!(threshold > 1e-30)) threshold = 1;
  return {std::vector<float>(channels, static_cast<float>(kLargestCode / threshold)),
          std::vector<float>(channels, static_cast<float>(kZeroCode)),
          {}};
}

InputQuantization float8_codes(const InputQuantization& codes) {
  double most = 0;
  for (size_t i = 0; i < codes.factor.size(); ++i) {
    const double end = std::max(codes.offset[i], static_cast<float>(kCodes) - codes.offset[i]);
    most = std::max(most, end / codes.factor[i]);
  }
  const auto factor = static_cast<float>(kLargestFloat8E4M3 / most);
  return {
      .factor = std::vector<float>(codes.factor.size(), factor), .offset = {}, .mean = codes.mean};
}

}  // namespace vitro
