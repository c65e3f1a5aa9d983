#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>

#include "tolerances.h"

namespace vitro {

/// How far values are from their reference.
struct Distance {
  double nmse = 0.0;          ///< |x - ref|^2 / |ref|^2
  double max_over_rms = 0.0;  ///< max |x - ref| / rms(ref)

  bool within(const Tolerance& bound) const {
    return nmse <= bound.nmse && max_over_rms <= bound.max_over_rms;
  }
};

/// Infinite when the counts differ, when a value is not finite where the reference is, or when the
/// reference is all zeros and a value is not.
template <typename T, typename R>
Distance distance(std::span<const T> x, std::span<const R> reference) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (x.size() != reference.size()) return {kInfinity, kInfinity};
  double error = 0.0, power = 0.0, peak = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double ref = static_cast<double>(reference[i]);
    const double difference = std::abs(static_cast<double>(x[i]) - ref);
    if (!std::isfinite(difference)) return {kInfinity, kInfinity};
    error += difference * difference;
    power += ref * ref;
    peak = std::max(peak, difference);
  }
  if (error == 0.0) return {};
  if (power == 0.0) return {kInfinity, kInfinity};
  return {error / power, peak / std::sqrt(power / static_cast<double>(x.size()))};
}

/// "nmse 1.2e-15 (30.0 % of 4e-15), max/rms 9e-08 (9.0 % of 1e-06)".
inline std::string report(const Distance& d, const Tolerance& bound) {
  return fmt::format("nmse {:.3g} ({:.1f} % of {:.3g}), max/rms {:.3g} ({:.1f} % of {:.3g})",
                     d.nmse, 100.0 * d.nmse / bound.nmse, bound.nmse, d.max_over_rms,
                     100.0 * d.max_over_rms / bound.max_over_rms, bound.max_over_rms);
}

}  // namespace vitro
