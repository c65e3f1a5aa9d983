#include <algorithm>

#include "passes/affine.h"
#include "passes/passes.h"
#include "passes/quantized_product.h"

namespace vitro {
namespace {

/// y = w (q - offset) * scale: the offset goes into the bias.
bool fuse(const Matcher& matcher, Node& node) {
  std::string reason;
  auto match = match_explicit_product(matcher, node, reason);
  if (!match) return false;
  Graph& graph = matcher.graph();
  const auto in = static_cast<size_t>(graph.value(node.inputs[1]).type.dims.back());
  QuantizedRows& rows = match->rows;
  const size_t out = rows.scales.size(), terms = rows.codes.size() / out;
  auto [bias, dst] = allocate_floats({static_cast<int64_t>(out)});
  for (size_t row = 0; row < out; ++row) {
    rows.scales[row] = static_cast<float>(rows.scales[row] * match->scale);
    int64_t sum = 0;
    for (size_t i = row * terms; i < (row + 1) * terms; ++i) sum += rows.codes[i];
    const double given =
        node.has_input(2) ? graph.value(node.inputs[2]).constant->floats()[row] : 0.0;
    dst[row] =
        static_cast<float>(given - rows.scales[row] * match->offset * static_cast<double>(sum));
  }
  match->reader->inputs[0] = match->x;
  become_quantized(graph, node, rows, std::move(bias),
                   {std::vector<float>(in, static_cast<float>(1 / match->scale)),
                    std::vector<float>(in, static_cast<float>(match->offset)),
                    {}});
  return true;
}

/// A number for each channel of x, or one for all; nothing for another value.
std::optional<std::vector<double>> channel_values(const Graph& graph, ValueId id,
                                                  int64_t channels) {
  if (!is_weight(graph, id)) return std::nullopt;
  const auto values = graph.value(id).constant->floats();
  const int64_t count = num_elements(graph.value(id).type.dims);
  if (count == 1) return std::vector<double>(static_cast<size_t>(channels), values[0]);
  if (count != channels || last_extent(graph, id) != channels) return std::nullopt;
  return std::vector<double>(values.begin(), values.end());
}

bool is_padded(const Node& node) {
  if (node.kind != OpKind::QuantizedConv) return false;
  const auto& attrs = node.as<ConvAttrs>();
  const auto is_zero = [](int64_t pad) { return pad == 0; };
  return !std::all_of(attrs.pad_begin.begin(), attrs.pad_begin.end(), is_zero) ||
         !std::all_of(attrs.pad_end.begin(), attrs.pad_end.end(), is_zero);
}

/// A factor or addend of each channel in front of the codes -> these. What pads a convolution is
/// not scaled and shifted, so that it keeps them.
bool absorb(const Matcher& matcher, Node& node) {
  if ((node.kind != OpKind::QuantizedLinear && node.kind != OpKind::QuantizedConv) ||
      is_padded(node))
    return false;
  Graph& graph = matcher.graph();
  const Node* before = matcher.sole_producer(node.inputs[0], OpKind::Binary);
  if (!before || !has_weights(graph, node, 4)) return false;
  const bool adds = is(*before, BinaryFunction::Add);
  if (!adds && !is(*before, BinaryFunction::Mul)) return false;
  const int64_t channels = last_extent(graph, before->output());
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = before->inputs[1 - i];
    const auto values = channel_values(graph, before->inputs[i], channels);
    if (!values || !matcher.same_types(x, before->output())) continue;
    const std::vector<double> usual(values->size(), adds ? 1.0 : 0.0);
    fold_affine_before(graph, node,
                       adds ? ChannelAffine{usual, *values} : ChannelAffine{*values, usual});
    node.inputs[0] = x;
    return true;
  }
  return false;
}

}  // namespace

void fuse_explicit_products(Graph& graph) {
  rewrite_nodes(graph, [](const Matcher& matcher, Node& node) {
    return fuse(matcher, node) || absorb(matcher, node);
  });
}

}  // namespace vitro
