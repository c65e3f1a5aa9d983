#include "ir/infer.h"

#include <algorithm>
#include <cmath>

#include "ir/codes.h"

namespace vitro {
namespace {

void expect_channels(const Node& node, Operands in, size_t first, const Dims& channels) {
  for (size_t i = first; i < in.size(); ++i)
    if (in[i])
      expect(in[i].dims() == channels, node, "operand {} is {}, expected {}", i,
             to_string(in[i].dims()), to_string(channels));
}

bool is_float(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Float16 || dtype == DType::BFloat16 ||
         dtype == DType::Float64;
}

/// Operand 0 without the axes, or with extents of 1 there.
Dims reduced(const Dims& dims, const std::vector<size_t>& axes, bool keep_dims) {
  Dims result;
  for (size_t i = 0; i < dims.size(); ++i) {
    const bool goes = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!goes || keep_dims) result.push_back(goes ? 1 : dims[i]);
  }
  return result;
}

/// The first operand has an allowed type, and those that must share it do; a matrix may be a
/// constant of a narrower one, of int8 where the rules of the op say so.
void expect_dtypes(const Node& node, Operands in) {
  const OpInfo& info = op_info(node.kind);
  if (in.empty() || !in[0]) return;
  const DType first = in[0].dtype();
  expect((info.dtypes.allowed >> static_cast<unsigned>(first) & 1) != 0, node,
         "operand 0 is {}, which the op does not take", dtype_name(first));
  for (size_t i = 1; i < in.size(); ++i) {
    const bool shared = (info.dtypes.same >> std::min<size_t>(i, 31) & 1) != 0;
    const bool narrow = is_matrix_operand(node.kind, i) && in[i] &&
                        (is_float(in[i].dtype()) || is_code(in[i].dtype()));
    if (in[i] && shared && !narrow)
      expect(in[i].dtype() == first, node, "operand {} is {}, expected {} as operand 0", i,
             dtype_name(in[i].dtype()), dtype_name(first));
  }
}

}  // namespace

void expect_rank(const Node& node, const Operand& in, size_t rank, const char* operand) {
  expect(in.dims().size() == rank, node, "{} is {}, expected rank {}", operand,
         to_string(in.dims()), rank);
}

void expect_eps(const Node& node, float eps) {
  expect(std::isfinite(eps) && eps >= 0, node, "eps {} is no number from 0 up", eps);
}

void expect_bounded(const Node& node, const Dims& dims) {
  if (num_elements(dims) > kMaxElements)
    expect(false, node, "{} has more than {} elements", to_string(dims), kMaxElements);
}

size_t axis_of(const Node& node, int64_t axis, int64_t rank) {
  expect(axis >= -rank && axis < rank, node, "axis {} of an operand of rank {}", axis, rank);
  return static_cast<size_t>(axis < 0 ? axis + rank : axis);
}

std::vector<size_t> axes_of(const Node& node, const Ints& axes, int64_t rank) {
  std::vector<size_t> result;
  for (int64_t axis : axes) {
    result.push_back(axis_of(node, axis, rank));
    expect(std::count(result.begin(), result.end(), result.back()) == 1, node,
           "axis {} is repeated", axis);
  }
  return result;
}

const Ints& known_list(const Node& node, Operands in, size_t index, const Ints& otherwise) {
  if (index >= in.size() || !in[index]) return otherwise;
  check(in[index].known != nullptr, ErrorCode::Unsupported,
        "{} '{}': the elements of operand {} are computed from data; its result has no known "
        "extents",
        op_name(node), node.source, index);
  return *in[index].known;
}

Dims broadcast_dims(const Node& node, const Dims& a, const Dims& b) {
  Dims result = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  const size_t offset = result.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& extent = result[offset + i];
    expect(extent == shorter[i] || extent == 1 || shorter[i] == 1, node,
           "operands {} and {} do not broadcast", to_string(a), to_string(b));
    if (extent == 1) extent = shorter[i];
  }
  return result;
}

TensorType infer_same(const Node&, Operands in) { return *in[0].type; }

TensorType infer_linear(const Node& node, Operands in) {
  expect(!in[0].dims().empty(), node, "input is a scalar");
  expect(is_float(in[1].dtype()) || node.kind == OpKind::QuantizedLinear, node, "weight is {}",
         dtype_name(in[1].dtype()));
  expect_rank(node, in[1], 2, "weight");
  const Dims& w = in[1].dims();  // [out, in]
  expect(in[0].dims().back() == w[1], node, "input {} has {} features, weight {} takes {}",
         to_string(in[0].dims()), in[0].dims().back(), to_string(w), w[1]);
  expect_channels(node, in, 2, {w[0]});
  TensorType type = *in[0].type;
  type.dims.back() = w[0];
  return type;
}

