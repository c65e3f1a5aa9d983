#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "backends/cuda/kernels/activation.h"

// Double precision on operands as they are stored.
namespace vitro::cuda {

inline void normalize_rows(std::vector<double>& rows, int k, double eps) {
  for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(k)) {
    double mean = 0, variance = 0;
    for (int i = 0; i < k; ++i) mean += rows[begin + i];
    mean /= k;
    for (int i = 0; i < k; ++i) variance += (rows[begin + i] - mean) * (rows[begin + i] - mean);
    const double scale = 1 / std::sqrt(variance / k + eps);
    for (int i = 0; i < k; ++i) rows[begin + i] = (rows[begin + i] - mean) * scale;
  }
}

inline double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

inline double exactly(const Activation& function, double v) {
  const double alpha = static_cast<double>(function.alpha),
               beta = static_cast<double>(function.beta);
  const double sigmoid = 1 / (1 + std::exp(-v));
  switch (function.op) {
    case UnaryOp::None:
      return v;
    case UnaryOp::Relu:
      return std::max(v, 0.0);
    case UnaryOp::Gelu:
      return exact_gelu(v);
    case UnaryOp::GeluTanh:
      return v / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
    case UnaryOp::Sigmoid:
      return sigmoid;
    case UnaryOp::Tanh:
      return std::tanh(v);
    case UnaryOp::HardSigmoid:
      return std::clamp(alpha * v + beta, 0.0, 1.0);
    case UnaryOp::HardSwish:
      return v * std::clamp(v / 6 + 0.5, 0.0, 1.0);
    case UnaryOp::Silu:
      return v * sigmoid;
    case UnaryOp::Clip:
      return std::clamp(v, alpha, beta);
  }
  return v;
}

/// x[m, k] weight[n, k]^T + bias, which may be empty.
inline std::vector<double> multiply_rows(const std::vector<double>& x,
                                         const std::vector<float>& weight,
                                         const std::vector<float>& bias, int m, int n, int k) {
  std::vector<double> y(static_cast<size_t>(m) * n);
  const std::vector<double> w(weight.begin(), weight.end());
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = bias.empty() ? 0.0 : static_cast<double>(bias[static_cast<size_t>(j)]);
      const double *a = x.data() + i * k, *b = w.data() + j * k;
      for (int c = 0; c < k; ++c) sum += a[c] * b[c];
      y[static_cast<size_t>(i * n + j)] = sum;
    }
  return y;
}

}  // namespace vitro::cuda
