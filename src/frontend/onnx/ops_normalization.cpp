#include <numeric>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

/// Of axes from `axis` on, which the first opsets take together.
ValueId over_the_rest(Call& call, OpKind kind) {
  const ValueId x = call.in(0);
  const int64_t rank = call.rank(0), axis = call.axis(call.integer("axis", 1), rank);
  if (axis == rank - 1) return call.op(kind, SoftmaxAttrs{-1}, {x});
  const ValueId shape = call.op(OpKind::Shape, {}, {x});
  const ValueId rows =
      axis == 0 ? call.integers_of({1})
                : call.reduce(ReduceFunction::Prod,
                              call.op(OpKind::Slice, slice_of(0, 0, axis), {shape}), {0}, true);
  const ValueId dims = call.op(OpKind::Concat, AxisAttrs{0}, {rows, call.integers_of({-1})});
  const ValueId flat = call.op(OpKind::Reshape, ReshapeAttrs{}, {x, dims});
  return call.op(OpKind::ReshapeLike, {}, {call.op(kind, SoftmaxAttrs{-1}, {flat}), x});
}

Ints axes_from(int64_t axis, int64_t rank) {
  Ints axes;
  for (int64_t i = axis; i < rank; ++i) axes.push_back(i);
  return axes;
}

/// x * scale + bias, whose axes are the last ones of x.
ValueId affine(Call& call, ValueId x, ValueId scale, ValueId bias) {
  const DType dtype = call.dtype_of_value(x);
  const ValueId scaled = call.op(BinaryFunction::Mul, x, call.cast(scale, dtype));
  return bias == kAbsent ? scaled : call.op(BinaryFunction::Add, scaled, call.cast(bias, dtype));
}

void expect_channels(Call& call) {
  if (call.rank(0) < 2)
    call.invalid(fmt::format("input is {}, expected [n, c, ...]", to_string(call.dims(0))));
}

ValueId group_norm(Call& call, int64_t groups, ValueId scale, ValueId bias) {
  const float eps = call.number("epsilon", 1e-5f);
  const ValueId x = call.channels_last(call.in(0));
  const DType dtype = call.dtype(0);
  return call.channels_first(call.op(OpKind::GroupNorm, GroupNormAttrs{groups, eps},
                                     {x, call.cast(scale, dtype), call.cast(bias, dtype)}));
}

}  // namespace

Results import_softmax(Call& call) {
  return {call.op(OpKind::Softmax, SoftmaxAttrs{call.integer("axis", -1)}, {call.in(0)})};
}
Results import_softmax_1(Call& call) { return {over_the_rest(call, OpKind::Softmax)}; }

Results import_log_softmax(Call& call) {
  return {call.op(OpKind::LogSoftmax, SoftmaxAttrs{call.integer("axis", -1)}, {call.in(0)})};
}
Results import_log_softmax_1(Call& call) { return {over_the_rest(call, OpKind::LogSoftmax)}; }

namespace {

/// With statistics of the batch, as networks that standardise their weights have it of these.
Results norm_of_batch(Call& call) {
  expect_channels(call);
  const DType dtype = call.dtype(0);
  const ValueId x = call.channels_last(call.in(0));
  Ints axes(call.dims_of(x).size() - 1);
  std::iota(axes.begin(), axes.end(), 0);
  const auto mean_of = [&](ValueId of) {
    return call.reduce(ReduceFunction::Mean, of, axes, false);
  };
  const ValueId mean = mean_of(x), centred = call.op(BinaryFunction::Sub, x, mean);
  const ValueId variance = mean_of(call.op(BinaryFunction::Mul, centred, centred));
  const ValueId factor = call.op(
      UnaryFunction::Rsqrt,
      call.op(BinaryFunction::Add, variance, call.scalar(call.number("epsilon", 1e-5f), dtype)));
  const ValueId y =
      affine(call, call.op(BinaryFunction::Mul, centred, factor), call.in(1), call.in(2));
  Results results{call.channels_first(y)};
  const double momentum = call.number("momentum", 0.9f);
  const auto running = [&](ValueId before, ValueId now) {
    const auto part = [&](ValueId of, double weight) {
      return call.op(BinaryFunction::Mul, call.cast(of, dtype), call.scalar(weight, dtype));
    };
    return call.op(BinaryFunction::Add, part(before, momentum), part(now, 1 - momentum));
  };
  if (call.wants(1)) results.push_back(running(call.in(3), mean));
  if (call.wants(2)) results.push_back(running(call.in(4), variance));
  return results;
}

}  // namespace

