#pragma once

#include "core/check.h"
#include "export/model_builder.h"
#include "ir/infer.h"
#include "passes/extents.h"

namespace vitro::onnx {

/// The order of axes in which ONNX has maps: [n, spatial..., c] -> [n, c, spatial...].
Ints channels_first(size_t rank);
Ints usual_order(size_t rank);
Ints inverse_of(const Ints& perm);

/// Writes the nodes of a graph, one at a time: the functions of the table ask for the operands of
/// the current node and say what its results are.
///
/// A tensor of the file has the axes of a value in some order `perm`: axis i of the tensor is axis
/// perm[i] of the value. A value may be there in several orders.
class GraphWriter {
 public:
  GraphWriter(const vitro::Graph& graph, const Extents& extents, ModelBuilder& model, int64_t opset)
      : graph_(graph),
        readers_(consumers(graph)),
        extents_(extents),
        model_(model),
        opset_(opset),
        forms_(graph.values.size()) {}

  void write(const vitro::Node& node);
  /// The value is that tensor, an input of the model.
  void add_input(ValueId id, Name name) {
    forms_[static_cast<size_t>(id)] = {{name, order_of(id)}};
  }
  /// Makes a value an output of the model.
  void add_output(ValueId id, Name name);
  const std::vector<std::string>& transposes() const { return transposes_; }

  // The current node.
  const vitro::Node& node() const { return *node_; }
  int64_t opset() const { return opset_; }
  template <typename A>
  const A& attrs() const {
    return node_->as<A>();
  }
  bool has(size_t i) const { return node_->has_input(i); }
  ValueId id(size_t i) const { return node_->inputs[i]; }
  const Dims& dims(size_t i) const { return dims_of(id(i)); }  ///< at the default shape
  size_t rank(size_t i) const { return dims(i).size(); }
  DType dtype(size_t i) const { return graph_.value(id(i)).type.dtype; }
  const Constant& constant_operand(size_t i) const { return *graph_.value(id(i)).constant; }
  bool is_constant(size_t i) const { return graph_.is_constant(id(i)); }
  /// Of the first result that somebody reads.
  const Dims& result_dims() const { return dims_of(first_result()); }
  const Extents& extents() const { return extents_; }
  [[noreturn]] void unsupported(const std::string& reason) const;

  // Operands.
  /// Operand i with its axes in that order, or as the graph has them; "" when it is not given.
  Name in(size_t i, const Ints& perm);
  Name in(size_t i) { return has(i) ? in(i, order_of(id(i))) : Name(); }
  /// The operand with axes of extent 1 before its own, `perm.size()` in all, so that it broadcasts
  /// in that order too.
  Name broadcast(size_t i, const Ints& perm);
  /// A constant operand in another shape, behind a transpose by `perm`.
  Name reshaped_constant(size_t i, const Ints& perm, Dims dims);
  /// The extents of an operand as a tensor of integers.
  Name shape_of(ValueId id);
  /// The order in which operand i was made; any for a constant.
  const Ints& natural_order(size_t i) const;
  bool is_made_in(size_t i, const Ints& perm) const;
  /// For an op that works in every order: that of the operands of which least has to be moved; of
  /// equal ones that which more readers of the result want. Operands of lower rank broadcast.
  Ints common_order() const;

  // Ops.
  std::vector<Name> emit(Name op, std::vector<Name> inputs, size_t results, Attributes attributes);
  Name emit(Name op, std::vector<Name> inputs, Attributes attributes = {}) {
    return emit(op, std::move(inputs), 1, std::move(attributes))[0];
  }
  /// Result i of the node is that tensor.
  void define(Name name, Ints perm, size_t i = 0);
  void define(Name name) { define(name, usual_order(result_dims().size())); }

  // Constants.
  Name constant(const Constant& constant) { return model_.constant(constant, piece("constant")); }
  Name list(const Ints& values);  ///< int64 [n]
  Name filled(const Dims& dims, double value, DType dtype);
  Name scalar(double value, DType dtype) { return filled({}, value, dtype); }  ///< without axes
  std::shared_ptr<const Tensor> tensor(const Constant& constant) { return model_.tensor(constant); }