TensorType infer_matmul(const Node& node, Operands in) {
  const auto& attrs = node.as<MatMulAttrs>();
  const Dims &a = in[0].dims(), &b = in[1].dims();
  expect(a.size() >= 2 && b.size() >= 2, node, "operands {} and {}, expected matrices",
         to_string(a), to_string(b));
  int64_t m = a[a.size() - 2], k = a.back(), k_b = b[b.size() - 2], n = b.back();
  if (attrs.transpose_a) std::swap(m, k);
  if (attrs.transpose_b) std::swap(k_b, n);
  expect(k == k_b, node, "inner extents {} and {} differ", k, k_b);
  TensorType type{in[0].dtype(),
                  broadcast_dims(node, {a.begin(), a.end() - 2}, {b.begin(), b.end() - 2})};
  type.dims.insert(type.dims.end(), {m, n});
  return type;
}

TensorType infer_unary(const Node& node, Operands in) {
  const auto& attrs = node.as<UnaryAttrs>();
  TensorType type = *in[0].type;
  const bool logical = attrs.function == UnaryFunction::Not;
  expect(logical == (type.dtype == DType::Bool), node, "operand 0 is {}, expected {}",
         dtype_name(type.dtype), logical ? "BOOL" : "numbers");
  const bool tests =
      attrs.function == UnaryFunction::IsNan || attrs.function == UnaryFunction::IsInf;
  if (tests) type.dtype = DType::Bool;
  return type;
}

TensorType infer_binary(const Node& node, Operands in) {
  TensorType type{in[0].dtype(), broadcast_dims(node, in[0].dims(), in[1].dims())};
  if (node.kind == OpKind::Compare) {
    type.dtype = DType::Bool;
    return type;
  }
  const BinaryFunction function = node.as<BinaryAttrs>().function;
  const bool logical = function == BinaryFunction::And || function == BinaryFunction::Or ||
                       function == BinaryFunction::Xor;
  expect(logical == (type.dtype == DType::Bool), node, "operand 0 is {}, expected {}",
         dtype_name(type.dtype), logical ? "BOOL" : "numbers");
  if (function == BinaryFunction::PRelu)
    expect(type.dims == in[0].dims(), node, "slope {} does not broadcast to {}",
           to_string(in[1].dims()), to_string(in[0].dims()));
  return type;
}

TensorType infer_cast(const Node& node, Operands in) {
  return {node.as<CastAttrs>().dtype, in[0].dims()};
}

TensorType infer_clip(const Node& node, Operands in) {
  for (size_t i = 1; i < in.size(); ++i)
    if (in[i])
      expect(num_elements(in[i].dims()) == 1, node, "bound {} is {}, expected one element", i,
             to_string(in[i].dims()));
  return *in[0].type;
}

TensorType infer_where(const Node& node, Operands in) {
  expect(in[1].dtype() == in[2].dtype(), node, "operands 1 and 2 are {} and {}, expected one type",
         dtype_name(in[1].dtype()), dtype_name(in[2].dtype()));
  const Dims chosen = broadcast_dims(node, in[1].dims(), in[2].dims());
  return {in[1].dtype(), broadcast_dims(node, in[0].dims(), chosen)};
}

TensorType infer_quantize(const Node& node, Operands in) {
  const auto& attrs = node.as<QuantizeAttrs>();
  const Dims &dims = in[0].dims(), &scale = in[1].dims();
  expect(is_float(in[1].dtype()), node, "scale is {}", dtype_name(in[1].dtype()));
  if (num_elements(scale) != 1) {
    const size_t axis = axis_of(node, attrs.axis, in[0].rank());
    expect(scale == Dims{dims[axis]}, node, "scale is {}, expected {} for axis {} of {}",
           to_string(scale), dims[axis], axis, to_string(dims));
  }
  if (in[2])
    expect(num_elements(in[2].dims()) == num_elements(scale), node, "zero point is {}, scale {}",
           to_string(in[2].dims()), to_string(scale));
  if (node.kind == OpKind::DequantizeLinear) return {in[1].dtype(), dims};
  const DType dtype = in[2] ? in[2].dtype() : attrs.dtype;
  expect(!is_float(dtype) && dtype != DType::Bool, node, "result is {}, expected integers",
         dtype_name(dtype));
  return {dtype, dims};
}