Results import_batch_normalization(Call& call) {
  if (call.flag("training_mode", false)) return norm_of_batch(call);
  if (call.wants(1)) call.unsupported("in training mode, which opsets before 14 do not name");
  if (call.opset() < 9 && !call.flag("spatial", true)) call.unsupported("spatial is 0");
  call.ignore("momentum");
  const NormAttrs attrs{call.number("epsilon", 1e-5f), 1};
  std::vector<ValueId> operands{call.channels_last(call.in(0))};
  for (size_t i = 1; i < 5; ++i) operands.push_back(call.cast(call.in(i), call.dtype(0)));
  return {call.channels_first(call.op(OpKind::BatchNorm, attrs, operands))};
}

Results import_layer_normalization(Call& call) {
  const ValueId x = call.in(0);
  const int64_t rank = call.rank(0), axis = call.axis(call.integer("axis", -1), rank);
  const float eps = call.number("epsilon", 1e-5f);
  call.ignore("stash_type");
  const Dims trailing(call.dims(0).begin() + axis, call.dims(0).end());
  const NormAttrs attrs{eps, rank - axis};
  const bool fits = call.dims(1) == trailing && (!call.has(2) || call.dims(2) == trailing) &&
                    call.builder().value(call.in(1)).constant;
  Results results;
  if (fits) {
    const DType dtype = call.dtype(0);
    const ValueId bias =
        call.has(2) ? call.in(2)
                    : call.op(OpKind::ConstantOfShape, FillAttrs{dtype, 0.0, trailing}, {});
    results.push_back(call.op(OpKind::LayerNorm, attrs,
                              {x, call.cast(call.in(1), dtype), call.cast(bias, dtype)}));
  } else {
    results.push_back(
        affine(call, call.op(OpKind::LayerNorm, attrs, {x}), call.in(1), call.optional(2)));
  }
  if (!call.wants(1) && !call.wants(2)) return results;
  const Ints axes = axes_from(axis, rank);
  const ValueId wide = call.cast(x, DType::Float32);
  const ValueId mean = call.reduce(ReduceFunction::Mean, wide, axes, true);
  const ValueId centred = call.op(BinaryFunction::Sub, wide, mean);
  const ValueId square = call.op(BinaryFunction::Mul, centred, centred);
  const ValueId variance =
      call.op(BinaryFunction::Add, call.reduce(ReduceFunction::Mean, square, axes, true),
              call.scalar(eps, DType::Float32));
  results.push_back(mean);
  results.push_back(call.op(UnaryFunction::Rsqrt, variance));
  return results;
}

Results import_rms_normalization(Call& call) {
  const ValueId x = call.cast(call.in(0), DType::Float32);
  const int64_t rank = call.rank(0), axis = call.axis(call.integer("axis", -1), rank);
  call.ignore("stash_type");
  const ValueId square = call.op(BinaryFunction::Mul, x, x);
  const ValueId mean = call.reduce(ReduceFunction::Mean, square, axes_from(axis, rank), true);
  const ValueId eps = call.scalar(call.number("epsilon", 1e-5f), DType::Float32);
  const ValueId factor = call.op(UnaryFunction::Rsqrt, call.op(BinaryFunction::Add, mean, eps));
  const ValueId normal = call.cast(call.op(BinaryFunction::Mul, x, factor), call.dtype(0));
  return {affine(call, normal, call.in(1), kAbsent)};
}

