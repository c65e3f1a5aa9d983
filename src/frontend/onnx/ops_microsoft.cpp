#include <array>

#include "frontend/onnx/table.h"

// ONNX Runtime's own ops (com.microsoft, version 1) that its quantizer and its optimizer write for
// models of vision. Of codes they are what ONNX's ops make of the numbers that codes stand for.
namespace vitro::onnx {
namespace {

/// Operands i to i + 2 are codes, their scale and their zero point.
ValueId numbers_of(Call& call, size_t i) {
  return dequantized(call, call.in(i), call.in(i + 1), call.optional(i + 2), 1);
}

void expect_channels_first(Call& call) {
  if (call.flag("channels_last", false)) call.unsupported("channels_last");
}

ValueId times(Call& call, ValueId x, float factor) {
  if (factor == 1.0f) return x;
  return call.op(BinaryFunction::Mul, x, call.scalar(factor, call.dtype_of_value(x)));
}

/// x [.., a, b] as [.., b, a].
ValueId swapped(Call& call, ValueId x) {
  Ints perm(call.dims_of(x).size());
  if (perm.size() < 2) call.unsupported("transposed operands of less than two axes");
  for (size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return call.transpose(x, perm);
}

/// What "activation" says, with the numbers of "activation_params", of x.
ValueId activated(Call& call, ValueId x) {
  const std::string name = call.text("activation", "");
  const std::vector<float> params = call.floats("activation_params").value_or(std::vector<float>{});
  const auto param = [&](size_t i, float usual) { return i < params.size() ? params[i] : usual; };
  struct Row {
    const char* name;
    UnaryFunction function;
    float alpha, beta;
  };
  static constexpr std::array kRows{
      Row{"Relu", UnaryFunction::Relu, 0, 0},
      Row{"Tanh", UnaryFunction::Tanh, 0, 0},
      Row{"Sigmoid", UnaryFunction::Sigmoid, 0, 0},
      Row{"LeakyRelu", UnaryFunction::LeakyRelu, 0.01f, 0},
      Row{"HardSigmoid", UnaryFunction::HardSigmoid, 0.2f, 0.5f},
  };
  if (name.empty()) return x;
  if (name == "Clip") {
    const DType dtype = call.dtype_of_value(x);
    if (params.size() != 2) call.invalid("Clip needs two activation_params");
    return call.op(OpKind::Clip, {},
                   {x, call.scalar(params[0], dtype), call.scalar(params[1], dtype)});
  }
  for (const Row& row : kRows) {
    if (name != row.name) continue;
    UnaryAttrs attrs{row.function};
    if (row.alpha != 0) attrs.alpha = param(0, row.alpha);
    if (row.beta != 0) attrs.beta = param(1, row.beta);
    return call.op(OpKind::Unary, attrs, {x});
  }
  call.unsupported(fmt::format("activation is {}", clean(name)));
}

}  // namespace

Results import_qlinear_binary(Call& call) {
  const BinaryFunction function =
      call.op_type() == "QLinearMul" ? BinaryFunction::Mul : BinaryFunction::Add;
  return {quantized(call, call.op(function, numbers_of(call, 0), numbers_of(call, 3)), 6)};
}

Results import_qlinear_unary(Call& call) {
  UnaryAttrs attrs{UnaryFunction::Sigmoid};
  if (call.op_type() == "QLinearLeakyRelu")
    attrs.function = UnaryFunction::LeakyRelu, attrs.alpha = call.number("alpha", 0.01f);
  return {quantized(call, call.op(OpKind::Unary, attrs, {numbers_of(call, 0)}), 3)};
}

Results import_qlinear_concat(Call& call) {
  const int64_t axis = call.integer("axis");
  std::vector<ValueId> parts;
  if (call.num_inputs() % 3 != 2) call.invalid("expected codes, scale and zero point of each part");
  for (size_t i = 2; i < call.num_inputs(); i += 3) parts.push_back(numbers_of(call, i));
  const ValueId y = call.op(OpKind::Concat, AxisAttrs{axis}, parts);
  return {quantized(call, y, 0)};
}

Results import_qlinear_where(Call& call) {
  const ValueId y =
      call.op(OpKind::Where, {}, {call.in(0), numbers_of(call, 1), numbers_of(call, 4)});
  return {quantized(call, y, 7)};
}

Results import_qlinear_global_average_pool(Call& call) {
  expect_channels_first(call);
  Ints axes;
  for (int64_t i = 2; i < call.rank(0); ++i) axes.push_back(i);
  if (axes.empty()) call.invalid("expected spatial axes");
  return {quantized(call, call.reduce(ReduceFunction::Mean, numbers_of(call, 0), axes, true), 3)};
}

Results import_qlinear_average_pool(Call& call) {
  expect_channels_first(call);
  return {quantized(call, average_pool(call, numbers_of(call, 0)), 3)};
}

Results import_qlinear_softmax(Call& call) {
  const int64_t axis = call.integer("axis", -1), rank = call.rank(0);
  // Of an older opset it is over all axes from this one on.
  if (call.integer("opset") < 13 && call.axis(axis, rank) != rank - 1)
    call.unsupported("over several axes");
  return {quantized(call, call.op(OpKind::Softmax, SoftmaxAttrs{axis}, {numbers_of(call, 0)}), 3)};
}

Results import_qgemm(Call& call) {
  const float alpha = call.number("alpha", 1.0f);
  const bool transpose_a = call.flag("transA", false), transpose_b = call.flag("transB", false);
  // A scale for each column of b, as it is once it has been transposed.
  const ValueId a = dequantized(call, call.in(0), call.in(1), call.in(2), 0),
                b = dequantized(call, call.in(3), call.in(4), call.in(5), transpose_b ? 0 : 1);
  ValueId bias = kAbsent;
  if (call.has(6)) {
    const ValueId scale = call.op(BinaryFunction::Mul, call.in(1), call.in(4));
    bias = dequantized(call, call.in(6), times(call, scale, alpha), kAbsent, 0);
  }
  ValueId y;
  if (!transpose_a && alpha == 1.0f && call.is_known(3)) {
    y = call.op(OpKind::Linear, {}, {a, transpose_b ? b : call.transpose(b, {1, 0}), bias});
  } else {
    y = times(call, call.op(OpKind::MatMul, MatMulAttrs{transpose_b, transpose_a}, {a, b}), alpha);
    if (bias != kAbsent) y = call.op(BinaryFunction::Add, y, bias);
  }
  return {call.has(7) ? quantized(call, y, 7) : y};
}

Results import_fused_matmul(Call& call) {
  if (call.flag("transBatchA", false) || call.flag("transBatchB", false))
    call.unsupported("with other axes transposed than the last two");
  const bool transpose_a = call.flag("transA", false), transpose_b = call.flag("transB", false);
  const ValueId a = transpose_a ? swapped(call, call.in(0)) : call.in(0);
  if (call.rank(1) == 2 && call.is_known(1) && call.dims_of(a).size() >= 2) {
    const ValueId weight = transpose_b ? call.in(1) : call.permuted(1, {1, 0});
    return {times(call, call.op(OpKind::Linear, {}, {a, weight}), call.number("alpha", 1.0f))};
  }
  const ValueId b = transpose_b ? swapped(call, call.in(1)) : call.in(1);
  return {times(call, call.op(OpKind::MatMul, MatMulAttrs{}, {a, b}), call.number("alpha", 1.0f))};
}

Results import_fused_conv(Call& call) {
  ValueId y = import_conv(call)[0];
  if (call.has(3)) y = call.op(BinaryFunction::Add, y, call.in(3));
  return {activated(call, y)};
}

Results import_fused_gelu(Call& call) {
  ValueId x = call.in(0);
  if (call.op_type() == "QuickGelu") {
    const ValueId scaled = times(call, x, call.number("alpha", 1.702f));
    return {call.op(BinaryFunction::Mul, x, call.op(UnaryFunction::Sigmoid, scaled))};
  }
  if (call.has(1)) x = call.op(BinaryFunction::Add, x, call.in(1));
  return {call.op(call.op_type() == "FastGelu" ? UnaryFunction::GeluTanh : UnaryFunction::Gelu, x)};
}

Results import_skip_layer_normalization(Call& call) {
  if (call.wants(1) || call.wants(2)) call.unsupported("with mean and deviation as results");
  ValueId x = call.op(BinaryFunction::Add, call.in(0), call.in(1));
  if (call.has(4)) x = call.op(BinaryFunction::Add, x, call.in(4));
  const NormAttrs attrs{call.number("epsilon", 1e-12f), 1};
  ValueId y = call.op(OpKind::LayerNorm, attrs, {x});
  y = call.op(BinaryFunction::Mul, y, call.in(2));
  if (call.has(3)) y = call.op(BinaryFunction::Add, y, call.in(3));
  if (call.num_outputs() < 4) return {y};
  return {y, kAbsent, kAbsent, x};
}

}  // namespace vitro::onnx
