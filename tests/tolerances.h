#pragma once

namespace vitro {

/// The most a result may differ from its reference. Every numeric bound of the tests is in this
/// file.
struct Tolerance {
  double nmse;          ///< |x - ref|^2 / |ref|^2
  double max_over_rms;  ///< max |x - ref| / rms(ref)
};

// One float32 op against double precision. A sum of k products in float32 is off by about
// sqrt(k) * 2^-24 of its terms, 1e-12 in nmse for k = 1280; the bound leaves room for other orders
// of summation and for polynomial exp and erf, and is far below what a wrong term or a tf32 product
// (1e-7) shows.
inline constexpr Tolerance kFloat32Op{1e-10, 1e-4};

// One plain op of the reference backend: everything is summed in double and rounded once, which is
// off by half a unit in the last place, 2^-48 = 3.6e-15 in nmse.
inline constexpr Tolerance kReferenceOp{4e-15, 1e-6};

// ONNX's node vectors, of float32 but for a few, which NumPy computed in float32: relative to the
// element, or to 1 where it is smaller. Worst is a product of 1e-6; 16-bit floats are off by a
// unit.
inline constexpr double kOnnxVector = 2e-5;
inline constexpr double kOnnxVectorHalf = 1e-3;
inline constexpr double kOnnxVectorBFloat = 8e-3;
// A model in 8 bits by another runtime: where an input lies half-way between two codes, or a sum
// before it is rounded elsewhere, the other code is as good. Logits are about 1.
inline constexpr double kQuantizedModel = 0.03;
// What ONNX itself asks of backends: some of its expected results are written with four digits.
inline constexpr double kOnnxConformance = 1e-3;

// A fused op on the reference backend: each of its plain ops rounds its result. Worst is attention
// with peaked weights, 8.3e-14: exp turns the rounding of a score into a relative error of its
// weight.
inline constexpr Tolerance kReferenceFusedOp{3e-13, 1e-5};

// A whole network of some hundred float32 ops against double precision.
inline constexpr Tolerance kFloat32Model{1e-10, 1e-4};

// The same with activations and matrices of 11 significant bits (tf32, float16), and of 8. Each
// block adds its rounding to the residual stream. With random weights, whose logits are small sums
// of large terms, the worst models measure 9.6e-6 and 0.009, and 7.3e-4 and 0.05; the shipped
// one 8.1e-7 and 5.7e-5.
inline constexpr Tolerance kFloat16Model{2e-5, 2e-2};
inline constexpr Tolerance kBFloat16Model{1.5e-3, 0.15};
// The residual stream behind each stage of the same: with random weights a few channels of the
// larger models are far above the rms. The worst measure 7.1e-6 and 0.045, 6.0e-4 and 0.31.
inline constexpr Tolerance kFloat16Stage{kFloat16Model.nmse, 0.1};
inline constexpr Tolerance kBFloat16Stage{kBFloat16Model.nmse, 0.5};

// One op whose products read operands rounded to bfloat16, against the same in double precision.
// Where an operand lies at the middle between two numbers it may become the other one, 2^-8 of it
// away: an attention block measures 1.3e-8. (In a network such differences grow to those of
// rounding itself.)
inline constexpr Tolerance kBFloat16Products{1e-7, 1e-2};
// With attention, whose weights are rounded, too.
inline constexpr Tolerance kBFloat16Attention{1e-5, 3e-2};

// An mlp of 8-bit floats between values of 16 bits, or whose first product is of tf32: what a
// product reads may become the neighbouring 8-bit float, 2^-3 of it away, as one of thirty does in
// bfloat16. Measured on an H100: up to 9e-5 and 0.1.
inline constexpr Tolerance kFloat8Chain{3e-4, 0.2};

// A model whose matrices are stored as bfloat16 against the same in float32. Rounding a weight is
// off by up to 2^-9 of it, an nmse of about 6e-7 for one product; a network adds its products up:
// UniFormer-S with random weights measures 3.0e-5 and 0.017, the shipped one 1.1e-5 and 0.019.
inline constexpr Tolerance kBFloat16Weights{2.5e-4, 0.1};

// A small network with random weights whose products read codes in steps of 1/25, uncalibrated:
// worst measures 1.1e-3 and 0.11.
inline constexpr Tolerance kEightBits{3e-3, 0.3};

// A small network of numbers near 1 whose values are all bfloat16: each is off by up to 2^-9 of it.
inline constexpr double kBFloat16Network = 2e-2;

// A graph before and after passes, both on the reference backend: folded weights are combined in
// double and rounded to float32 once more than those before them. The worst model measures 1.3e-13.
inline constexpr Tolerance kFoldedWeights{1e-12, 1e-5};

// ---- CPU kernels alone (tests/backends/kernels), against double precision
// -------------------------------

// Products and depthwise convolutions, summed in order: worst is 1.4e-12 at k = 4100.
inline constexpr Tolerance kKernelProduct{4e-12, 1e-5};
// Tiles of 4x4 pixels, whose points and sums are larger than the results: three times as far off.
inline constexpr Tolerance kKernelWinograd4x4{1.2e-11, 3e-5};
// Products of bfloat16 against sums in double precision of the same operands; worst is 1.0e-5 of
// the rms, where few results are not clamped.
inline constexpr Tolerance kKernelBFloat16{4e-12, 2e-5};
// The same stored as bfloat16: another order of summation may round to the neighbour, 2^-8 of it.
inline constexpr Tolerance kKernelBFloat16Result{1e-6, 4e-2};
inline constexpr Tolerance kKernelAttention{1e-12, 1e-5};
inline constexpr Tolerance kKernelRow{1e-13, 2e-6};
// Products of 196 factors, each rounded: 1.9e-13.
inline constexpr Tolerance kKernelFactors{1e-12, 4e-6};
// Rows whose mean is 50 times their deviation, where the mean itself is rounded: worst is a row of
// two elements, 1.7e-10.
inline constexpr Tolerance kKernelLayerNorm{5e-10, 5e-5};
// e^-x / (1 + e^-x) relative to itself, over max(1, x / 4) because the exponent in base 2 is
// rounded once: 3.3e-7 measured, two units in the last place of which are the division.
inline constexpr double kExponentialRelative = 4e-7;
// |gelu - exact| / max(1, |x|), and its absolute limit for x far below zero, where it is clamped.
inline constexpr double kGeluAbsolute = 3e-7;
inline constexpr double kGeluTail = 2e-6;
// |f(x) - exact| / max(|exact|, 0.01) of the activations by e^x up to |x| = 20, where the exponent
// in base 2 is off by 20 units.
inline constexpr double kActivation = 3e-6;
// |e^x - exact| / e^x, and what is left of it as a denormal number.
inline constexpr double kExp = 3e-7;
inline constexpr double kExpDenormal = 1.2e-38;
// |sin(x) - exact|; worst is 1.3e-7.
inline constexpr double kSine = 2e-7;

// ---- CUDA kernels alone (tests/backends/cuda), against double precision on operands rounded to
// the storage type
// --------------------------------------------------------------------------------------

// The result is rounded once to its storage type, an nmse of 2^-24 / 3 in float16, and so are the
// intermediates that a fused kernel hands to the tensor cores; sums are float32.
inline constexpr Tolerance kCudaFloat32{1e-10, 1e-4};
inline constexpr Tolerance kCudaFloat16{4e-6, 2e-2};
// Norms of numbers whose mean is 1000 deviations: float32 holds three digits fewer of what is left.
inline constexpr Tolerance kCudaFarMean{5e-9, 5e-4};
// Both operands are rounded to 11 bits.
inline constexpr Tolerance kCudaTf32{4e-6, 2e-2};
inline constexpr Tolerance kCudaBFloat16{2.5e-4, 0.15};
// Products of 8-bit floats to float16. Hopper's tensor cores keep some 14 bits of their sums, so
// that longer ones are further off: an H100 measures 7.2e-8 and 0.0046 up to 320 terms, 3.0e-7 and
// 0.0068 at 1280, 5.5e-7 and 0.014 at 2048. Rounding results to float16 is 4.3e-8 and 0.0017 of it.
inline constexpr Tolerance kCudaFloat8Short{2e-7, 1.2e-2};
inline constexpr Tolerance kCudaFloat8Product{2e-6, 4e-2};
// Codes of one byte that a GPU makes of float32: so far beyond half a step from the exact value.
inline constexpr double kCudaCodes = 1e-3;
// What a GPU makes 8-bit floats of: normalised rows and values of 16 bits, by so much.
inline constexpr double kCudaFloat8Codes = 1e-5;

}  // namespace vitro