 private:
  struct Form {
    Name name;
    Ints perm;
  };
  const Dims& dims_of(ValueId id) const { return graph_.value(id).type.dims; }
  Ints order_of(ValueId id) const { return usual_order(dims_of(id).size()); }
  std::vector<Form>& forms(ValueId id) { return forms_[static_cast<size_t>(id)]; }
  const std::vector<Form>& forms(ValueId id) const { return forms_[static_cast<size_t>(id)]; }
  ValueId first_result() const;
  const Form* find(ValueId id, const Ints& perm) const;
  /// How many readers of a value take it in that order alone.
  int wishes(ValueId id, const Ints& perm) const;
  /// The value with its axes in that order, moved there if it is not.
  Name need(ValueId id, const Ints& perm);
  Constant constant_of(ValueId id) const;
  /// Another view of the memory of operand 0, for a node that moves its axes.
  void write_transpose();
  Name piece(Name what);

  const vitro::Graph& graph_;
  const std::vector<std::vector<int>> readers_;  ///< by value
  const Extents& extents_;
  ModelBuilder& model_;
  int64_t opset_;
  std::vector<std::vector<Form>> forms_;  ///< by value
  std::map<ValueId, Name> shapes_;
  std::vector<std::string> transposes_;
  const vitro::Node* node_ = nullptr;
};

/// What writes the nodes of a kind; null for a kind that has no op in ONNX.
using WriteFunction = void (*)(GraphWriter&);
WriteFunction find_write_function(OpKind kind);

// Of the table, by family.
// write_elementwise.cpp
void write_unary(GraphWriter& out);
void write_binary(GraphWriter& out);
void write_compare(GraphWriter& out);
void write_cast(GraphWriter& out);
void write_clip(GraphWriter& out);
void write_where(GraphWriter& out);
void write_quantize(GraphWriter& out);
// write_product.cpp
void write_conv(GraphWriter& out);
void write_depthwise(GraphWriter& out);
void write_linear(GraphWriter& out);
void write_matmul(GraphWriter& out);
void write_pool(GraphWriter& out);
void write_resize(GraphWriter& out);
// write_quantized.cpp
void write_quantized_conv(GraphWriter& out);
void write_quantized_linear(GraphWriter& out);
// write_normalization.cpp
void write_batch_norm(GraphWriter& out);
void write_layer_norm(GraphWriter& out);
void write_group_norm(GraphWriter& out);
void write_softmax(GraphWriter& out);
void write_reduce(GraphWriter& out);
void write_arg(GraphWriter& out);
void write_top_k(GraphWriter& out);
void write_cum_sum(GraphWriter& out);
// write_movement.cpp
void write_identity(GraphWriter& out);
void write_reshape(GraphWriter& out);
void write_reshape_like(GraphWriter& out);
void write_squeeze(GraphWriter& out);
void write_unsqueeze(GraphWriter& out);
void write_slice(GraphWriter& out);
void write_concat(GraphWriter& out);
void write_split(GraphWriter& out);
void write_pad(GraphWriter& out);
void write_gather(GraphWriter& out);
void write_gather_elements(GraphWriter& out);
void write_scatter_nd(GraphWriter& out);
void write_expand(GraphWriter& out);
void write_tile(GraphWriter& out);
void write_shape(GraphWriter& out);
void write_range(GraphWriter& out);
void write_constant_of_shape(GraphWriter& out);

// What they share.
/// kernel_shape, strides, dilations and pads.
Attributes window_attributes(const std::vector<WindowAxis>& axes);
/// Where axis `axis` of a value lies in a tensor whose axes are in that order.
int64_t place_of(int64_t axis, const Ints& perm);
/// The order that is left of `perm` when some axes of the value go.
Ints without_axes(const Ints& perm, const Ints& axes);
/// Entries by axis of a value, in another order.
template <typename T>
std::vector<T> in_order(const std::vector<T>& entries, const Ints& perm) {
  std::vector<T> result;
  for (const int64_t axis : perm) result.push_back(entries[static_cast<size_t>(axis)]);
  return result;
}

}  // namespace vitro::onnx
