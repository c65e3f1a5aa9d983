#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

QuantizeAttrs attributes(Call& call) {
  if (call.integer("block_size", 0) != 0) call.unsupported("in blocks");
  call.ignore("saturate");   // of the 8-bit floats
  call.ignore("precision");  // it is float32 or better
  QuantizeAttrs attrs{call.integer("axis", 1), DType::UInt8};
  // One scale for all needs no axis.
  if (num_elements(call.dims(1)) == 1) attrs.axis = 0;
  return attrs;
}

void expect_integers(Call& call, DType dtype) {
  switch (dtype) {
    case DType::Int8:
    case DType::UInt8:
    case DType::Int16:
    case DType::UInt16:
    case DType::Int32:
      return;
    default:
      call.unsupported(fmt::format("of {}", dtype_name(dtype)));
  }
}

}  // namespace

Results import_quantize_linear(Call& call) {
  QuantizeAttrs attrs = attributes(call);
  const auto type = static_cast<ElementType>(call.integer("output_dtype", 0));
  if (type != ElementType::Undefined) {
    if (!dtype_of(type)) call.unsupported("to " + element_name(type));
    attrs.dtype = *dtype_of(type);
  }
  expect_integers(call, call.has(2) ? call.dtype(2) : attrs.dtype);
  const ValueId x =
      call.dtype(0) == DType::Int32 ? call.cast(call.in(0), DType::Float32) : call.in(0);
  return {call.op(OpKind::QuantizeLinear, attrs,
                  {x, call.cast(call.in(1), call.dtype_of_value(x)), call.optional(2)})};
}

Results import_dequantize_linear(Call& call) {
  const QuantizeAttrs attrs = attributes(call);
  const auto type = static_cast<ElementType>(call.integer("output_dtype", 0));
  expect_integers(call, call.dtype(0));
  const ValueId y =
      call.op(OpKind::DequantizeLinear, attrs, {call.in(0), call.in(1), call.optional(2)});
  if (type == ElementType::Undefined) return {y};
  if (!dtype_of(type)) call.unsupported("to " + element_name(type));
  return {call.cast(y, *dtype_of(type))};
}

ValueId dequantized(Call& call, ValueId codes, ValueId scale, ValueId zero_point, int64_t axis) {
  const DType dtype = call.dtype_of_value(codes);
  expect_integers(call, dtype);
  QuantizeAttrs attrs{axis, DType::UInt8};
  const auto rank = static_cast<int64_t>(call.dims_of(codes).size());
  const bool is_one = num_elements(call.dims_of(scale)) == 1;
  if (zero_point != kAbsent && is_one && num_elements(call.dims_of(zero_point)) > 1) {
    const Ints count{num_elements(call.dims_of(zero_point))};
    scale = call.op(OpKind::Expand, DimsAttrs{count}, {scale});
  } else if (is_one) {
    attrs.axis = 0;
  }
  if (attrs.axis < -rank || attrs.axis >= rank) attrs.axis = 0;
  return call.op(OpKind::DequantizeLinear, attrs, {codes, scale, zero_point});
}

ValueId quantized(Call& call, ValueId x, size_t i) {
  if (num_elements(call.dims(i)) != 1) call.unsupported("with several scales of its result");
  return call.op(OpKind::QuantizeLinear, QuantizeAttrs{0, DType::UInt8},
                 {x, call.in(i), call.in(i + 1)});
}

Results import_dynamic_quantize_linear(Call& call) {
  const ValueId x = call.in(0), zero = call.scalar(0, DType::Float32);
  const auto extreme = [&](ReduceFunction function, BinaryFunction with_zero) {
    return call.op(with_zero, call.reduce(function, x, {}, false), zero);
  };
  const ValueId high = extreme(ReduceFunction::Max, BinaryFunction::Max);
  const ValueId low = extreme(ReduceFunction::Min, BinaryFunction::Min);
  const ValueId scale = call.op(BinaryFunction::Div, call.op(BinaryFunction::Sub, high, low),
                                call.scalar(255, DType::Float32));
  const ValueId place = call.op(BinaryFunction::Div, call.op(UnaryFunction::Neg, low), scale);
  const ValueId bounded =
      call.op(OpKind::Clip, {}, {place, zero, call.scalar(255, DType::Float32)});
  const ValueId zero_point = call.cast(call.op(UnaryFunction::Round, bounded), DType::UInt8);
  return {call.op(OpKind::QuantizeLinear, QuantizeAttrs{0, DType::UInt8}, {x, scale, zero_point}),
          scale, zero_point};
}

}  // namespace vitro::onnx
