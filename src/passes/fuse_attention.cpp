#include <algorithm>

#include "passes/match_attention.h"
#include "passes/passes.h"

namespace vitro {
namespace {

ValueId add_value(Graph& graph, const std::string& name, Dims dims) {
  graph.values.push_back(
      {unique_name(graph, name), {DType::Float32, std::move(dims)}, std::nullopt});
  return static_cast<ValueId>(graph.values.size() - 1);
}

/// All parts lie in one value in the order that attention has them: [3, heads, head_dim].
bool is_packed(const Graph& graph, const AttentionMatch& match) {
  const int64_t channels = match.heads * match.head_dim;
  for (size_t part = 0; part < 3; ++part) {
    const HeadRows& rows = match.parts[part];
    const bool is_alone = match.heads == 1 || rows.head_stride == match.head_dim;
    if (rows.source != match.parts[0].source || !is_alone ||
        (match.head_dim > 1 && rows.stride != 1) ||
        rows.first != static_cast<int64_t>(part) * channels)
      return false;
  }
  return last_extent(graph, match.parts[0].source) == 3 * channels;
}

/// The linears that make the parts, when they read the same input; else empty.
std::vector<const Node*> linears_of(const Matcher& matcher, const AttentionMatch& match) {
  std::vector<const Node*> linears;
  for (const HeadRows& rows : match.parts) {
    const Node* linear = matcher.producer(rows.source, OpKind::Linear);
    if (!linear || !has_weights(matcher.graph(), *linear)) return {};
    linears.push_back(linear);
  }
  for (const Node* linear : linears)
    if (linear->inputs[0] != linears[0]->inputs[0]) return {};
  return linears;
}

/// Rows of weights or biases [rows, ...] in the order that attention has them.
Constant packed_rows(const Graph& graph, const AttentionMatch& match,
                     const std::vector<const Node*>& linears, size_t operand) {
  const int64_t channels = match.heads * match.head_dim;
  const int64_t width = operand == 1 ? graph.value(linears[0]->inputs[1]).type.dims[1] : 1;
  auto [packed, dst] =
      allocate_floats(operand == 1 ? Dims{3 * channels, width} : Dims{3 * channels});
  auto out = dst.begin();
  for (size_t part = 0; part < 3; ++part)
    for (int64_t head = 0; head < match.heads; ++head)
      for (int64_t i = 0; i < match.head_dim; ++i, out += width) {
        std::fill_n(out, width, 0.0f);
        if (!linears[part]->has_input(operand)) continue;
        const auto src = graph.value(linears[part]->inputs[operand]).constant->floats();
        std::copy_n(src.begin() + match.parts[part].row(head, i) * width, width, out);
      }
  return packed;
}

Node packed_linear(Graph& graph, const AttentionMatch& match,
                   const std::vector<const Node*>& linears) {
  const auto add = [&](size_t operand) {
    Constant constant = packed_rows(graph, match, linears, operand);
    const size_t from = linears[0]->has_input(operand) ? operand : 1;
    const ValueId id =
        add_value(graph, graph.value(linears[0]->inputs[from]).name, constant.type.dims);
    graph.value(id).constant = std::move(constant);
    return id;
  };
  std::vector<ValueId> inputs{linears[0]->inputs[0], add(1)};
  if (std::any_of(linears.begin(), linears.end(), [](const Node* l) { return l->has_input(2); }))
    inputs.push_back(add(2));
  Dims dims = graph.value(match.parts[0].source).type.dims;
  dims.back() = 3 * match.heads * match.head_dim;
  const ValueId result = add_value(graph, graph.value(match.parts[0].source).name, dims);
  return {OpKind::Linear, {}, std::move(inputs), {result}, linears[0]->source, nullptr};
}

/// Constants above this many elements are not put together.
constexpr int64_t kMostBiasElements = int64_t{1} << 24;

/// The extents of the bias that all addends together are.
Dims joint_dims(const Graph& graph, const AttentionMatch& match) {
  Dims joint(4, 1);
  for (const ScoreAddend& addend : match.addends) {
    const Dims& sum = graph.value(addend.sum).type.dims;
    const Dims bias = bias_dims(graph.value(addend.value).type.dims, sum);
    for (size_t axis = 0; axis < 4; ++axis) joint[axis] = std::max(joint[axis], bias[axis]);
    // Of several images in turn it is whole: their number says how scores are divided.
    if (joint[0] > 1) joint[2] = joint[3] = sum.back();
  }
  return joint;
}

/// bias += the elements of an addend, broadcast.
void accumulate(std::span<float> bias, const Dims& dims, std::span<const float> addend,
                const Dims& own) {
  size_t at = 0;
  std::array<int64_t, 4> i{};
  for (i[0] = 0; i[0] < dims[0]; ++i[0])
    for (i[1] = 0; i[1] < dims[1]; ++i[1])
      for (i[2] = 0; i[2] < dims[2]; ++i[2])
        for (i[3] = 0; i[3] < dims[3]; ++i[3]) {
          int64_t from = 0;
          for (size_t axis = 0; axis < 4; ++axis)
            from = from * own[axis] + (own[axis] == 1 ? 0 : i[axis]);
          bias[at++] += addend[static_cast<size_t>(from)];
        }
}

/// What attention adds to the scores; kAbsent for nothing, no value when it cannot be one operand.
std::optional<ValueId> joint_bias(Graph& graph, const AttentionMatch& match) {
  if (match.addends.empty()) return kAbsent;
  const ScoreAddend& first = match.addends[0];
  const Dims dims = joint_dims(graph, match);
  if (match.addends.size() == 1 && graph.value(first.value).type.dims == dims) return first.value;
  if (num_elements(dims) > kMostBiasElements) return std::nullopt;
  for (const ScoreAddend& addend : match.addends)
    if (!is_weight(graph, addend.value)) return std::nullopt;
  auto [constant, bias] = allocate_floats(dims);
  std::fill(bias.begin(), bias.end(), 0.0f);
  for (const ScoreAddend& addend : match.addends) {
    const Value& value = graph.value(addend.value);
    accumulate(bias, dims, value.constant->floats(),
               bias_dims(value.type.dims, graph.value(addend.sum).type.dims));
  }
  const ValueId id = add_value(graph, graph.value(first.value).name + ".bias", dims);
  graph.value(id).constant = std::move(constant);
  return id;
}

/// Puts attention, behind what makes its operands, where the context was made.
bool insert_attention(Graph& graph, const AttentionMatch& match, std::vector<ValueId> inputs,
                      std::vector<Node> before) {
  const auto merge = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return std::count(node.outputs.begin(), node.outputs.end(), match.context) != 0;
  });
  if (!match.view.empty()) {
    const Dims& qkv = graph.value(inputs[0]).type.dims;
    const ValueId rows = add_value(graph, graph.value(match.context).name,
                                   {qkv[0], qkv[1], match.heads * match.head_dim});
    before.push_back({OpKind::Attention, {}, {}, {rows}, merge->source, nullptr});
    merge->kind = OpKind::Reshape;
    merge->attrs = ReshapeAttrs{match.view};
    merge->inputs = {rows};
  }
  become_fused(graph, match.view.empty() ? *merge : before.back(), OpKind::Attention,
               AttentionAttrs{match.heads, match.head_dim, match.scale}, std::move(inputs));
  graph.nodes.insert(merge, before.begin(), before.end());
  return true;
}

