#include <algorithm>

#include "core/check.h"
#include "frontend/onnx/fold_chains.h"
#include "frontend/onnx/importer.h"

// From the inputs of a model to its outputs.
namespace vitro::onnx {
namespace {

constexpr size_t kMaxListed = 8;
constexpr size_t kMaxRank = 8;  // of what plans hold

/// "Foo: 3 nodes ('a', 'b', 'c'): reason", one line for each op and reason.
std::string unsupported_text(const std::vector<UnsupportedNode>& nodes) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> groups;
  for (const UnsupportedNode& node : nodes) groups[{node.op, node.reason}].push_back(node.source);
  std::string text;
  for (const auto& [key, sources] : groups) {
    std::string list;
    for (size_t i = 0; i < std::min(sources.size(), kMaxListed); ++i)
      list += fmt::format("{}'{}'", i == 0 ? "" : ", ", sources[i]);
    if (sources.size() > kMaxListed)
      list += fmt::format(" and {} more", sources.size() - kMaxListed);
    text += fmt::format("{}{} {}: {}", text.empty() ? "" : "; ", key.first, list, key.second);
  }
  return text;
}

/// The channels that the first convolution of an input takes, by its weight; nothing when none
/// reads it as it is.
std::optional<int64_t> channels_of(const Graph& graph, std::string_view input) {
  for (const Node& node : graph.nodes) {
    if (node.op != "Conv" || node.inputs.size() < 2 || node.inputs[0] != input) continue;
    int64_t groups = 1;
    for (const Attribute& attribute : node.attributes)
      if (attribute.name == "group") groups = attribute.i;
    for (const Tensor& tensor : graph.initializers) {
      if (tensor.name != node.inputs[1] || tensor.dims.size() < 3) continue;
      const int64_t channels = tensor.dims[1];
      const bool is_sane = channels > 0 && groups > 0 && channels <= kOpenExtent / groups;
      return is_sane ? std::optional(channels * groups) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::vector<DimRange> ranges_of(const ValueInfo& info, const std::string& name, Dims& dims,
                                size_t first_side, const std::optional<int64_t>& channels,
                                int64_t height, int64_t width, std::vector<std::string>& notes) {
  std::vector<DimRange> ranges;
  const auto& shape = *info.shape;
  bool varies = false;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    Extent extent = shape[axis];
    if (axis == 1 && first_side != 1 && !extent.value) extent.value = channels;
    if (extent.value && *extent.value >= 0) {
      check(*extent.value <= kOpenExtent, ErrorCode::InvalidArgument,
            "input '{}': axis {} is {}, expected at most {}", name, axis, *extent.value,
            kOpenExtent);
      dims.push_back(*extent.value);
      ranges.push_back({"", *extent.value, *extent.value, 1});
      continue;
    }
    varies = true;
    const bool is_side = axis == first_side || axis == first_side + 1;
    dims.push_back(!is_side ? 1 : axis == first_side ? height : width);
    const std::string symbol =
        extent.symbol.empty() ? fmt::format("{}.{}", name, axis) : clean(extent.symbol);
    ranges.push_back({symbol, 1, kOpenExtent, 1});
    if (axis > 0 && !is_side)
      notes.push_back(fmt::format("input '{}': extent '{}' of axis {} is open, by default it is 1",
                                  name, symbol, axis));
  }
  return varies ? ranges : std::vector<DimRange>{};
}

}  // namespace

size_t height_axis(const Graph& graph, const ValueInfo& pictures) {
  if (channels_of(graph, pictures.name)) return 2;  // a Conv has channels first
  const auto is_channels = [](const Extent& extent) {
    return extent.value && (*extent.value == 1 || *extent.value == 3);
  };
  const auto& shape = *pictures.shape;
  const bool sides_alike = shape[1].value.has_value() == shape[2].value.has_value();
  return is_channels(shape[3]) && !is_channels(shape[1]) && sides_alike ? 1 : 2;
}

vitro::Graph Importer::import(int64_t height, int64_t width) {
  Scope scope;
  scope.opsets = &model_.opsets;
  add_initializers(model_.graph, scope);
  for (const ValueInfo& input : model_.graph.inputs) {
    const std::string name = clean(input.name);
    const auto given = scope.entries.find(input.name);
    if (given != scope.entries.end() && given->second.tensor) continue;  // it has a value
    const auto dtype = dtype_of(input.type);
    check(input.is_tensor && dtype.has_value(), ErrorCode::Unsupported,
          "input '{}' is {}, expected a tensor of numbers", name,
          input.is_tensor ? element_name(input.type) : "no tensor");
    check(input.shape.has_value(), ErrorCode::Unsupported,
          "input '{}' has no shape, expected at least its rank", name);
    check(input.shape->size() <= kMaxRank, ErrorCode::Unsupported,
          "input '{}' has {} axes, expected at most {}", name, input.shape->size(), kMaxRank);
    Dims dims;
    const bool is_picture = input.shape->size() == 4 && *dtype != DType::Int64;
    const size_t first_side = is_picture ? height_axis(model_.graph, input) : input.shape->size();
    std::vector<DimRange> ranges =
        ranges_of(input, name, dims, first_side, channels_of(model_.graph, input.name), height,
                  width, notes_);
    const Entry entry{builder_.input(name, dims, *dtype, std::move(ranges)), nullptr, false};
    check(scope.entries.emplace(input.name, entry).second, ErrorCode::CorruptFile,
          "two inputs are named '{}'", name);
  }
  open_.emplace(builder_.graph());
  import_nodes(model_.graph.nodes, scope);
  if (!unsupported_.empty())
    fail_hint(ErrorCode::Unsupported, "vitro inspect MODEL --coverage lists every node",
              "{} of {} nodes are not supported: {}", unsupported_.size(), num_nodes_,
              unsupported_text(unsupported_));
  std::vector<ValueId> outputs;
  std::vector<std::string> names;
  for (const ValueInfo& output : model_.graph.outputs) {
    Entry* entry = scope.find(output.name);
    check(entry != nullptr, ErrorCode::CorruptFile, "output '{}' comes from nowhere",
          clean(output.name));
    outputs.push_back(value(*entry, "output"));
    names.push_back(clean(output.name));
    check(std::count(names.begin(), names.end(), names.back()) == 1, ErrorCode::CorruptFile,
          "two outputs are named '{}'", names.back());
  }
  check(!outputs.empty(), ErrorCode::CorruptFile, "the model has no outputs");
  vitro::Graph graph = builder_.finish(std::move(outputs), std::move(names));
  if (evaluate_) fold_constant_chains(graph, evaluate_, swelling_left_);
  remove_dead(graph);
  return graph;
}

}  // namespace vitro::onnx
