#include <array>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

constexpr std::array kReduce{
    std::pair{std::string_view("ReduceL1"), ReduceFunction::L1},
    std::pair{std::string_view("ReduceL2"), ReduceFunction::L2},
    std::pair{std::string_view("ReduceLogSum"), ReduceFunction::LogSum},
    std::pair{std::string_view("ReduceLogSumExp"), ReduceFunction::LogSumExp},
    std::pair{std::string_view("ReduceMax"), ReduceFunction::Max},
    std::pair{std::string_view("ReduceMean"), ReduceFunction::Mean},
    std::pair{std::string_view("ReduceMin"), ReduceFunction::Min},
    std::pair{std::string_view("ReduceProd"), ReduceFunction::Prod},
    std::pair{std::string_view("ReduceSum"), ReduceFunction::Sum},
    std::pair{std::string_view("ReduceSumSquare"), ReduceFunction::SumSquare},
};

}  // namespace

Results import_reduce(Call& call) {
  ReduceFunction function{};
  for (const auto& [op, value] : kReduce)
    if (op == call.op_type()) function = value;
  const bool keep = call.flag("keepdims", true),
             keeps_all = call.flag("noop_with_empty_axes", false);
  Ints axes = call.integers("axes").value_or(Ints{});
  if (call.has(1)) axes = call.ints(1, "axes");
  if (axes.empty() && keeps_all) {
    // Over no axes: of each element alone.
    const ValueId x = call.unsqueeze(call.in(0), {0});
    return {call.reduce(function, x, {0}, false)};
  }
  return {call.reduce(function, call.in(0), axes, keep)};
}

Results import_arg(Call& call) {
  ArgAttrs attrs{call.op_type() == "ArgMax" ? ArgFunction::Max : ArgFunction::Min};
  attrs.axis = call.integer("axis", 0);
  attrs.keep_dims = call.flag("keepdims", true);
  attrs.last = call.flag("select_last_index", false);
  return {call.op(OpKind::Arg, attrs, {call.in(0)})};
}

Results import_cum_sum(Call& call) {
  const Ints axis = call.ints(1, "the axis");
  if (axis.size() != 1) call.invalid(fmt::format("{} axes", axis.size()));
  const CumSumAttrs attrs{axis[0], call.flag("exclusive", false), call.flag("reverse", false)};
  return {call.op(OpKind::CumSum, attrs, {call.in(0)})};
}

Results import_top_k(Call& call) {
  TopKAttrs attrs{call.integer("axis", -1), 1, call.flag("largest", true)};
  call.ignore("sorted");  // sorted is one of the orders that the others may have
  std::vector<ValueId> operands{call.in(0)};
  if (call.opset() < 10) {
    attrs.k = call.integer("k");
  } else if (const auto k = call.known_ints(1)) {
    if (k->size() != 1) call.invalid(fmt::format("{} values of k", k->size()));
    attrs.k = k->front();
  } else {
    operands.push_back(call.cast(call.in(1), DType::Int64));
  }
  return call.ops(OpKind::TopK, attrs, operands, 2);
}

Results import_global_pool(Call& call) {
  Ints axes;
  for (int64_t i = 2; i < call.rank(0); ++i) axes.push_back(i);
  ReduceFunction function = ReduceFunction::Mean;
  if (call.op_type() == "GlobalMaxPool") function = ReduceFunction::Max;
  if (call.op_type() == "GlobalLpPool") {
    const int64_t p = call.integer("p", 2);
    if (p != 1 && p != 2) call.unsupported(fmt::format("p is {}", p));
    function = p == 1 ? ReduceFunction::L1 : ReduceFunction::L2;
  }
  if (axes.empty()) call.invalid("expected spatial axes");
  return {call.reduce(function, call.in(0), axes, true)};
}

Results import_hardmax(Call& call) {
  const int64_t rank = call.rank(0), axis = call.axis(call.integer("axis", -1), rank);
  if (call.opset() < 13 && axis != rank - 1) call.unsupported("over several axes");
  const ValueId best = call.op(OpKind::Arg, ArgAttrs{ArgFunction::Max, axis, true}, {call.in(0)});
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  const ValueId extent =
      call.squeeze(call.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape}), {0});
  const ValueId zero = call.squeeze(call.integers_of({0}), {0}),
                one = call.squeeze(call.integers_of({1}), {0});
  ValueId places = call.op(OpKind::Range, {}, {zero, extent, one});
  Ints after;
  for (int64_t i = 1; i < rank - axis; ++i) after.push_back(i);
  if (!after.empty()) places = call.unsqueeze(places, after);
  return {call.cast(call.op(CompareFunction::Equal, best, places), call.dtype(0))};
}

}  // namespace vitro::onnx
