#include <algorithm>

#include "ir/strided.h"

// Exporters compute shapes with ops: shape, gather, concat, arithmetic. All of it is known when a
// graph is compiled for a shape, so that none of it runs.
namespace vitro {
namespace {

bool is_small(const TensorType& type) { return num_elements(type.dims) <= kMaxContents; }

/// Element i of the result, for each i.
template <typename Element>
Contents elements(const TensorType& result, Element element) {
  if (!is_small(result)) return std::nullopt;
  Ints values(static_cast<size_t>(num_elements(result.dims)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = element(static_cast<int64_t>(i));
  return values;
}

/// Reads known operands as broadcast to the result.
class Broadcast {
 public:
  Broadcast(const Operand& operand, const TensorType& result)
      : values_(*operand.known), walk_(broadcast_walk(operand.dims(), result.dims)) {}
  int64_t operator[](int64_t i) const { return values_[static_cast<size_t>(walk_.at(i))]; }

 private:
  const Ints& values_;
  Strided walk_;
};

bool all_known(Operands in) {
  return std::all_of(in.begin(), in.end(), [](const Operand& operand) { return operand.known; });
}

bool is_integer(DType dtype) {
  return dtype == DType::Int64 || dtype == DType::Int32 || dtype == DType::Bool;
}

int64_t reduce(ReduceFunction function, int64_t a, int64_t b) {
  if (function == ReduceFunction::Prod) return evaluate(BinaryFunction::Mul, a, b);
  if (function == ReduceFunction::Max) return std::max(a, b);
  if (function == ReduceFunction::Min) return std::min(a, b);
  return evaluate(BinaryFunction::Add, a, b);
}

}  // namespace

Contents known_copy(const Node&, Operands in, const TensorType& result) {
  if (!in[0].known || !is_integer(result.dtype)) return std::nullopt;
  if (result.dtype != DType::Bool) return *in[0].known;
  return elements(result, [&](int64_t i) { return (*in[0].known)[static_cast<size_t>(i)] != 0; });
}

Contents known_unary(const Node& node, Operands in, const TensorType& result) {
  if (!in[0].known || !is_integer(result.dtype)) return std::nullopt;
  const auto& attrs = node.as<UnaryAttrs>();
  return elements(result, [&](int64_t i) {
    return evaluate(attrs.function, (*in[0].known)[static_cast<size_t>(i)],
                    static_cast<double>(attrs.alpha), static_cast<double>(attrs.beta));
  });
}

Contents known_binary(const Node& node, Operands in, const TensorType& result) {
  if (!all_known(in) || !is_small(result)) return std::nullopt;
  const Broadcast a(in[0], result), b(in[1], result);
  const BinaryFunction function = node.as<BinaryAttrs>().function;
  return elements(result, [&](int64_t i) { return evaluate(function, a[i], b[i]); });
}

Contents known_compare(const Node& node, Operands in, const TensorType& result) {
  if (!all_known(in) || !is_small(result)) return std::nullopt;
  const Broadcast a(in[0], result), b(in[1], result);
  const CompareFunction function = node.as<CompareAttrs>().function;
  return elements(result, [&](int64_t i) { return evaluate(function, a[i], b[i]); });
}

Contents known_where(const Node&, Operands in, const TensorType& result) {
  if (!all_known(in) || !is_small(result)) return std::nullopt;
  const Broadcast condition(in[0], result), yes(in[1], result), no(in[2], result);
  return elements(result, [&](int64_t i) { return condition[i] != 0 ? yes[i] : no[i]; });
}

Contents known_reduce(const Node& node, Operands in, const TensorType& result) {
  const auto& attrs = node.as<ReduceAttrs>();
  const auto function = attrs.function;
  const bool exact = function == ReduceFunction::Prod || function == ReduceFunction::Sum ||
                     function == ReduceFunction::Max || function == ReduceFunction::Min;
  // Of a list, which is all that shapes need.
  if (!in[0].known || !exact || in[0].rank() != 1 || in[0].known->empty()) return std::nullopt;
  int64_t value = in[0].known->front();
  for (size_t i = 1; i < in[0].known->size(); ++i)
    value = reduce(function, value, (*in[0].known)[i]);
  return elements(result, [&](int64_t) { return value; });
}

Contents known_slice(const Node& node, Operands in, const TensorType& result) {
  if (!in[0].known) return std::nullopt;
  const Strided walk = slice_walk(node, in);
  return elements(result,
                  [&](int64_t i) { return (*in[0].known)[static_cast<size_t>(walk.at(i))]; });
}

Contents known_transpose(const Node& node, Operands in, const TensorType& result) {
  if (!in[0].known) return std::nullopt;
  const Strided walk = transpose_walk(in[0].dims(), node.as<TransposeAttrs>().perm);
  return elements(result,
                  [&](int64_t i) { return (*in[0].known)[static_cast<size_t>(walk.at(i))]; });
}

Contents known_concat(const Node&, Operands in, const TensorType& result) {
  if (!all_known(in) || result.dims.size() != 1 || !is_small(result)) return std::nullopt;
  Ints values;
  for (const Operand& operand : in)
    values.insert(values.end(), operand.known->begin(), operand.known->end());
  return values;
}

Contents known_gather(const Node&, Operands in, const TensorType& result) {
  if (!all_known(in) || in[0].rank() != 1) return std::nullopt;
  const auto extent = static_cast<int64_t>(in[0].known->size());
  const auto inside = [&](int64_t i) { return i >= -extent && i < extent; };
  if (!std::all_of(in[1].known->begin(), in[1].known->end(), inside)) return std::nullopt;
  return elements(result, [&](int64_t i) {
    const int64_t index = (*in[1].known)[static_cast<size_t>(i)];
    return (*in[0].known)[static_cast<size_t>(index < 0 ? index + extent : index)];
  });
}

Contents known_expand(const Node&, Operands in, const TensorType& result) {
  if (!in[0].known || !is_small(result)) return std::nullopt;
  const Broadcast x(in[0], result);
  return elements(result, [&](int64_t i) { return x[i]; });
}

Contents known_shape(const Node&, Operands in, const TensorType&) { return in[0].dims(); }

Contents known_range(const Node&, Operands in, const TensorType& result) {
  if (!all_known(in)) return std::nullopt;
  return elements(result, [&](int64_t i) { return (*in[0].known)[0] + i * (*in[2].known)[0]; });
}

Contents known_fill(const Node& node, Operands, const TensorType& result) {
  if (!is_integer(result.dtype)) return std::nullopt;
  const auto value = static_cast<int64_t>(node.as<FillAttrs>().value);
  return elements(result, [&](int64_t) { return value; });
}

}  // namespace vitro
