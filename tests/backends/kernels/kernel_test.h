#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/kernels/kernels.h"
#include "metric.h"
#include "tolerances.h"

namespace vitro::cpu {

/// Reproducible values in [-1, 1).
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  float next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<float>(state_ >> 8) * 0x1p-23f - 1.0f;
  }
  std::vector<float> values(int64_t count) {
    std::vector<float> result(static_cast<size_t>(count));
    for (float& v : result) v = next();
    return result;
  }

 private:
  uint32_t state_;
};

/// Floats between two walls. All start as a NaN of a particular pattern, so that an element never
/// written and a wall written over are both seen.
class Guarded {
 public:
  explicit Guarded(int64_t count)
      : count_(count),
        data_(static_cast<size_t>(count) + 2 * kWall, std::bit_cast<float>(kPattern)) {}

  float* data() { return data_.data() + kWall; }
  std::span<const float> span() const {
    return {data_.data() + kWall, static_cast<size_t>(count_)};
  }
  bool walls_hold() const {
    const auto untouched = [](float v) { return std::bit_cast<uint32_t>(v) == kPattern; };
    return std::all_of(data_.begin(), data_.begin() + kWall, untouched) &&
           std::all_of(data_.end() - kWall, data_.end(), untouched);
  }
  /// Whether element i was never written.
  bool untouched(int64_t i) const {
    return std::bit_cast<uint32_t>(data_[kWall + static_cast<size_t>(i)]) == kPattern;
  }

 private:
  static constexpr size_t kWall = 64;
  static constexpr uint32_t kPattern = 0x7fc0beef;
  int64_t count_;
  std::vector<float> data_;
};

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  });
}

inline std::vector<float> nans(size_t count) {
  return std::vector<float>(count, std::numeric_limits<float>::quiet_NaN());
}

/// A test that runs once per instruction set of this machine.
class KernelTest : public testing::TestWithParam<Isa> {
 protected:
  const KernelTable& table() const { return kernels(GetParam()); }
};

inline std::string isa_test_name(const testing::TestParamInfo<Isa>& info) {
  return isa_name(info.param);
}

}  // namespace vitro::cpu
