#include "runtime/interface.h"

#include <algorithm>
#include <optional>

#include "core/check.h"
#include "ir/corners.h"
#include "ir/infer.h"

namespace vitro {
namespace {

// 2^31 elements are 8 GiB: beyond that a request is a mistake, and sizes stay far from overflow.
constexpr int64_t kMaxInputElements = int64_t{1} << 31;

std::vector<DimRange> ranges_of(const Graph& graph, const Port& port) {
  if (!port.dims.empty()) return port.dims;
  std::vector<DimRange> ranges;
  for (int64_t extent : graph.value(port.value).type.dims)
    ranges.push_back({"", extent, extent, 1});
  return ranges;
}

std::vector<Dims> output_dims(const Graph& graph, std::span<const TensorType> inputs) {
  const std::vector<TensorType> types = infer_types(graph, inputs);
  std::vector<Dims> dims;
  for (const Port& port : graph.outputs)
    dims.push_back(types[static_cast<size_t>(port.value)].dims);
  return dims;
}

bool holds(const DimRange& range, int64_t extent) {
  return extent >= range.min && extent <= range.max && extent % range.multiple == 0;
}

/// An extent of an input.
struct Place {
  size_t input, axis;
};

/// Changes an extent, and those of all inputs with its name.
void set_extent(const Graph& graph, std::vector<TensorType>& types, const DimRange& range,
                const Place& place, int64_t extent) {
  types[place.input].dims[place.axis] = extent;
  if (range.name.empty()) return;
  for (size_t i = 0; i < types.size(); ++i)
    for (size_t axis = 0; axis < graph.inputs[i].dims.size(); ++axis)
      if (graph.inputs[i].dims[axis].name == range.name) types[i].dims[axis] = extent;
}

/// Changes all extents of one size that `extent` is within the range of: names may not tell that
/// they are the same.
void set_equal_extents(const Graph& graph, std::vector<TensorType>& types, int64_t before,
                       int64_t extent) {
  for (size_t i = 0; i < types.size(); ++i)
    for (size_t axis = 0; axis < graph.inputs[i].dims.size(); ++axis)
      if (types[i].dims[axis] == before && holds(graph.inputs[i].dims[axis], extent))
        types[i].dims[axis] = extent;
}

/// What the outputs are when an extent is another.
struct Moved {
  int64_t extent;
  std::vector<Dims> outputs;
};

/// The next extent that the graph takes, or one further away, alone or with those that are equal;
/// nothing where it takes none but the usual one.
std::optional<Moved> moved(const Graph& graph, const std::vector<TensorType>& usual,
                           const DimRange& range, const Place& place) {
  const int64_t before = usual[place.input].dims[place.axis];
  std::vector<int64_t> extents = likely_extents(range, before);
  const bool grows = before + range.multiple <= range.max;
  extents.insert(extents.begin(), grows ? before + range.multiple : before - range.multiple);
  for (const int64_t extent : extents)
    for (const bool alone : {true, false}) {
      std::vector<TensorType> types = usual;
      set_extent(graph, types, range, place, extent);
      if (!alone) set_equal_extents(graph, types, before, extent);
      try {
        return Moved{extent, output_dims(graph, types)};
      } catch (const Error&) {  // shapes that the graph does not take
      }
    }
  return std::nullopt;
}

std::string expected_extent(const DimRange& range) {
  std::string text = range.multiple > 1 ? fmt::format("a multiple of {}", range.multiple)
                                        : std::string("an extent");
  if (range.min == range.max) return fmt::format("{}", range.min);
  text += fmt::format(", at least {}", range.min);
  if (range.max < kOpenExtent) text += fmt::format(", at most {}", range.max);
  return text;
}

/// The closest extents that the ranges take.
Dims nearest(const std::vector<DimRange>& ranges, const Dims& dims) {
  Dims result;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const DimRange& range = ranges[axis];
    const int64_t clamped = std::clamp(dims[axis], range.min, range.max);
    const int64_t rounded = (clamped + range.multiple / 2) / range.multiple * range.multiple;
    result.push_back(std::clamp(rounded, range.min, range.max));
  }
  return result;
}

// Every run asks: texts are made for errors only.
void check_input(const IoInfo& info, const TensorView& view) {
  if (view.dims.size() != info.dims.size())
    fail(ErrorCode::InvalidArgument, "input '{}' is {}, expected {}", info.name,
         to_string(view.dims), to_string(info.dims));
  for (size_t axis = 0; axis < view.dims.size(); ++axis) {
    const DimRange& range = info.dims[axis];
    if (holds(range, view.dims[axis])) continue;
    fail_hint(ErrorCode::InvalidArgument,
              fmt::format("the nearest extents are {}", to_string(nearest(info.dims, view.dims))),
              "input '{}' is {}: {} is {}, expected {}", info.name, to_string(view.dims),
              range.name.empty() ? fmt::format("axis {}", axis) : range.name, view.dims[axis],
              expected_extent(range));
  }
  if (num_elements(view.dims) > kMaxInputElements)
    fail_hint(ErrorCode::InvalidArgument, "try a smaller batch or size",
              "input '{}' is {}: {} elements, expected at most 2^31", info.name,
              to_string(view.dims), num_elements(view.dims));
  if (view.dtype != info.dtype)
    fail(ErrorCode::InvalidArgument, "input '{}' {}: its elements are {}, not {}", info.name,
         to_string(view.dims), dtype_name(view.dtype), dtype_name(info.dtype));
}

}  // namespace