bool fuse(const Matcher& matcher, Node& softmax) {
  if (softmax.kind != OpKind::Softmax) return false;
  const auto match = AttentionMatcher(matcher).match(softmax);
  if (!match) return false;
  Graph& graph = matcher.graph();
  std::vector<Node> before;
  ValueId qkv = match->parts[0].source;
  const bool packed = is_packed(graph, *match);
  const auto linears = packed ? std::vector<const Node*>{} : linears_of(matcher, *match);
  if (!packed && linears.empty()) return false;
  const std::optional<ValueId> bias = joint_bias(graph, *match);
  if (!bias) return false;
  if (!packed) {
    before.push_back(packed_linear(graph, *match, linears));
    qkv = before.back().output();
  }
  const Dims dims = graph.value(qkv).type.dims;
  if (dims.size() != 3) {  // a map [n, h, w, c] of tokens
    const ValueId tokens =
        add_value(graph, graph.value(qkv).name,
                  {dims[0], num_elements(dims) / (dims[0] * dims.back()), dims.back()});
    before.push_back({OpKind::Reshape,
                      ReshapeAttrs{{0, -1, dims.back()}},
                      {qkv},
                      {tokens},
                      softmax.source,
                      nullptr});
    qkv = tokens;
  }
  std::vector<ValueId> inputs{qkv};
  if (*bias != kAbsent) inputs.push_back(*bias);
  return insert_attention(graph, *match, std::move(inputs), std::move(before));
}

}  // namespace

void fuse_attention(Graph& graph) { rewrite_nodes(graph, fuse); }

}  // namespace vitro
