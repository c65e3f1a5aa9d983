#pragma once

#include "backends/backend.h"
#include "backends/float_products.h"

namespace vitro::cpu {

/// Whether a product in 8 bits, whose weight is operand `weight` of the node, takes longer than the
/// same of floats where codes become words before they are multiplied.
bool is_slower_in_codes(const OpContext& op, size_t weight);

/// The graph with products of floats in place of these; nothing where there are none, and where the
/// instruction set in force multiplies codes as they are.
std::optional<FloatGraph> without_slow_codes(const CompileRequest& request);

}  // namespace vitro::cpu
