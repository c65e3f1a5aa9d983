#include <algorithm>

#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

/// The convolution with weights that alone reads a value, all of whose pixels it multiplies: none
/// outside of the map, where a shift would be missing. Else nullptr.
Node* unpadded_conv_reader(const Matcher& matcher, ValueId id) {
  const std::vector<Node*> readers = matcher.readers(id);
  if (readers.size() != 1 || matcher.num_uses(id) != 1) return nullptr;
  Node* node = readers[0];
  if (node->kind != OpKind::Conv && node->kind != OpKind::QuantizedConv) return nullptr;
  const auto& attrs = node->as<ConvAttrs>();
  const auto is_zero = [](int64_t pad) { return pad == 0; };
  const bool all_inside =
      std::ranges::all_of(attrs.pad_begin, is_zero) && std::ranges::all_of(attrs.pad_end, is_zero);
  const size_t first = node->kind == OpKind::Conv ? 1 : 2;  // the codes of a weight are no floats
  return all_inside && attrs.groups == 1 && node->inputs[0] == id &&
                 has_weights(matcher.graph(), *node, first)
             ? node
             : nullptr;
}

bool fold_norm(const Matcher& matcher, Node& batch_norm) {
  if (batch_norm.kind != OpKind::BatchNorm) return false;
  Graph& graph = matcher.graph();
  const auto affine = batch_norm_affine(graph, batch_norm);
  if (!affine) return false;
  if (Node* before = matcher.absorber(matcher.before_views(batch_norm.inputs[0]))) {
    fold_affine_after(graph, *before, *affine);
    replace_uses(graph, batch_norm.output(), batch_norm.inputs[0]);
    return true;
  }
  std::vector<Node*> after = matcher.linear_readers(batch_norm.output());
  if (Node* conv = unpadded_conv_reader(matcher, batch_norm.output())) after = {conv};
  // Codes of 8-bit floats have no offset that could take a shift.
  const auto has_float8 = [&](const Node* product) {
    return graph.value(product->inputs[1]).type.dtype == DType::Float8E4M3;
  };
  if (std::ranges::any_of(after, has_float8)) return false;
  for (Node* product : after) fold_affine_before(graph, *product, *affine);
  if (!after.empty()) replace_uses(graph, batch_norm.output(), batch_norm.inputs[0]);
  return !after.empty();
}

}  // namespace

void fold_batch_norm(Graph& graph) { rewrite_nodes(graph, fold_norm); }

}  // namespace vitro
