#pragma once

#include <cstdint>
#include <string_view>

#include "ir/graph.h"

namespace vitro {

/// Numbers that depend on a text alone (SplitMix64 seeded with its FNV-1a hash), so that a case has
/// the same data on every machine, in every order of tests.
class Random {
 public:
  explicit Random(std::string_view seed) {
    for (const char c : seed) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }

  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// Uniform in [low, high].
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(static_cast<double>(bits() >> 11) * 0x1p-53);
  }

  int64_t integer(int64_t low, int64_t high) {  // both included
    return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
  }

  Tensor tensor(Dims dims, float low, float high) {
    Tensor tensor(std::move(dims));
    for (float& x : tensor.as<float>()) x = uniform(low, high);
    return tensor;
  }

  Constant constant(Dims dims, float low, float high) {
    const Tensor values = tensor(std::move(dims), low, high);
    return make_constant(values.dims(), values.as<float>());
  }

 private:
  uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace vitro
