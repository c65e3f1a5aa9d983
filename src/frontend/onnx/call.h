#pragma once

#include <fmt/format.h>

#include "core/check.h"
#include "frontend/onnx/importer.h"

namespace vitro::onnx {

/// One node as the functions of the table see it: operands, attributes, and ops to make of them.
/// Attributes that nobody asks for are refused, so that none is passed over in silence.
class Call {
 public:
  Call(Importer& importer, const Node& node, Scope& scope, std::string source, int64_t opset)
      : importer_(importer),
        node_(node),
        scope_(scope),
        source_(std::move(source)),
        opset_(opset),
        asked_(node.attributes.size()) {}

  std::string_view op_type() const { return node_.op; }
  int64_t opset() const { return opset_; }
  const std::string& source() const { return source_; }
  [[noreturn]] void unsupported(const std::string& reason) const;
  [[noreturn]] void invalid(const std::string& reason) const;

  // Operands.
  size_t num_inputs() const { return node_.inputs.size(); }
  bool has(size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  ValueId in(size_t i);  ///< throws when it is not given
  ValueId optional(size_t i) { return has(i) ? in(i) : kAbsent; }
  const Dims& dims(size_t i);  ///< at the default shape
  /// Whether that extent, or all of them, are the same where inputs have other ones than usual.
  bool is_fixed(size_t i, size_t axis);
  bool is_fixed(size_t i);
  int64_t rank(size_t i) { return static_cast<int64_t>(dims(i).size()); }
  DType dtype(size_t i);
  bool is_known(size_t i);  ///< its elements do not depend on inputs
  /// Elements that do not depend on inputs.
  std::optional<Constant> known(size_t i);
  std::optional<Ints> known_ints(size_t i);
  std::optional<Ints> known_ints_of(ValueId id);
  Ints ints(size_t i, const char* what);  ///< as known_ints(); throws Unsupported without
  std::vector<double> numbers(size_t i, const char* what);
  /// Operand i with its axes in another order; of an initialiser a constant.
  ValueId permuted(size_t i, const Ints& perm);

  // Attributes; the usual value where the node has none.
  bool has_attribute(const char* name) { return find(name) != nullptr; }
  int64_t integer(const char* name, int64_t usual);
  int64_t integer(const char* name);
  bool flag(const char* name, bool usual) { return integer(name, usual ? 1 : 0) != 0; }
  float number(const char* name, float usual);
  std::string text(const char* name, const char* usual);
  std::optional<Ints> integers(const char* name);
  std::optional<std::vector<float>> floats(const char* name);
  const Tensor* tensor(const char* name);
  const Graph* graph(const char* name);
  void ignore(const char* name) { find(name); }  ///< says nothing that counts here
  /// Throws Unsupported when there is an attribute that was not asked for.
  void expect_all_asked() const;

  // Results.
  size_t num_outputs() const { return node_.outputs.size(); }
  bool wants(size_t i) const { return i < node_.outputs.size() && !node_.outputs[i].empty(); }

  // Ops.
  GraphBuilder& builder() { return importer_.builder(); }
  Importer& importer() { return importer_; }
  const Scope& scope() const { return scope_; }
  DType dtype_of_value(ValueId id) { return builder().value(id).type.dtype; }
  const Dims& dims_of(ValueId id) { return builder().dims(id); }
  std::vector<ValueId> ops(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, size_t results) {
    return importer_.ops(kind, std::move(attrs), std::move(inputs), results, source_);
  }
  ValueId op(OpKind kind, Attrs attrs, std::vector<ValueId> inputs) {
    return ops(kind, std::move(attrs), std::move(inputs), 1)[0];
  }
  ValueId op(UnaryFunction function, ValueId x) {
    return op(OpKind::Unary, UnaryAttrs{function}, {x});
  }
  ValueId op(BinaryFunction function, ValueId a, ValueId b) {
    return op(OpKind::Binary, BinaryAttrs{function}, {a, b});
  }
  ValueId op(CompareFunction function, ValueId a, ValueId b) {
    return op(OpKind::Compare, CompareAttrs{function}, {a, b});
  }
  ValueId reduce(ReduceFunction function, ValueId x, Ints axes, bool keep_dims) {
    return op(OpKind::Reduce, ReduceAttrs{function, std::move(axes), keep_dims}, {x});
  }
  ValueId cast(ValueId x, DType dtype);
  ValueId transpose(ValueId x, Ints perm);
  ValueId reshape(ValueId x, Ints dims) {
    return op(OpKind::Reshape, ReshapeAttrs{std::move(dims)}, {x});
  }
  ValueId unsqueeze(ValueId x, Ints axes) {
    return op(OpKind::Unsqueeze, AxesAttrs{std::move(axes)}, {x});
  }
  ValueId squeeze(ValueId x, Ints axes) {
    return op(OpKind::Squeeze, AxesAttrs{std::move(axes)}, {x});
  }
  /// [n, c, spatial...] -> [n, spatial..., c], and back.
  ValueId channels_last(ValueId x);
  ValueId channels_first(ValueId x);
  /// One element of the type of `like`.
  ValueId scalar(double value, DType dtype);
  ValueId integers_of(const Ints& values);  ///< int64 [n]
  /// An axis from 0 up.
  int64_t axis(int64_t axis, int64_t rank) const;

 private:
  Entry& entry(size_t i);  ///< of operand i; throws when there is none
  const Attribute* find(const char* name);
  const Attribute* typed(const char* name, int type, const char* type_name);

  Importer& importer_;
  const Node& node_;
  Scope& scope_;
  std::string source_;
  int64_t opset_;
  std::vector<bool> asked_;
};

using Results = std::vector<ValueId>;
/// What a row of the table does with a node.
using ImportFunction = Results (*)(Call&);

}  // namespace vitro::onnx
