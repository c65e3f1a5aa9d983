#pragma once

#include <vector>

#include "ir/graph.h"
#include "vitro/precision.h"

// Ops that keep float32 in a program of float16 (Node::keeps_float32): islands, with a cast
// wherever a value crosses their shores.
namespace vitro {

/// What a node is computed in when the program is asked for `asked`.
Precision precision_of(const Node& node, Precision asked);

/// What computed values are stored in, by value id: the precision of the node that makes them, a
/// view that of what it shows, inputs of the graph `asked`.
std::vector<Precision> stored_precisions(const Graph& graph, Precision asked);

/// Puts a `cast` from and to float32 before every node that computes in another precision than an
/// operand is stored in, one for all such nodes. True for each node that is one of these; empty:
/// there are none.
std::vector<bool> cast_between_precisions(Graph& graph, Precision asked);

}  // namespace vitro
