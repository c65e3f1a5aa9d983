#pragma once

#include <cstdint>

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// The largest code; factors and offsets of codes come divided by it, which clamps for nothing.
inline constexpr float kCodeSteps = 255.0f;

/// y[m, n] = act(scale * (x[m, k] weight[n, k]^T) + bias + residual): codes of one byte times int8
/// weights, summed exactly, and the rest in float32.
struct LinearCodesArgs {
  Element element =
      Element::Float16;            // Float16 or BFloat16; of residual, and of y unless it is codes
  const uint8_t* x = nullptr;      // [m, k]
  const int8_t* weight = nullptr;  // [n, k]
  const float* bias = nullptr;     // [n]
  const float* scale = nullptr;    // [n]
  const void* residual = nullptr;  // [m, n] or null, as it must be where y is codes; may be y
  /// [n], both over kCodeSteps: y is the uint8 codes of the results, clamp(round(y * factor +
  /// offset), 0, 255). Null: y is elements.
  const float* factor = nullptr;
  const float* offset = nullptr;
  void* y = nullptr;  // [m, n]
  int m = 0, n = 0, k = 0;
  Activation activation;  // act
};

/// Why no kernel runs these arguments, whose pointers may still be null, on a GPU of compute
/// capability `capability` (90 for 9.0), or null.
const char* linear_codes_refusal(const LinearCodesArgs& args, int capability);

/// Throws std::invalid_argument when linear_codes_refusal does. The result of a row has the same
/// bits whatever the other rows are.
void linear_codes(const LinearCodesArgs& args, const Launch& launch);

/// y[rows, c] = the codes of x[rows, c], or of its normalised rows: clamp(round(v * factor +
/// offset), 0, 255).
struct RowCodesArgs {
  Element element = Element::Float16;  // of x
  const void* x = nullptr;
  const float* factor = nullptr;  // [c], over kCodeSteps
  const float* offset = nullptr;  // [c], over kCodeSteps
  uint8_t* y = nullptr;
  int64_t rows = 0;
  int c = 0;
  bool layer_norm = false;  // v = (x - mean) / sqrt(variance + eps) of each row, else x
  float eps = 1e-6f;
};
/// The same of row_codes().
const char* row_codes_refusal(const RowCodesArgs& args);
void row_codes(const RowCodesArgs& args, const Launch& launch);

}  // namespace vitro::cuda
