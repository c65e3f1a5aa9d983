#include "core/float8.h"

namespace vitro {

uint8_t float32_to_float8_e4m3(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint8_t>(bits >> 24 & 0x80u);
  if (value != value) return sign | 0x7fu;
  const float nearest = nearest_float8_e4m3(std::bit_cast<float>(bits & 0x7fffffffu));
  if (nearest < 0x1p-6f) return sign | static_cast<uint8_t>(nearest * 0x1p9f);  // subnormal
  return sign | static_cast<uint8_t>((std::bit_cast<uint32_t>(nearest) >> 20) - ((127u - 7u) << 3));
}

}  // namespace vitro
