#include <array>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

/// A function of a family and the parameters that ONNX gives it.
struct UnaryRow {
  std::string_view op;
  UnaryFunction function;
  const char* alpha = nullptr;
  float usual_alpha = 0;
  const char* beta = nullptr;
  float usual_beta = 0;
};
constexpr std::array kUnary{
    UnaryRow{"Abs", UnaryFunction::Abs},
    UnaryRow{"Acos", UnaryFunction::Acos},
    UnaryRow{"Acosh", UnaryFunction::Acosh},
    UnaryRow{"Asin", UnaryFunction::Asin},
    UnaryRow{"Asinh", UnaryFunction::Asinh},
    UnaryRow{"Atan", UnaryFunction::Atan},
    UnaryRow{"Atanh", UnaryFunction::Atanh},
    UnaryRow{"Ceil", UnaryFunction::Ceil},
    UnaryRow{"Celu", UnaryFunction::Celu, "alpha", 1.0f},
    UnaryRow{"Cos", UnaryFunction::Cos},
    UnaryRow{"Cosh", UnaryFunction::Cosh},
    UnaryRow{"Elu", UnaryFunction::Elu, "alpha", 1.0f},
    UnaryRow{"Erf", UnaryFunction::Erf},
    UnaryRow{"Exp", UnaryFunction::Exp},
    UnaryRow{"Floor", UnaryFunction::Floor},
    UnaryRow{"HardSigmoid", UnaryFunction::HardSigmoid, "alpha", 0.2f, "beta", 0.5f},
    UnaryRow{"HardSwish", UnaryFunction::HardSwish},
    UnaryRow{"IsNaN", UnaryFunction::IsNan},
    UnaryRow{"LeakyRelu", UnaryFunction::LeakyRelu, "alpha", 0.01f},
    UnaryRow{"Log", UnaryFunction::Log},
    UnaryRow{"Mish", UnaryFunction::Mish},
    UnaryRow{"Neg", UnaryFunction::Neg},
    UnaryRow{"Not", UnaryFunction::Not},
    UnaryRow{"Reciprocal", UnaryFunction::Reciprocal},
    UnaryRow{"Relu", UnaryFunction::Relu},
    UnaryRow{"Round", UnaryFunction::Round},
    UnaryRow{"Sigmoid", UnaryFunction::Sigmoid},
    UnaryRow{"Sign", UnaryFunction::Sign},
    UnaryRow{"Sin", UnaryFunction::Sin},
    UnaryRow{"Sinh", UnaryFunction::Sinh},
    UnaryRow{"Softplus", UnaryFunction::Softplus},
    UnaryRow{"Softsign", UnaryFunction::Softsign},
    UnaryRow{"Sqrt", UnaryFunction::Sqrt},
    UnaryRow{"Tan", UnaryFunction::Tan},
    UnaryRow{"Tanh", UnaryFunction::Tanh},
    UnaryRow{"ThresholdedRelu", UnaryFunction::ThresholdedRelu, "alpha", 1.0f},
};

constexpr std::array kBinary{
    std::pair{std::string_view("Add"), BinaryFunction::Add},
    std::pair{std::string_view("And"), BinaryFunction::And},
    std::pair{std::string_view("Div"), BinaryFunction::Div},
    std::pair{std::string_view("Max"), BinaryFunction::Max},
    std::pair{std::string_view("Min"), BinaryFunction::Min},
    std::pair{std::string_view("Mul"), BinaryFunction::Mul},
    std::pair{std::string_view("Or"), BinaryFunction::Or},
    std::pair{std::string_view("Sub"), BinaryFunction::Sub},
    std::pair{std::string_view("Sum"), BinaryFunction::Add},
    std::pair{std::string_view("Xor"), BinaryFunction::Xor},
};
constexpr std::array kCompare{
    std::pair{std::string_view("Equal"), CompareFunction::Equal},
    std::pair{std::string_view("Greater"), CompareFunction::Greater},
    std::pair{std::string_view("GreaterOrEqual"), CompareFunction::GreaterOrEqual},
    std::pair{std::string_view("Less"), CompareFunction::Less},
    std::pair{std::string_view("LessOrEqual"), CompareFunction::LessOrEqual},
};

template <typename Rows>
auto function_of(const Call& call, const Rows& rows) {
  for (const auto& [op, function] : rows)
    if (op == call.op_type()) return function;
  call.invalid("has no function");
}

ValueId selu(Call& call, ValueId x, double alpha, double gamma) {
  const DType dtype = call.dtype_of_value(x);
  const ValueId elu =
      call.op(OpKind::Unary, UnaryAttrs{UnaryFunction::Elu, static_cast<float>(alpha)}, {x});
  return call.op(BinaryFunction::Mul, elu, call.scalar(gamma, dtype));
}

ValueId cast_to(Call& call, DType dtype) {
  if (dtype == DType::Float8E4M3 || dtype == DType::Float8E5M2 || dtype == DType::UInt64)
    call.unsupported(fmt::format("to {}", dtype_name(dtype)));
  return call.cast(call.in(0), dtype);
}

}  // namespace

