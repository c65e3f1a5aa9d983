#pragma once

#include "ir/graph.h"
#include "vitro/build.h"

namespace vitro {

/// Narrows the ranges of the inputs of a graph that no pass has seen, and makes `opt` the default
/// shape. Extents of one name are one extent: they are narrowed everywhere. Throws NotFound for a
/// name that no input has, and InvalidArgument for extents that the model does not take or that
/// contradict each other, naming the input and the axis.
void narrow_inputs(Graph& graph, const std::map<std::string, InputShapes>& shapes);

/// The lists that were not given, from those that were.
InputShapes completed(InputShapes shapes);

}  // namespace vitro
