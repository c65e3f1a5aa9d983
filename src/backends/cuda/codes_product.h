#pragma once

#include "backends/cuda/kernels/linear_codes.h"
#include "backends/cuda/operands.h"

// Products in 8 bits: codes of a byte times weights of a byte (docs/quantization.md). The operands
// of a node that say how follow each other: scales of results, factors and offsets of codes.
namespace vitro::cuda {

/// How values become the codes that the product of `weight` reads. Takes factors and offsets.
CodeFactors take_code_factors(const OpContext& op, size_t weight, size_t quantization);

/// A product of codes.
class CodesProduct {
 public:
  /// Takes weight, bias (behind the weight) and scales; the result has m rows.
  CodesProduct(const OpContext& op, size_t weight, size_t quantization, int m,
               const Activation& activation = {});

  /// From here on y is codes.
  void make_codes(const CodeFactors& codes) {
    args_.factor = codes.factor, args_.offset = codes.offset;
  }
  const Activation& activation() const { return args_.activation; }
  void activate(const Activation& activation) { args_.activation = activation; }
  void run(const void* codes, const void* residual, void* y, const Launch& launch) const {
    LinearCodesArgs args = args_;
    args.x = codes;
    args.residual = residual;
    args.y = y;
    linear_codes(args, launch);
  }
  double flops() const { return 2.0 * args_.m * args_.n * args_.k; }
  /// Bytes of y.
  size_t result_bytes() const {
    const size_t size = args_.factor != nullptr ? 1 : element_size(args_.element);
    return static_cast<size_t>(args_.m) * static_cast<size_t>(args_.n) * size;
  }

 private:
  LinearCodesArgs args_;
};

/// Makes the codes that the first product reads of the rows of operand 0, or of these normalised.
class RowCodes {
 public:
  RowCodes(const OpContext& op, size_t quantization);
  void normalize(float eps) { args_.layer_norm = true, args_.eps = eps; }
  void run(const void* x, void* codes, const Launch& launch) const {
    RowCodesArgs args = args_;
    args.x = x;
    args.y = static_cast<uint8_t*>(codes);
    row_codes(args, launch);
  }
  /// Bytes of the codes.
  size_t bytes() const { return static_cast<size_t>(args_.rows) * static_cast<size_t>(args_.c); }

 private:
  RowCodesArgs args_;
};

/// Refuses an op whose products are of floats, or which no kernel of codes takes: the others have
/// been chosen (stays_in_8_bits).
std::optional<Refusal> keeps_codes(const OpContext& op);

/// Whether the product of `node` whose weight is operand `weight` stays what it is: it is
/// multiplied in codes, which needs a launch more, so that the others are faster as products of
/// floats; or it is of 8-bit floats, whose input is rounded where nothing multiplies codes
/// (rounded_products.h).
bool stays_in_8_bits(const Graph& graph, const Node& node, std::span<const TensorType> types,
                     size_t weight, Precision precision, int device);

}  // namespace vitro::cuda