Results import_unary(Call& call) {
  for (const UnaryRow& row : kUnary) {
    if (row.op != call.op_type()) continue;
    UnaryAttrs attrs{row.function};
    if (row.alpha) attrs.alpha = call.number(row.alpha, row.usual_alpha);
    if (row.beta) attrs.beta = call.number(row.beta, row.usual_beta);
    return {call.op(OpKind::Unary, attrs, {call.in(0)})};
  }
  call.invalid("has no function");
}

Results import_binary_chain(Call& call) {
  const BinaryFunction function = function_of(call, kBinary);
  ValueId result = call.in(0);
  if (call.num_inputs() == 1) return {call.op(OpKind::Identity, {}, {result})};
  for (size_t i = 1; i < call.num_inputs(); ++i) result = call.op(function, result, call.in(i));
  return {result};
}

Results import_mean(Call& call) {
  ValueId sum = call.in(0);
  for (size_t i = 1; i < call.num_inputs(); ++i)
    sum = call.op(BinaryFunction::Add, sum, call.in(i));
  const auto count = static_cast<double>(call.num_inputs());
  return {call.op(BinaryFunction::Div, sum, call.scalar(count, call.dtype(0)))};
}

Results import_compare(Call& call) {
  return {call.op(function_of(call, kCompare), call.in(0), call.in(1))};
}

Results import_pow(Call& call) {
  return {call.op(BinaryFunction::Pow, call.in(0), call.cast(call.in(1), call.dtype(0)))};
}

Results import_mod(Call& call) {
  const bool as_c = call.flag("fmod", false);
  return {call.op(as_c ? BinaryFunction::Fmod : BinaryFunction::Mod, call.in(0), call.in(1))};
}

Results import_prelu(Call& call) {
  return {call.op(BinaryFunction::PRelu, call.in(0), call.in(1))};
}

Results import_selu(Call& call) {
  constexpr float kAlpha = 1.67326319217681884765625f, kGamma = 1.05070102214813232421875f;
  const float alpha = call.number("alpha", kAlpha), gamma = call.number("gamma", kGamma);
  if (alpha == kAlpha && gamma == kGamma) return {call.op(UnaryFunction::Selu, call.in(0))};
  return {selu(call, call.in(0), alpha, gamma)};
}

Results import_gelu(Call& call) {
  const std::string kind = call.text("approximate", "none");
  if (kind != "none" && kind != "tanh") call.unsupported("approximate is " + kind);
  return {call.op(kind == "tanh" ? UnaryFunction::GeluTanh : UnaryFunction::Gelu, call.in(0))};
}

Results import_swish(Call& call) {
  const ValueId x = call.in(0);
  const float alpha = call.number("alpha", 1.0f);
  if (alpha == 1.0f) return {call.op(UnaryFunction::Silu, x)};
  const ValueId scaled = call.op(BinaryFunction::Mul, x, call.scalar(alpha, call.dtype(0)));
  return {call.op(BinaryFunction::Mul, x, call.op(UnaryFunction::Sigmoid, scaled))};
}

Results import_shrink(Call& call) {
  const ValueId x = call.in(0);
  const DType dtype = call.dtype(0);
  const float bias = call.number("bias", 0.0f), limit = call.number("lambd", 0.5f);
  const ValueId zero = call.scalar(0, dtype);
  const ValueId low = call.op(CompareFunction::Less, x, call.scalar(-limit, dtype));
  const ValueId high = call.op(CompareFunction::Greater, x, call.scalar(limit, dtype));
  const ValueId above = call.op(BinaryFunction::Sub, x, call.scalar(bias, dtype));
  const ValueId below = call.op(BinaryFunction::Add, x, call.scalar(bias, dtype));
  return {
      call.op(OpKind::Where, {}, {low, below, call.op(OpKind::Where, {}, {high, above, zero})})};
}

Results import_is_inf(Call& call) {
  UnaryAttrs attrs{UnaryFunction::IsInf};
  attrs.alpha = call.flag("detect_negative", true) ? 1.0f : 0.0f;
  attrs.beta = call.flag("detect_positive", true) ? 1.0f : 0.0f;
  return {call.op(OpKind::Unary, attrs, {call.in(0)})};
}

Results import_cast(Call& call) {
  const auto type = static_cast<ElementType>(call.integer("to"));
  call.ignore("saturate");  // of the 8-bit floats
  call.ignore("round_mode");
  if (!dtype_of(type)) call.unsupported("to " + element_name(type));
  return {cast_to(call, *dtype_of(type))};
}

Results import_cast_like(Call& call) {
  call.ignore("saturate");
  call.ignore("round_mode");
  return {cast_to(call, call.dtype(1))};
}

Results import_clip_6(Call& call) {
  const auto bound = [&](const char* name) {
    return call.has_attribute(name) ? call.scalar(call.number(name, 0), call.dtype(0)) : kAbsent;
  };
  const ValueId low = bound("min");
  return {call.op(OpKind::Clip, {}, {call.in(0), low, bound("max")})};
}

Results import_clip(Call& call) {
  return {call.op(OpKind::Clip, {}, {call.in(0), call.optional(1), call.optional(2)})};
}

Results import_where(Call& call) {
  return {call.op(OpKind::Where, {}, {call.in(0), call.in(1), call.in(2)})};
}

}  // namespace vitro::onnx
