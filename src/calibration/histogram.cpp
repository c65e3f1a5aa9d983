#include "calibration/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vitro {
namespace {

/// Ranges below count as zero: 1 / width must be a float.
constexpr double kSmallestRange = 1e-30;

constexpr size_t kBlock = 512;

void halve(std::vector<uint64_t>& bins) {
  for (size_t i = 0; i < bins.size() / 2; ++i) bins[i] = bins[2 * i] + bins[2 * i + 1];
  bins.resize(bins.size() / 2);
}

}  // namespace

Histogram::Counts::Counts(const Histogram& histogram)
    : bins_(histogram.num_bins()),
      per_width_(histogram.width() > 0 ? static_cast<float>(1 / histogram.width()) : 0),
      even_(2 * bins_),
      odd_(2 * bins_) {}

void Histogram::Counts::add(std::span<const float> values) {
  const auto last = static_cast<int32_t>(bins_) - 1;
  const auto shift = static_cast<int32_t>(bins_);
  int32_t index[kBlock];
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t size = std::min(kBlock, values.size() - begin);
    const float* block = values.data() + begin;
    for (size_t i = 0; i < size; ++i) {
      const float value = block[i];
      const auto bin = static_cast<int32_t>(std::fabs(value) * per_width_);
      index[i] = (bin < last ? bin : last) + (value < 0 ? shift : 0);
    }
    size_t i = 0;
    for (; i + 1 < size; i += 2) {
      ++even_[static_cast<size_t>(index[i])];
      ++odd_[static_cast<size_t>(index[i + 1])];
    }
    if (i < size) ++even_[static_cast<size_t>(index[i])];
  }
}

void Histogram::merge(const Counts& counts) {
  for (size_t i = 0; i < counts.bins_; ++i) {
    positive_[i] += uint64_t{counts.even_[i]} + counts.odd_[i];
    negative_[i] += uint64_t{counts.even_[counts.bins_ + i]} + counts.odd_[counts.bins_ + i];
  }
}

void Histogram::add(std::span<const float> values) {
  if (width_ == 0) {
    zeros_ += values.size();
    return;
  }
  Counts counts(*this);
  counts.add(values);
  merge(counts);
}

void Histogram::extend(double largest) {
  if (largest < kSmallestRange) return;
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