std::vector<IoInfo> input_infos(const Graph& graph) {
  std::vector<IoInfo> infos;
  for (const Port& port : graph.inputs)
    infos.push_back({port.name, graph.value(port.value).type.dtype, ranges_of(graph, port)});
  return infos;
}

std::vector<IoInfo> output_infos(const Graph& graph) {
  std::vector<IoInfo> infos;
  const std::vector<TensorType> types = input_types(graph);
  const std::vector<Dims> usual = output_dims(graph, types);
  for (size_t k = 0; k < graph.outputs.size(); ++k) {
    const Port& port = graph.outputs[k];
    infos.push_back({port.name, graph.value(port.value).type.dtype, {}});
    for (int64_t extent : usual[k]) infos.back().dims.push_back({"", extent, extent, 1});
  }
  // One extent after the other is made larger, or smaller, wherever its name is.
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const std::vector<DimRange> ranges = ranges_of(graph, graph.inputs[i]);
    for (size_t axis = 0; axis < ranges.size(); ++axis) {
      const DimRange& range = ranges[axis];
      if (range.min == range.max) continue;
      const int64_t before = types[i].dims[axis];
      const std::optional<Moved> other = moved(graph, types, range, {i, axis});
      if (!other) continue;
      for (size_t k = 0; k < usual.size(); ++k)
        for (size_t a = 0; a < usual[k].size(); ++a) {
          const int64_t after = other->outputs[k][a];
          if (after == usual[k][a]) continue;
          const bool same = usual[k][a] == before && after == other->extent;
          infos[k].dims[a] = same ? range : DimRange{"", 0, kOpenExtent, 1};
        }
    }
  }
  return infos;
}

size_t height_axis(const IoInfo& pictures) {
  const auto is_channels = [](const DimRange& range) {
    return range.min == range.max && (range.min == 1 || range.min == 3);
  };
  const auto is_fixed = [](const DimRange& range) { return range.min == range.max; };
  const bool sides_alike = is_fixed(pictures.dims[1]) == is_fixed(pictures.dims[2]);
  return is_channels(pictures.dims[3]) && !is_channels(pictures.dims[1]) && sides_alike ? 1 : 2;
}

bool takes_pixels(const IoInfo& input) {
  return input.dtype == DType::UInt8 && input.dims.size() == 4 && input.dims[3].min == 3 &&
         input.dims[3].max == 3;
}

Dims default_dims(const Graph& graph, int64_t batch) {
  check(graph.inputs.size() == 1, ErrorCode::Unsupported,
        "the model has {} inputs, expected 1 for a synthetic run", graph.inputs.size());
  Dims dims = graph.value(graph.inputs[0].value).type.dims;
  if (!dims.empty()) dims[0] = batch;
  return dims;
}

std::string to_string(std::span<const DimRange> dims) {
  std::string text;
  for (const DimRange& range : dims) {
    text += text.empty() ? "" : " x ";
    if (range.min == range.max)
      text += fmt::format("{}", range.min);
    else
      text += range.name.empty() ? fmt::format("{} to {}", range.min, range.max) : range.name;
  }
  return text.empty() ? "scalar" : text;
}

void check_inputs(std::span<const IoInfo> infos, std::span<const TensorView> inputs) {
  check(inputs.size() == infos.size(), ErrorCode::InvalidArgument, "{} inputs, the model has {}",
        inputs.size(), infos.size());
  for (size_t i = 0; i < infos.size(); ++i) check_input(infos[i], inputs[i]);
}

void check_outputs(std::span<const IoInfo> infos, std::span<const TensorType> types,
                   std::span<const TensorView> outputs) {
  check(outputs.size() == infos.size(), ErrorCode::InvalidArgument,
        "memory for {} outputs, the model has {}", outputs.size(), infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    const TensorView& view = outputs[i];
    if (view.dtype != types[i].dtype || view.dims != types[i].dims)
      fail(ErrorCode::InvalidArgument, "memory for output '{}' is {} {}, expected {} {}",
           infos[i].name, dtype_name(view.dtype), to_string(view.dims), dtype_name(types[i].dtype),
           to_string(types[i].dims));
  }
}

}  // namespace vitro
