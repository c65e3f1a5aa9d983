#include <algorithm>
#include <cmath>

#include "export/graph_writer.h"
#include "formats/onnx_writer.h"
#include "ir/op_info.h"

// Ops that work element by element, in whatever order their operands are.
namespace vitro::onnx {
namespace {

struct UnaryRow {
  UnaryFunction function;
  const char* op;
};
/// The functions that ONNX has an op for, whatever the opset.
constexpr UnaryRow kUnary[] = {{UnaryFunction::Relu, "Relu"},
                               {UnaryFunction::Sigmoid, "Sigmoid"},
                               {UnaryFunction::Tanh, "Tanh"},
                               {UnaryFunction::Exp, "Exp"},
                               {UnaryFunction::Log, "Log"},
                               {UnaryFunction::Sqrt, "Sqrt"},
                               {UnaryFunction::Reciprocal, "Reciprocal"},
                               {UnaryFunction::Neg, "Neg"},
                               {UnaryFunction::Abs, "Abs"},
                               {UnaryFunction::Erf, "Erf"},
                               {UnaryFunction::Floor, "Floor"},
                               {UnaryFunction::Ceil, "Ceil"},
                               {UnaryFunction::Round, "Round"},
                               {UnaryFunction::Sign, "Sign"},
                               {UnaryFunction::HardSigmoid, "HardSigmoid"},
                               {UnaryFunction::Elu, "Elu"},
                               {UnaryFunction::Celu, "Celu"},
                               {UnaryFunction::Selu, "Selu"},
                               {UnaryFunction::LeakyRelu, "LeakyRelu"},
                               {UnaryFunction::ThresholdedRelu, "ThresholdedRelu"},
                               {UnaryFunction::Softplus, "Softplus"},
                               {UnaryFunction::Softsign, "Softsign"},
                               {UnaryFunction::Sin, "Sin"},
                               {UnaryFunction::Cos, "Cos"},
                               {UnaryFunction::Tan, "Tan"},
                               {UnaryFunction::Asin, "Asin"},
                               {UnaryFunction::Acos, "Acos"},
                               {UnaryFunction::Atan, "Atan"},
                               {UnaryFunction::Sinh, "Sinh"},
                               {UnaryFunction::Cosh, "Cosh"},
                               {UnaryFunction::Asinh, "Asinh"},
                               {UnaryFunction::Acosh, "Acosh"},
                               {UnaryFunction::Atanh, "Atanh"},
                               {UnaryFunction::Not, "Not"},
                               {UnaryFunction::IsNan, "IsNaN"},
                               {UnaryFunction::IsInf, "IsInf"}};

const char* unary_op(UnaryFunction function) {
  const auto* const row = std::ranges::find(kUnary, function, &UnaryRow::function);
  return row->op;
}

Attributes unary_attributes(const UnaryAttrs& attrs) {
  Attributes attributes;
  if (attrs.function == UnaryFunction::IsInf)
    return std::move(attributes.integer("detect_negative", attrs.alpha != 0)
                         .integer("detect_positive", attrs.beta != 0));
  const int count = num_parameters(attrs.function);
  if (count > 0) attributes.number("alpha", attrs.alpha);
  if (count > 1) attributes.number("beta", attrs.beta);
  return attributes;
}

/// x / 2 * (1 + t), in the order in which PyTorch writes it and other engines look for it.
Name half_of_one_plus(GraphWriter& out, Name x, Name t, DType dtype) {
  const Name factor = out.emit("Add", {t, out.scalar(1, dtype)});
  return out.emit("Mul", {out.emit("Mul", {x, factor}), out.scalar(0.5, dtype)});
}

Name write_gelu(GraphWriter& out, Name x, bool approximate, DType dtype) {
  if (out.opset() >= 20)
    return out.emit("Gelu", {x}, Attributes().text("approximate", approximate ? "tanh" : "none"));
  const auto scalar = [&](double value) { return out.scalar(value, dtype); };
  if (!approximate)
    return half_of_one_plus(out, x, out.emit("Erf", {out.emit("Div", {x, scalar(std::sqrt(2.0))})}),
                            dtype);
  const Name cube = out.emit("Pow", {x, scalar(3)});
  const Name sum = out.emit("Add", {x, out.emit("Mul", {cube, scalar(0.044715)})});
  const Name inner = out.emit("Mul", {sum, scalar(std::sqrt(2.0 / std::acos(-1.0)))});
  return half_of_one_plus(out, x, out.emit("Tanh", {inner}), dtype);
}

const char* binary_op(BinaryFunction function) {
  switch (function) {
    case BinaryFunction::Add:
      return "Add";
    case BinaryFunction::Sub:
      return "Sub";
    case BinaryFunction::Mul:
      return "Mul";
    case BinaryFunction::Div:
      return "Div";
    case BinaryFunction::Pow:
      return "Pow";
    case BinaryFunction::Min:
      return "Min";
    case BinaryFunction::Max:
      return "Max";
    case BinaryFunction::Mod:
    case BinaryFunction::Fmod:
      return "Mod";
    case BinaryFunction::PRelu:
      return "PRelu";
    case BinaryFunction::And:
      return "And";
    case BinaryFunction::Or:
      return "Or";
    case BinaryFunction::Xor:
      return "Xor";
  }
  return nullptr;
}

bool is_float(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Float64 || dtype == DType::Float16 ||
         dtype == DType::BFloat16;
}

std::vector<Name> broadcast_all(GraphWriter& out, const Ints& order) {
  std::vector<Name> names;
  for (size_t i = 0; i < out.node().inputs.size(); ++i) names.push_back(out.broadcast(i, order));
  return names;
}

}  // namespace

void write_unary(GraphWriter& out) {
  const auto& attrs = out.attrs<UnaryAttrs>();
  const Ints order = out.common_order();
  const Name x = out.in(0, order);
  const DType dtype = out.dtype(0);
  Name y;
  if (attrs.function == UnaryFunction::IsInf && out.opset() < 20 && dtype_size(dtype) < 4)
    out.unsupported(fmt::format("{} needs opset 20", dtype_name(dtype)));
  switch (attrs.function) {
    case UnaryFunction::Gelu:
    case UnaryFunction::GeluTanh:
      y = write_gelu(out, x, attrs.function == UnaryFunction::GeluTanh, dtype);
      break;
    case UnaryFunction::Rsqrt:
      y = out.emit("Reciprocal", {out.emit("Sqrt", {x})});
      break;
    case UnaryFunction::Silu:
      y = out.emit("Mul", {x, out.emit("Sigmoid", {x})});
      break;
    case UnaryFunction::Mish:
      y = out.opset() >= 18 ? out.emit("Mish", {x})
                            : out.emit("Mul", {x, out.emit("Tanh", {out.emit("Softplus", {x})})});
      break;
    case UnaryFunction::HardSwish:
      y = out.opset() >= 14
              ? out.emit("HardSwish", {x})
              : out.emit("Mul",
                         {x, out.emit("HardSigmoid", {x}, Attributes().number("alpha", 1.0f / 6))});
      break;
    default:
      y = out.emit(unary_op(attrs.function), {x}, unary_attributes(attrs));
  }
  out.define(y, order);
}

void write_binary(GraphWriter& out) {
  const BinaryFunction function = out.attrs<BinaryAttrs>().function;
  const Ints order = out.common_order();
  const std::vector<Name> in = broadcast_all(out, order);
  if (function == BinaryFunction::PRelu && out.result_dims() != out.dims(0))
    out.unsupported("the slope is larger than the operand");
  if (function == BinaryFunction::Mod && is_float(out.dtype(0))) {
    // ONNX has the rest with the sign of the dividend alone.
    const Name whole = out.emit("Floor", {out.emit("Div", in)});
    out.define(out.emit("Sub", {in[0], out.emit("Mul", {whole, in[1]})}), order);
    return;
  }
  Attributes attributes;
  if (function == BinaryFunction::Fmod) attributes.integer("fmod", 1);
  out.define(out.emit(binary_op(function), in, std::move(attributes)), order);
}

void write_compare(GraphWriter& out) {
  const auto op = [&]() -> Name {
    switch (out.attrs<CompareAttrs>().function) {
      case CompareFunction::Equal:
        return "Equal";
      case CompareFunction::Less:
        return "Less";
      case CompareFunction::LessOrEqual:
        return "LessOrEqual";
      case CompareFunction::Greater:
        return "Greater";
      case CompareFunction::GreaterOrEqual:
        break;
    }
    return "GreaterOrEqual";
  };
  const Ints order = out.common_order();
  out.define(out.emit(op(), broadcast_all(out, order)), order);
}

void write_cast(GraphWriter& out) {
  const auto type = element_type_of(out.attrs<CastAttrs>().dtype);
  if (!type)
    out.unsupported(fmt::format("ONNX has no {}", dtype_name(out.attrs<CastAttrs>().dtype)));
  const Ints order = out.common_order();
  out.define(
      out.emit("Cast", {out.in(0, order)}, Attributes().integer("to", static_cast<int64_t>(*type))),
      order);
}

void write_clip(GraphWriter& out) {
  const Ints order = out.common_order();
  std::vector<Name> in{out.in(0, order)};
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (!out.has(i))
      in.emplace_back();
    else if (out.is_constant(i))
      in.push_back(out.reshaped_constant(i, usual_order(out.rank(i)), {}));
    else
      in.push_back(out.rank(i) == 0 ? out.in(i) : out.emit("Squeeze", {out.in(i)}));
  }
  out.define(out.emit("Clip", in), order);
}

void write_where(GraphWriter& out) {
  const Ints order = out.common_order();
  out.define(out.emit("Where", broadcast_all(out, order)), order);
}

void write_quantize(GraphWriter& out) {
  const auto& attrs = out.attrs<QuantizeAttrs>();
  const bool quantizes = out.node().kind == OpKind::QuantizeLinear;
  const DType stored = !quantizes ? out.dtype(0) : out.has(2) ? out.dtype(2) : attrs.dtype;
  if (stored == DType::Int16 || stored == DType::UInt16)
    out.unsupported(fmt::format("{} needs opset 21", dtype_name(stored)));
  const Ints order = out.common_order();
  std::vector<Name> in{out.in(0, order), out.in(1), out.in(2)};
  if (quantizes && in[2].empty()) in[2] = out.filled(out.dims(1), 0, attrs.dtype);
  Attributes attributes;
  if (!out.dims(1).empty()) attributes.integer("axis", place_of(attrs.axis, order));
  out.define(out.emit(quantizes ? "QuantizeLinear" : "DequantizeLinear", in, std::move(attributes)),
             order);
}

}  // namespace vitro::onnx
