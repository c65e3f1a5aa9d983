#include <cmath>

#include "core/check.h"
#include "models/weights.h"

namespace vitro {
namespace {

constexpr uint64_t kGoldenGamma = 0x9E3779B97F4A7C15u;

uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  return hash;
}

/// Element i of the stream `key`: a multiple of 2^-23 in [-1, 1).
float uniform(uint64_t key, uint64_t i) {
  uint64_t z = key + (i + 1) * kGoldenGamma;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-23f - 1.0f;
}

struct Affine {
  float offset, factor;
};

/// Convolutions and linear layers keep the variance; every other factor is a power of two.
float weight_scale(const Dims& dims) {
  const double fan_in = static_cast<double>(num_elements({dims.begin() + 1, dims.end()}));
  return static_cast<float>((dims.size() == 4 ? 0.5 : 1.0) * std::sqrt(3.0 / fan_in));
}

Affine distribution(std::string_view name, const Dims& dims) {
  if (name == "input") return {0.0f, 2.0f};
  if (name.ends_with("running_var")) return {1.0f, 0.5f};
  if (name.ends_with("running_mean")) return {0.0f, 0.25f};
  if (name.ends_with("gamma_1") || name.ends_with("gamma_2")) return {0.5f, 0.25f};
  if (name.ends_with("bias")) return {0.0f, 0.125f};
  if (dims.size() == 1) return {1.0f, 0.25f};
  return {0.0f, weight_scale(dims)};
}

}  // namespace

Constant RandomWeights::take(const std::string& name, const Dims& dims, std::string_view) {
  const uint64_t key = fnv1a64(name) ^ (seed_ * kGoldenGamma);
  const auto [offset, factor] = distribution(name, dims);
  auto [constant, dst] = allocate_floats(dims);
  for (size_t i = 0; i < dst.size(); ++i) dst[i] = offset + factor * uniform(key, i);
  return constant;
}

}  // namespace vitro
