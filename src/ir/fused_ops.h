#pragma once

#include "ir/graph.h"

namespace vitro {

/// The definition of a fused op: a graph whose inputs are the node's operands, in order, built of
/// plain ops (or of fused ops with a body of their own). `inputs` are the operand types; they fix
/// channel counts, not shapes.
Graph fused_body(OpKind kind, const Attrs& attrs, std::span<const TensorType> inputs);

}  // namespace vitro
