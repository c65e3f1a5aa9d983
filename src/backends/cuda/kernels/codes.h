#pragma once

// Codes of one byte (docs/quantization.md).
namespace vitro::cuda {

/// What a byte stands for.
enum class CodeKind {
  Integer,  ///< uint8 clamp(round(v * factor + offset), 0, 255) times int8, summed exactly
  Float8    ///< e4m3, the nearest to v * factor, saturating; times the same, summed to some 14 bits
};

/// The largest integer; factors and offsets of these come divided by it, which clamps for nothing.
inline constexpr float kCodeSteps = 255.0f;

/// How values become codes.
struct CodeFactors {
  CodeKind kind = CodeKind::Integer;
  const float* factor = nullptr;  // by channel; of integers both over kCodeSteps
  const float* offset = nullptr;  // 8-bit floats have none
};

}  // namespace vitro::cuda
