#include <algorithm>

#include "core/check.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

constexpr int64_t kChannels = 3;
const std::string kSource = "pixels";

/// The value that becomes the result of the new nodes.
ValueId float_pictures(const Graph& graph) {
  check(graph.inputs.size() == 1, ErrorCode::Unsupported,
        "the model has {} inputs, expected pictures as the only one to take their pixels",
        graph.inputs.size());
  const Port& port = graph.inputs[0];
  const TensorType& type = graph.value(port.value).type;
  const bool pictures = type.dtype == DType::Float32 && type.dims.size() == 4 &&
                        type.dims[1] == kChannels &&
                        (port.dims.empty() || port.dims[1].min == port.dims[1].max);
  check(
      pictures, ErrorCode::Unsupported,
      "input '{}' is {} {}, expected F32 pictures [batch, {}, height, width] to take their pixels",
      port.name, dtype_name(type.dtype), to_string(type.dims), kChannels);
  return port.value;
}

template <typename T>
std::vector<T> channels_last(const std::vector<T>& axes) {
  if (axes.empty()) return axes;
  return {axes[0], axes[2], axes[3], axes[1]};
}

class NodesInFront {
 public:
  explicit NodesInFront(Graph& graph) : graph_(graph) {}

  ValueId value(const std::string& name, DType dtype, const Dims& dims) {
    graph_.values.push_back({unique_name(graph_, name), {dtype, dims}, std::nullopt});
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }
  void add(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, ValueId output) {
    Node node;
    node.kind = kind;
    node.attrs = std::move(attrs);
    node.inputs = std::move(inputs);
    node.outputs = {output};
    node.source = kSource;
    nodes_.push_back(std::move(node));
  }
  void insert() {
    graph_.nodes.insert(graph_.nodes.begin(), std::make_move_iterator(nodes_.begin()),
                        std::make_move_iterator(nodes_.end()));
  }

 private:
  Graph& graph_;
  std::vector<Node> nodes_;
};

ValueId add_floats(Graph& graph, const char* name, std::span<const float> values) {
  return add_constant(graph, kSource + name,
                      make_constant({static_cast<int64_t>(values.size())}, values));
}

}  // namespace

void take_pixels(Graph& graph, const Preprocessing& preprocessing) {
  const ValueId pictures = float_pictures(graph);
  const Dims dims = channels_last(graph.value(pictures).type.dims);
  Port& port = graph.inputs[0];
  graph.value(pictures).name = unique_name(graph, kSource + ".pictures");
  NodesInFront front(graph);
  const ValueId pixels = front.value(port.name, DType::UInt8, dims);
  port.value = pixels;
  port.dims = channels_last(port.dims);

  const ValueId floats = front.value(kSource + ".floats", DType::Float32, dims);
  const float one[] = {1.0f};
  front.add(OpKind::DequantizeLinear, QuantizeAttrs{}, {pixels, add_floats(graph, ".scale", one)},
            floats);
  std::array<float, kChannels> scale, shift, zero{}, variance{1, 1, 1};
  for (size_t i = 0; i < kChannels; ++i) {
    scale[i] = static_cast<float>(1.0 / (255.0 * preprocessing.std[i]));
    shift[i] = static_cast<float>(-double{preprocessing.mean[i]} / preprocessing.std[i]);
  }
  const ValueId normal = front.value(kSource + ".normal", DType::Float32, dims);
  front.add(OpKind::BatchNorm, NormAttrs{.eps = 0},
            {floats, add_floats(graph, ".weight", scale), add_floats(graph, ".bias", shift),
             add_floats(graph, ".mean", zero), add_floats(graph, ".variance", variance)},
            normal);
  front.add(OpKind::Transpose, TransposeAttrs{{0, 3, 1, 2}}, {normal}, pictures);
  front.insert();
}

}  // namespace vitro
