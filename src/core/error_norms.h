#pragma once

#include <cstdint>
#include <span>

namespace vitro {

/// How far values are from their reference, gathered in double precision.
class ErrorNorms {
 public:
  /// Takes in more values; both spans are of one length.
  void add(std::span<const float> values, std::span<const float> reference);

  /// |x - ref|^2 / |ref|^2. Infinite when a value on either side is not finite, or when the
  /// reference is all zeros and a value is not.
  double nmse() const;
  /// max |x - ref| / rms(ref); infinite likewise.
  double max_error() const;

 private:
  int64_t count_ = 0;
  double difference_squares_ = 0;
  double reference_squares_ = 0;
  double largest_difference_ = 0;
};

}  // namespace vitro
