#include <functional>
#include <numeric>

#include "frontend/onnx/table.h"
#include "frontend/onnx/windows.h"

namespace vitro::onnx {

namespace {

PoolAttrs attributes(Call& call, PoolFunction function) {
  const auto kernel = call.integers("kernel_shape");
  if (!kernel) call.invalid("attribute 'kernel_shape' is missing");
  const Windows windows = windows_of(call, *kernel, spatial_dims(call));
  PoolAttrs attrs{function,         windows.kernel,    windows.stride,
                  windows.dilation, windows.pad_begin, windows.pad_end};
  attrs.ceil_mode = call.flag("ceil_mode", false);
  return attrs;
}

}  // namespace

ValueId average_pool(Call& call, ValueId x) {
  PoolAttrs attrs = attributes(call, PoolFunction::Average);
  attrs.count_include_pad = call.flag("count_include_pad", false);
  return call.channels_first(call.op(OpKind::Pool, attrs, {call.channels_last(x)}));
}

Results import_pool(Call& call) {
  if (call.wants(1)) call.unsupported("with the positions of the maxima");
  call.ignore("storage_order");
  if (call.op_type() == "AveragePool") return {average_pool(call, call.in(0))};
  const ValueId x = call.channels_last(call.in(0));
  if (call.op_type() == "MaxPool")
    return {call.channels_first(call.op(OpKind::Pool, attributes(call, PoolFunction::Max), {x}))};
  PoolAttrs attrs = attributes(call, PoolFunction::Average);
  // LpPool: the p-th root of the sum of p-th powers.
  attrs.count_include_pad = true;
  if (attrs.ceil_mode) call.unsupported("ceil_mode");
  const DType dtype = call.dtype(0);
  const auto p = static_cast<double>(call.integer("p", 2));
  if (p < 1) call.invalid(fmt::format("p is {}", p));
  const double count =
      std::accumulate(attrs.kernel.begin(), attrs.kernel.end(), 1.0, std::multiplies<>());
  const ValueId powers =
      call.op(BinaryFunction::Pow, call.op(UnaryFunction::Abs, x), call.scalar(p, dtype));
  const ValueId sum = call.op(BinaryFunction::Mul, call.op(OpKind::Pool, attrs, {powers}),
                              call.scalar(count, dtype));
  return {call.channels_first(call.op(BinaryFunction::Pow, sum, call.scalar(1 / p, dtype)))};
}

}  // namespace vitro::onnx