Results import_instance_normalization(Call& call) {
  expect_channels(call);
  return {group_norm(call, call.dims(0)[1], call.in(1), call.in(2))};
}

Results import_group_normalization(Call& call) {
  call.ignore("stash_type");
  return {group_norm(call, call.integer("num_groups"), call.in(1), call.in(2))};
}

Results import_group_normalization_18(Call& call) {
  const int64_t groups = call.integer("num_groups");
  if (groups < 1 || call.rank(0) < 2 || call.dims(0)[1] % groups != 0)
    call.invalid(fmt::format("{} groups of {}", groups, to_string(call.dims(0))));
  // A factor for each group, here for each of its channels.
  const int64_t channels = call.dims(0)[1] / groups;
  const auto of_channels = [&](size_t i) {
    const ValueId wide =
        call.op(OpKind::Expand, DimsAttrs{{groups, channels}}, {call.unsqueeze(call.in(i), {1})});
    return call.reshape(wide, {-1});
  };
  return {group_norm(call, groups, of_channels(1), of_channels(2))};
}

Results import_lp_normalization(Call& call) {
  const int64_t p = call.integer("p", 2);
  if (p != 1 && p != 2) call.unsupported(fmt::format("p is {}", p));
  const auto function = p == 1 ? ReduceFunction::L1 : ReduceFunction::L2;
  const ValueId norm = call.reduce(function, call.in(0), {call.integer("axis", -1)}, true);
  const ValueId zero = call.scalar(0, call.dtype(0)), one = call.scalar(1, call.dtype(0));
  // What has no length stays 0.
  const ValueId divisor =
      call.op(OpKind::Where, {}, {call.op(CompareFunction::Equal, norm, zero), one, norm});
  return {call.op(BinaryFunction::Div, call.in(0), divisor)};
}

Results import_lrn(Call& call) {
  const ValueId x = call.channels_last(call.in(0));
  const DType dtype = call.dtype(0);
  const int64_t size = call.integer("size");
  const float alpha = call.number("alpha", 1e-4f), beta = call.number("beta", 0.75f),
              bias = call.number("bias", 1.0f);
  if (size < 1) call.invalid(fmt::format("size {}", size));
  PoolAttrs window{PoolFunction::Average, {size}, {1}, {}, {(size - 1) / 2}, {size / 2}};
  window.count_include_pad = true;
  // Along the channels, which are the only spatial axis here.
  const ValueId rows =
      call.reshape(call.op(BinaryFunction::Mul, x, x), {-1, call.dims_of(x).back(), 1});
  const ValueId mean = call.op(OpKind::ReshapeLike, {}, {call.op(OpKind::Pool, window, {rows}), x});
  const ValueId scaled =
      call.op(BinaryFunction::Add, call.op(BinaryFunction::Mul, mean, call.scalar(alpha, dtype)),
              call.scalar(bias, dtype));
  const ValueId divisor = call.op(BinaryFunction::Pow, scaled, call.scalar(beta, dtype));
  return {call.channels_first(call.op(BinaryFunction::Div, x, divisor))};
}

Results import_mean_variance_normalization(Call& call) {
  const ValueId x = call.in(0);
  const Ints axes = call.integers("axes").value_or(Ints{0, 2, 3});
  const ValueId mean = call.reduce(ReduceFunction::Mean, x, axes, true);
  const ValueId centred = call.op(BinaryFunction::Sub, x, mean);
  const ValueId square = call.op(BinaryFunction::Mul, centred, centred);
  const ValueId deviation =
      call.op(UnaryFunction::Sqrt, call.reduce(ReduceFunction::Mean, square, axes, true));
  const ValueId eps = call.scalar(1e-9, call.dtype(0));
  return {call.op(BinaryFunction::Div, centred, call.op(BinaryFunction::Add, deviation, eps))};
}

}  // namespace vitro::onnx
