#pragma once

#include <cmath>

#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/codes.h"
#include "core/convert.h"
#include "core/float8.h"

// What kernels that make codes of a byte are tested with.
namespace vitro::cuda {

/// Bytes on the device between walls.
class DeviceBytes {
 public:
  explicit DeviceBytes(int64_t count) : halves_(Element::Float16, (count + 1) / 2), count_(count) {}
  explicit DeviceBytes(const std::vector<uint8_t>& bytes)
      : DeviceBytes(static_cast<int64_t>(bytes.size())) {
    check_cuda(cudaMemcpy(halves_.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
               "cudaMemcpy");
  }
  uint8_t* data() const { return static_cast<uint8_t*>(halves_.data()); }
  std::vector<uint8_t> download() const {
    std::vector<uint8_t> bytes(static_cast<size_t>(count_));
    check_cuda(cudaMemcpy(bytes.data(), data(), bytes.size(), cudaMemcpyDeviceToHost),
               "cudaMemcpy");
    return bytes;
  }
  bool walls_hold() const { return halves_.walls_hold(); }

 private:
  DeviceTensor halves_;
  int64_t count_;
};

/// Factors and offsets as kernels of this kind read them.
inline std::vector<float> as_read(CodeKind kind, std::vector<float> values) {
  if (kind == CodeKind::Integer)
    for (float& v : values) v /= kCodeSteps;
  return values;
}

constexpr CodeKind kKinds[] = {CodeKind::Integer, CodeKind::Float8};

/// Codes of v, known to `error`, that are right: two where it lies half-way between them.
inline void expect_code(CodeKind kind, uint8_t code, double v, double factor, double offset,
                        double error, size_t at, double integer_error = 0) {
  if (kind == CodeKind::Integer) {
    const double clamped = std::clamp(v * factor + offset, 0.0, 255.0);
    EXPECT_NEAR(code, clamped, 0.5 + kCudaCodes + integer_error * factor) << at;
    return;
  }
  const float value = float8_e4m3_to_float32(code);
  EXPECT_GE(value, nearest_float8_e4m3(static_cast<float>((v - error) * factor))) << at;
  EXPECT_LE(value, nearest_float8_e4m3(static_cast<float>((v + error) * factor))) << at;
}

/// How the channels of a test become codes.
struct CodesOfChannels {
  CodeKind kind;
  std::vector<float> factor, offset;
  DeviceTensor device_factor, device_offset;

  CodesOfChannels(CodeKind code_kind, int c)
      : kind(code_kind),
        factor(Random(2).values(Element::Float32, c, 90, 270)),
        offset(Random(3).values(Element::Float32, c, 90, 130)),
        device_factor(Element::Float32, as_read(kind, factor)),
        device_offset(Element::Float32, as_read(kind, offset)) {}
  CodeFactors factors() const { return {kind, device_factor.floats(), device_offset.floats()}; }
  /// `values` in rows of the channels, known to `error`.
  void expect(const std::vector<uint8_t>& codes, const std::vector<double>& values, double error,
              double integer_error = 0) const {
    ASSERT_EQ(codes.size(), values.size());
    for (size_t i = 0; i < codes.size() && !testing::Test::HasFailure(); ++i)
      expect_code(kind, codes[i], values[i], factor[i % factor.size()], offset[i % factor.size()],
                  error, i, integer_error);
  }
};

}  // namespace vitro::cuda
