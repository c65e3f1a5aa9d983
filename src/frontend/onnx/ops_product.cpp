#include <cmath>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

ValueId scaled(Call& call, ValueId x, float factor) {
  if (factor == 1.0f) return x;
  return call.op(BinaryFunction::Mul, x, call.scalar(factor, call.dtype_of_value(x)));
}

}  // namespace

namespace {

/// a b, of which `transposed` is the second as a weight [out, in], if it is one.
ValueId product(Call& call, ValueId a, ValueId b, ValueId transposed) {
  if (transposed != kAbsent) return call.op(OpKind::Linear, {}, {a, transposed});
  const size_t rank_a = call.dims_of(a).size(), rank_b = call.dims_of(b).size();
  if (rank_a == 0 || rank_b == 0) call.invalid("an operand is a scalar");
  if (rank_a == 1) a = call.unsqueeze(a, {0});
  if (rank_b == 1) b = call.unsqueeze(b, {1});
  ValueId y = call.op(OpKind::MatMul, MatMulAttrs{}, {a, b});
  if (rank_a == 1) y = call.squeeze(y, {-2});
  if (rank_b == 1) y = call.squeeze(y, {-1});
  return y;
}

bool is_linear(Call& call, size_t a, size_t b) {
  return call.rank(b) == 2 && call.rank(a) >= 2 && call.is_known(b);
}

/// The same of codes, which are numbers beside their scales and zero points.
ValueId product_of_codes(Call& call, ValueId a, ValueId b, size_t place_b) {
  return product(call, a, b, is_linear(call, 0, place_b) ? call.transpose(b, {1, 0}) : kAbsent);
}

}  // namespace

Results import_matmul(Call& call) {
  if (is_linear(call, 0, 1)) return {product(call, call.in(0), kAbsent, call.permuted(1, {1, 0}))};
  return {product(call, call.in(0), call.in(1), kAbsent)};
}

Results import_qlinear_matmul(Call& call) {
  // Scales of the rows of a and of the columns of b.
  const ValueId a = dequantized(call, call.in(0), call.in(1), call.in(2), -2),
                b = dequantized(call, call.in(3), call.in(4), call.in(5), -1);
  return {quantized(call, product_of_codes(call, a, b, 3), 6)};
}

Results import_matmul_integer(Call& call) {
  const ValueId one = call.scalar(1, DType::Float32);
  const ValueId a = dequantized(call, call.in(0), one, call.optional(2), -2),
                b = dequantized(call, call.in(1), one, call.optional(3), -1);
  return {call.cast(product_of_codes(call, a, b, 1), DType::Int32)};
}

Results import_gemm(Call& call) {
  const float alpha = call.number("alpha", 1.0f), beta = call.number("beta", 1.0f);
  const bool transpose_a = call.flag("transA", false), transpose_b = call.flag("transB", false);
  const bool has_bias = call.has(2) && beta != 0.0f;
  if (call.opset() < 9) call.ignore("broadcast");
  ValueId y;
  if (!transpose_a && call.rank(1) == 2 && call.is_known(1)) {
    const ValueId weight = transpose_b ? call.in(1) : call.permuted(1, {1, 0});
    const bool fits =
        has_bias && alpha == 1.0f && beta == 1.0f && call.dims(2) == Dims{call.dims_of(weight)[0]};
    y = call.op(OpKind::Linear, {}, {call.in(0), weight, fits ? call.in(2) : kAbsent});
    if (fits) return {y};
  } else {
    y = call.op(OpKind::MatMul, MatMulAttrs{transpose_b, transpose_a}, {call.in(0), call.in(1)});
  }
  y = scaled(call, y, alpha);
  return {has_bias ? call.op(BinaryFunction::Add, y, scaled(call, call.in(2), beta)) : y};
}

namespace {

/// Heads of x [n, tokens, heads * d], or x as it is when it has four axes: [n, heads, tokens, d].
ValueId heads_of(Call& call, ValueId x, int64_t heads) {
  if (call.dims_of(x).size() == 4) return x;
  if (heads < 1) call.invalid("has operands of three axes and no number of heads");
  return call.transpose(call.reshape(x, {0, 0, heads, -1}), {0, 2, 1, 3});
}

/// Each head of k or v as often as heads of q share it.
ValueId repeated(Call& call, ValueId x, int64_t heads) {
  const Dims dims = call.dims_of(x);
  if (dims[1] == heads) return x;
  if (dims[1] < 1 || heads % dims[1] != 0)
    call.invalid(fmt::format("{} heads for {} of keys and values", heads, dims[1]));
  const ValueId groups =
      call.op(OpKind::Expand, DimsAttrs{{1, 1, heads / dims[1], 1, 1}}, {call.unsqueeze(x, {2})});
  const ValueId shape = call.op(OpKind::Shape, {}, {x});
  const ValueId dims_operand =
      call.op(OpKind::Concat, AxisAttrs{0},
              {call.op(OpKind::Slice, slice_of(0, 0, 1), {shape}), call.integers_of({heads}),
               call.op(OpKind::Slice, slice_of(0, 2, 4), {shape})});
  return call.op(OpKind::Reshape, ReshapeAttrs{}, {groups, dims_operand});
}

}  // namespace

Results import_attention(Call& call) {
  if (call.has(4) || call.has(5) || call.has(6) || call.wants(1) || call.wants(2) || call.wants(3))
    call.unsupported("with a cache, or results beside the first");
  if (call.flag("is_causal", false)) call.unsupported("is_causal");
  if (call.number("softcap", 0.0f) != 0.0f) call.unsupported("softcap");
  call.ignore("softmax_precision");
  call.ignore("qk_matmul_output_mode");
  const int64_t q_heads = call.integer("q_num_heads", 0),
                kv_heads = call.integer("kv_num_heads", 0);
  const bool is_flat = call.rank(0) == 3;
  const ValueId q = heads_of(call, call.in(0), q_heads);
  const int64_t heads = call.dims_of(q).at(1);
  const ValueId k = repeated(call, heads_of(call, call.in(1), kv_heads), heads);
  const ValueId v = repeated(call, heads_of(call, call.in(2), kv_heads), heads);
  const auto width = static_cast<double>(call.dims_of(q).back());
  const float scale = call.number("scale", static_cast<float>(1 / std::sqrt(width)));
  ValueId scores = call.op(OpKind::MatMul, MatMulAttrs{true, false}, {q, k});
  scores = scaled(call, scores, scale);
  if (call.has(3)) {
    ValueId mask = call.in(3);
    const DType dtype = call.dtype_of_value(scores);
    if (call.dtype(3) == DType::Bool)
      mask =
          call.op(OpKind::Where, {}, {mask, call.scalar(0, dtype), call.scalar(-INFINITY, dtype)});
    scores = call.op(BinaryFunction::Add, scores, mask);
  }
  const ValueId weights = call.op(OpKind::Softmax, SoftmaxAttrs{-1}, {scores});
  const ValueId y = call.op(OpKind::MatMul, MatMulAttrs{}, {weights, v});
  if (!is_flat) return {y};
  return {call.reshape(call.transpose(y, {0, 2, 1, 3}), {0, 0, -1})};
}

}  // namespace vitro::onnx
