#pragma once

#include <span>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// What the inputs of a graph may be.
std::vector<IoInfo> input_infos(const Graph& graph);
/// What its outputs may be. The range of an extent is that between the smallest and the largest
/// inputs; it has the name of an input's extent that it always equals.
std::vector<IoInfo> output_infos(const Graph& graph);

/// The axis of the height of an input of four axes: 1 where channels, 1 or 3, are last, else 2.
size_t height_axis(const IoInfo& pictures);

/// Whether an input is pictures of uint8, [batch, height, width, 3].
bool takes_pixels(const IoInfo& input);

/// The extents of the only input at the default shape, with `batch` as the first. Throws
/// Unsupported for a model of several inputs.
Dims default_dims(const Graph& graph, int64_t batch);

/// "1x3x224x224", with names and ranges: "batch x 3 x height x width".
std::string to_string(std::span<const DimRange> dims);

/// Throws InvalidArgument, naming the input, its extents and what was expected, when the inputs are
/// not as many, of the types and inside the ranges that `infos` say.
void check_inputs(std::span<const IoInfo> infos, std::span<const TensorView> inputs);
/// The same for memory that results are written to: its types are exactly `types`.
void check_outputs(std::span<const IoInfo> infos, std::span<const TensorType> types,
                   std::span<const TensorView> outputs);

}  // namespace vitro