TensorType infer_norm(const Node& node, Operands in) {
  const auto& attrs = node.as<NormAttrs>();
  const Dims& dims = in[0].dims();
  expect(!dims.empty(), node, "input is a scalar");
  const bool layer_norm = node.kind == OpKind::LayerNorm;
  if (layer_norm)
    expect(bool{in[1]} == bool{in[2]}, node, "a weight without a bias, or a bias without a weight");
  expect(attrs.axes >= 1 && attrs.axes <= (layer_norm ? in[0].rank() : 1), node,
         "{} trailing axes of {}", attrs.axes, to_string(dims));
  expect_channels(node, in, 1, {dims.end() - attrs.axes, dims.end()});
  expect_eps(node, attrs.eps);
  return *in[0].type;
}

TensorType infer_group_norm(const Node& node, Operands in) {
  const auto& attrs = node.as<GroupNormAttrs>();
  const Dims& dims = in[0].dims();
  expect(dims.size() >= 2, node, "input is {}, expected [n, ..., c]", to_string(dims));
  expect(attrs.groups >= 1 && dims.back() % attrs.groups == 0, node,
         "groups {} do not divide {} channels", attrs.groups, dims.back());
  expect_channels(node, in, 1, {dims.back()});
  expect_eps(node, attrs.eps);
  return *in[0].type;
}

TensorType infer_softmax(const Node& node, Operands in) {
  expect(!in[0].dims().empty(), node, "input is a scalar");
  axis_of(node, node.as<SoftmaxAttrs>().axis, in[0].rank());
  return *in[0].type;
}

TensorType infer_reduce(const Node& node, Operands in) {
  const auto& attrs = node.as<ReduceAttrs>();
  const bool extreme =
      attrs.function == ReduceFunction::Max || attrs.function == ReduceFunction::Min;
  expect(in[0].dtype() != DType::Bool || extreme, node, "operand 0 is BOOL, expected numbers");
  if (attrs.axes.empty())
    return {in[0].dtype(), attrs.keep_dims ? Dims(in[0].dims().size(), 1) : Dims{}};
  return {in[0].dtype(),
          reduced(in[0].dims(), axes_of(node, attrs.axes, in[0].rank()), attrs.keep_dims)};
}

TensorType infer_arg(const Node& node, Operands in) {
  const auto& attrs = node.as<ArgAttrs>();
  const size_t axis = axis_of(node, attrs.axis, in[0].rank());
  expect(in[0].dims()[axis] > 0, node, "axis {} of {} is empty", axis, to_string(in[0].dims()));
  return {DType::Int64, reduced(in[0].dims(), {axis}, attrs.keep_dims)};
}

TensorType infer_cum_sum(const Node& node, Operands in) {
  axis_of(node, node.as<CumSumAttrs>().axis, in[0].rank());
  return *in[0].type;
}

int64_t top_k_count(const Node& node, Operands in) {
  const Ints own{node.as<TopKAttrs>().k};
  const Ints& k = known_list(node, in, 1, own);
  expect(k.size() == 1, node, "{} values of k, expected one", k.size());
  return k[0];
}

void infer_top_k(const Node& node, Operands in, std::span<TensorType> results) {
  TensorType type = *in[0].type;
  int64_t& extent = type.dims[axis_of(node, node.as<TopKAttrs>().axis, in[0].rank())];
  const int64_t k = top_k_count(node, in);
  expect(k >= 0 && k <= extent, node, "k {} of {} elements", k, extent);
  extent = k;
  results[0] = type;
  if (results.size() > 1) results[1] = {DType::Int64, type.dims};
}

std::vector<Operand> operands_of(const Node& node, std::span<const TensorType> types,
                                 std::span<const Contents> contents) {
  const int most = op_info(node.kind).max_inputs;
  std::vector<Operand> operands(most == kVariadic
                                    ? node.inputs.size()
                                    : std::max(node.inputs.size(), static_cast<size_t>(most)));
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.has_input(i)) continue;
    const auto id = static_cast<size_t>(node.inputs[i]);
    operands[i].type = &types[id];
    if (!contents.empty() && contents[id]) operands[i].known = &*contents[id];
  }
  return operands;
}

std::vector<TensorType> infer_results(const Node& node, Operands operands) {
  expect_dtypes(node, operands);
  std::vector<TensorType> results(node.outputs.size());
  op_info(node.kind).infer(node, operands, results);
  for (const TensorType& type : results) expect_bounded(node, type.dims);
  return results;
}

}  // namespace vitro
