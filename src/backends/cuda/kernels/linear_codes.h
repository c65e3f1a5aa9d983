#pragma once

#include <cstdint>

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/codes.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[m, n] = act(scale * (x[m, k] weight[n, k]^T) + bias + residual): codes of one byte times
/// weights of one byte, and the rest in float32.
struct LinearCodesArgs {
  CodeKind kind = CodeKind::Integer;
  Element element =
      Element::Float16;            // Float16 or BFloat16; of residual, and of y unless it is codes
  const void* x = nullptr;         // [m, k]
  const void* weight = nullptr;    // [n, k]
  const float* bias = nullptr;     // [n]
  const float* scale = nullptr;    // [n]
  const void* residual = nullptr;  // [m, n] or null, as it must be where y is codes; may be y
  /// [n], of integers both over kCodeSteps: y is the codes of the results. Without factor y is
  /// elements; 8-bit floats have no offset.
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

/// y[rows, c] = the codes of v: of x[rows, c], or of its normalised rows.
struct RowCodesArgs {
  CodeFactors codes;
  Element element = Element::Float16;  // of x
  const void* x = nullptr;
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
