#include "export/graph_writer.h"

#include <algorithm>
#include <numeric>

#include "ir/op_info.h"

namespace vitro::onnx {

Ints usual_order(size_t rank) {
  Ints perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  return perm;
}

Ints channels_first(size_t rank) {
  Ints perm = usual_order(rank);
  if (rank > 2) std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
  return perm;
}

Ints inverse_of(const Ints& perm) {
  Ints inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  return inverse;
}

int64_t place_of(int64_t axis, const Ints& perm) {
  const auto rank = static_cast<int64_t>(perm.size());
  return std::find(perm.begin(), perm.end(), axis < 0 ? axis + rank : axis) - perm.begin();
}

Ints without_axes(const Ints& perm, const Ints& axes) {
  const auto rank = static_cast<int64_t>(perm.size());
  std::vector<bool> gone(perm.size());
  for (const int64_t axis : axes) gone[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  Ints left;
  for (const int64_t axis : perm) {
    if (gone[static_cast<size_t>(axis)]) continue;
    left.push_back(axis - std::count(gone.begin(), gone.begin() + axis, true));
  }
  return left;
}

ValueId GraphWriter::first_result() const {
  const auto is_read = [](ValueId id) { return id != kAbsent; };
  return *std::find_if(node_->outputs.begin(), node_->outputs.end(), is_read);
}

void GraphWriter::unsupported(const std::string& reason) const {
  fail(ErrorCode::Unsupported, "{} '{}' cannot be written in opset {}: {}", op_name(*node_),
       node_->source, opset_, reason);
}

void GraphWriter::write(const vitro::Node& node) {
  node_ = &node;
  if (node.kind == OpKind::Transpose) return write_transpose();
  const WriteFunction function = find_write_function(node.kind);
  if (!function) unsupported("it is an op of another domain");
  function(*this);
}

const GraphWriter::Form* GraphWriter::find(ValueId id, const Ints& perm) const {
  for (const Form& form : forms(id))
    if (form.perm == perm) return &form;
  return nullptr;
}

Constant GraphWriter::constant_of(ValueId id) const {
  const Constant& constant = *graph_.value(id).constant;
  // Matrices may be stored narrower than what they are multiplied with.
  for (size_t i = 0; i < node_->inputs.size(); ++i)
    if (node_->inputs[i] == id && is_matrix_operand(node_->kind, i) &&
        constant.type.dtype == DType::BFloat16)
      return with_dtype(constant, DType::Float32);
  return constant;
}

Name GraphWriter::piece(Name what) {
  return model_.keep(fmt::format("{}{}{}", node_->source, node_->source.empty() ? "" : "/", what));
}

Name GraphWriter::need(ValueId id, const Ints& perm) {
  if (const Form* form = find(id, perm)) return form->name;
  if (graph_.is_constant(id)) {
    const Constant constant = constant_of(id);
    const bool moves = perm != order_of(id);
    const Name name =
        model_.constant(moves ? permuted(constant, perm) : constant, graph_.value(id).name);
    forms(id).push_back({name, perm});
    return name;
  }
  const Form from = forms(id).at(0);
  Ints move;
  for (const int64_t axis : perm) move.push_back(place_of(axis, from.perm));
  const Name name = emit("Transpose", {from.name}, Attributes().integers("perm", move));
  transposes_.emplace_back(model_.model().graph.nodes.back().name);
  forms(id).push_back({name, perm});
  return name;
}

void GraphWriter::write_transpose() {
  const ValueId from = id(0);
  if (graph_.is_constant(from)) need(from, order_of(from));
  const Ints inverse = inverse_of(attrs<TransposeAttrs>().perm);
  std::vector<Form> result;
  for (const Form& form : forms(from)) {
    Ints perm;
    for (const int64_t axis : form.perm) perm.push_back(inverse[static_cast<size_t>(axis)]);
    result.push_back({form.name, perm});
  }
  forms(node_->output()) = std::move(result);
}

Name GraphWriter::in(size_t i, const Ints& perm) { return has(i) ? need(id(i), perm) : Name(); }

Name GraphWriter::broadcast(size_t i, const Ints& perm) {
  const size_t own = rank(i), missing = perm.size() - own;
  const Ints usual = usual_order(perm.size());
  if (missing == 0) return in(i, perm);
  if (perm == usual || (own == 0 || (is_constant(i) && num_elements(dims(i)) == 1))) return in(i);
  Dims wide(missing, 1);
  wide.insert(wide.end(), dims(i).begin(), dims(i).end());
  if (is_constant(i)) {
    Constant constant = constant_of(id(i));
    constant.type.dims = wide;
    return model_.constant(permuted(constant, perm), graph_.value(id(i)).name);
  }
  const Name name = emit("Unsqueeze", {in(i), list(usual_order(missing))});
  return emit("Transpose", {name}, Attributes().integers("perm", perm));
}

Name GraphWriter::reshaped_constant(size_t i, const Ints& perm, Dims dims) {
  Constant constant = permuted(constant_of(id(i)), perm);
  constant.type.dims = std::move(dims);
  return model_.constant(constant, graph_.value(id(i)).name);
}

Name GraphWriter::shape_of(ValueId id) {
  const auto made = shapes_.find(id);
  if (made != shapes_.end()) return made->second;
  if (graph_.is_constant(id)) return list(dims_of(id));
  const Form& form = forms(id).at(0);
  Name shape = emit("Shape", {form.name});
  if (form.perm != order_of(id))
    shape = emit("Gather", {shape, list(inverse_of(form.perm))}, Attributes().integer("axis", 0));
  return shapes_[id] = shape;
}

const Ints& GraphWriter::natural_order(size_t i) const {
  static const Ints any;
  return forms(id(i)).empty() ? any : forms(id(i))[0].perm;
}

bool GraphWriter::is_made_in(size_t i, const Ints& perm) const { return find(id(i), perm); }

int GraphWriter::wishes(ValueId id, const Ints& perm) const {
  int count = 0;
  for (const int reader : readers_[static_cast<size_t>(id)]) {
    const OpKind kind = graph_.nodes[static_cast<size_t>(reader)].kind;
    const bool is_first = kind == OpKind::Conv || kind == OpKind::DepthwiseConv2d ||
                          kind == OpKind::Pool || kind == OpKind::BatchNorm ||
                          kind == OpKind::GroupNorm;
    const bool is_usual =
        kind == OpKind::LayerNorm || kind == OpKind::MatMul || kind == OpKind::Reshape;
    count += (is_first && perm == channels_first(perm.size())) ||
             (is_usual && perm == usual_order(perm.size()));
  }
  return count;
}

Ints GraphWriter::common_order() const {
  const ValueId result = first_result();
  const size_t rank = dims_of(result).size();
  std::vector<Ints> orders;
  const auto is_moved = [&](ValueId id) {
    return id != kAbsent && !graph_.is_constant(id) && dims_of(id).size() == rank;
  };
  // Of equal ones that which was made last, for a reader nearby.
  for (const ValueId id : node_->inputs)
    if (is_moved(id))
      for (auto form = forms(id).rbegin(); form != forms(id).rend(); ++form)
        orders.push_back(form->perm);
  const auto cost = [&](const Ints& perm) {
    int64_t elements = 0;
    for (const ValueId id : node_->inputs)
      if (is_moved(id) && !find(id, perm)) elements += num_elements(dims_of(id));
    return std::pair(elements, -wishes(result, perm));
  };
  if (orders.empty()) return usual_order(rank);
  return *std::min_element(orders.begin(), orders.end(),
                           [&](const Ints& x, const Ints& y) { return cost(x) < cost(y); });
}

std::vector<Name> GraphWriter::emit(Name op, std::vector<Name> inputs, size_t results,
                                    Attributes attributes) {
  const Name name = piece(op);
  std::vector<Name> outputs;
  for (size_t i = 0; i < results; ++i)
    outputs.push_back(model_.unique(model_.keep(fmt::format("{}_output_{}", name, i))));
  model_.node(op, std::move(inputs), outputs, std::move(attributes), name);
  return outputs;
}

void GraphWriter::define(Name name, Ints perm, size_t i) {
  const ValueId id = node_->outputs[i];
  if (id != kAbsent) forms(id) = {{name, std::move(perm)}};
}

Name GraphWriter::list(const Ints& values) {
  return constant(
      make_constant({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values)));
}

Name GraphWriter::filled(const Dims& dims, double value, DType dtype) {
  return constant(filled_constant(dims, value, dtype));
}

void GraphWriter::add_output(ValueId id, Name name) {
  const vitro::Node port{OpKind::Identity, {}, {id}, {id}, "", nullptr};
  node_ = &port;
  const Name made = need(id, order_of(id));
  node_ = nullptr;
  if (made == name) return;
  const auto& graph = model_.model().graph;
  const auto is = [&](const ValueInfo& info) { return info.name == made; };
  const bool is_taken = model_.is_constant(made) ||
                        std::any_of(graph.inputs.begin(), graph.inputs.end(), is) ||
                        std::any_of(graph.outputs.begin(), graph.outputs.end(), is);
  if (is_taken) {
    model_.node("Identity", {made}, {name}, {}, name);
    return;
  }
  model_.rename(made, name);
  for (auto& forms : forms_)
    for (Form& form : forms)
      if (form.name == made) form.name = name;
}

namespace {

struct WriteRow {
  OpKind kind;
  WriteFunction function;
};
constexpr WriteRow kTable[] = {
    {OpKind::Conv, write_conv},
    {OpKind::DepthwiseConv2d, write_depthwise},
    {OpKind::Linear, write_linear},
    {OpKind::QuantizedLinear, write_quantized_linear},
    {OpKind::QuantizedConv, write_quantized_conv},
    {OpKind::MatMul, write_matmul},
    {OpKind::Unary, write_unary},
    {OpKind::Binary, write_binary},
    {OpKind::Compare, write_compare},
    {OpKind::Cast, write_cast},
    {OpKind::Clip, write_clip},
    {OpKind::Where, write_where},
    {OpKind::QuantizeLinear, write_quantize},
    {OpKind::DequantizeLinear, write_quantize},
    {OpKind::BatchNorm, write_batch_norm},
    {OpKind::LayerNorm, write_layer_norm},
    {OpKind::GroupNorm, write_group_norm},
    {OpKind::Softmax, write_softmax},
    {OpKind::LogSoftmax, write_softmax},
    {OpKind::Reduce, write_reduce},
    {OpKind::Pool, write_pool},
    {OpKind::Arg, write_arg},
    {OpKind::TopK, write_top_k},
    {OpKind::CumSum, write_cum_sum},
    {OpKind::Identity, write_identity},
    {OpKind::Reshape, write_reshape},
    {OpKind::ReshapeLike, write_reshape_like},
    {OpKind::Squeeze, write_squeeze},
    {OpKind::Unsqueeze, write_unsqueeze},
    {OpKind::Slice, write_slice},
    {OpKind::Concat, write_concat},
    {OpKind::Split, write_split},
    {OpKind::Pad, write_pad},
    {OpKind::Gather, write_gather},
    {OpKind::GatherElements, write_gather_elements},
    {OpKind::ScatterND, write_scatter_nd},
    {OpKind::Expand, write_expand},
    {OpKind::Tile, write_tile},
    {OpKind::Resize, write_resize},
    {OpKind::Shape, write_shape},
    {OpKind::Range, write_range},
    {OpKind::ConstantOfShape, write_constant_of_shape},
};

}  // namespace

WriteFunction find_write_function(OpKind kind) {
  for (const WriteRow& row : kTable)
    if (row.kind == kind) return row.function;
  return nullptr;
}

}  // namespace vitro::onnx
