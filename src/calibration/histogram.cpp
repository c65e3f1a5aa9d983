#include "calibration/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vitro {
namespace {

/// Ranges below count as zero: 1 / width must be a float.
constexpr double kSmallestRange = 1e-30;

constexpr size_t kBlock = 512;

/// The counts of one thread: those of the positive values and, behind, of the negative ones.
struct Counts {
  std::vector<uint32_t> even, odd;  ///< of every other value: neighbours often share a bin
  explicit Counts(size_t bins) : even(2 * bins), odd(2 * bins) {}

  void add(std::span<const float> values, float per_width, size_t bins) {
    const auto last = static_cast<int32_t>(bins) - 1;
    const auto shift = static_cast<int32_t>(bins);
    int32_t index[kBlock];
    for (size_t begin = 0; begin < values.size(); begin += kBlock) {
      const size_t size = std::min(kBlock, values.size() - begin);
      const float* block = values.data() + begin;
      for (size_t i = 0; i < size; ++i) {
        const float value = block[i];
        const auto bin = static_cast<int32_t>(std::fabs(value) * per_width);
        index[i] = (bin < last ? bin : last) + (value < 0 ? shift : 0);
      }
      size_t i = 0;
      for (; i + 1 < size; i += 2) {
        ++even[static_cast<size_t>(index[i])];
        ++odd[static_cast<size_t>(index[i + 1])];
      }
      if (i < size) ++even[static_cast<size_t>(index[i])];
    }
  }
};

void halve(std::vector<uint64_t>& bins) {
  for (size_t i = 0; i < bins.size() / 2; ++i) bins[i] = bins[2 * i] + bins[2 * i + 1];
  bins.resize(bins.size() / 2);
}

}  // namespace

void Histogram::add(std::span<const float> values, double largest, ThreadTeam& team) {
  if (largest < kSmallestRange) {
    (width_ > 0 ? positive_[0] : zeros_) += values.size();
    return;
  }
  reach(largest);
  const size_t bins = num_bins(), pieces = static_cast<size_t>(team.size());
  std::vector<Counts> counts(pieces, Counts(bins));
  const auto per_width = static_cast<float>(1 / width_);
  team.parallel_for(static_cast<int64_t>(pieces), [&](int64_t piece, int) {
    const auto p = static_cast<size_t>(piece);
    const size_t begin = values.size() * p / pieces, end = values.size() * (p + 1) / pieces;
    counts[p].add(values.subspan(begin, end - begin), per_width, bins);
  });
  for (const Counts& part : counts)
    for (size_t i = 0; i < bins; ++i) {
      positive_[i] += uint64_t{part.even[i]} + part.odd[i];
      negative_[i] += uint64_t{part.even[bins + i]} + part.odd[bins + i];
    }
}

void Histogram::reach(double largest) {
  if (width_ == 0) {
    width_ = largest / static_cast<double>(kBins);
    positive_.assign(kBins, 0);
    negative_.assign(kBins, 0);
    positive_[0] = zeros_;
  }
  while (largest / width_ > static_cast<double>(kMaxBins)) merge_pairs();
  const auto needed = static_cast<size_t>(std::ceil(largest / width_));
  positive_.resize(std::max(needed, num_bins()));
  negative_.resize(num_bins());
}

void Histogram::merge_pairs() {
  for (std::vector<uint64_t>* counts : {&positive_, &negative_}) {
    counts->resize(2 * ((counts->size() + 1) / 2));
    halve(*counts);
    counts->resize(std::max(counts->size(), kBins));
  }
  width_ *= 2;
}

std::vector<uint64_t> Histogram::magnitudes() const {
  std::vector<uint64_t> sums = positive_;
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += negative_[i];
  return sums;
}

uint64_t Histogram::total() const {
  const auto sum = [](const std::vector<uint64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  return width_ > 0 ? sum(positive_) + sum(negative_) : zeros_;
}

Histogram Histogram::of(double width, std::vector<uint64_t> positive,
                        std::vector<uint64_t> negative) {
  Histogram histogram;
  histogram.width_ = width;
  histogram.positive_ = std::move(positive);
  histogram.negative_ = std::move(negative);
  histogram.negative_.resize(histogram.positive_.size());
  return histogram;
}

}  // namespace vitro
