#include <fmt/ranges.h>

#include <algorithm>

#include "ops/case_list.h"

namespace vitro {
namespace {

/// A function where its values are near 1, and its slope not much larger.
struct UnaryCase {
  UnaryAttrs attrs;
  float low = -7.0f, high = 7.0f;
};

std::vector<UnaryCase> unary_functions() {
  using enum UnaryFunction;
  return {{{Relu}},
          {{Sigmoid}},
          {{Tanh}},
          {{HardSigmoid, 0.2f, 0.4f}},
          {{HardSwish}},
          {{Silu}},
          {{GeluTanh}},
          {{Exp}},
          {{Log}, 0.1f, 9.0f},
          {{Sqrt}, 0.0f, 9.0f},
          {{Rsqrt}, 0.1f, 9.0f},
          {{Reciprocal}, 0.1f, 4.0f},
          {{Neg}},
          {{Abs}},
          {{Erf}},
          {{Floor}},
          {{Ceil}},
          {{Round}},
          {{Sign}},
          {{Mish}},
          {{Elu, 0.7f}},
          {{Celu, 1.3f}},
          {{Selu}},
          {{LeakyRelu, 0.1f}},
          {{ThresholdedRelu, 0.5f}},
          {{Softplus}},
          {{Softsign}},
          {{Sin}},
          {{Cos}},
          {{Tan}, -1.2f, 1.2f},
          {{Asin}, -1.0f, 1.0f},
          {{Acos}, -1.0f, 1.0f},
          {{Atan}},
          {{Sinh}},
          {{Cosh}},
          {{Asinh}},
          {{Acosh}, 1.1f, 9.0f},
          {{Atanh}, -0.9f, 0.9f}};
}

void add_unary_cases(CaseList& cases) {
  for (const Dims& dims : std::vector<Dims>{{1}, {3, 5, 7, 17}, {2, 13, 12, 64}})
    for (const UnaryCase& function : unary_functions()) {
      OpCase& unary =
          cases.add(op_name(OpKind::Unary, function.attrs), to_string(dims),
                    [dims, attrs = function.attrs](GraphBuilder& builder, Random&) {
                      return builder.op(OpKind::Unary, attrs, {builder.input("x", dims)}, "op");
                    });
      unary.low = num_elements(dims) == 1 ? std::max(0.5f, function.low) : function.low;
      unary.high = function.high;
    }
  for (const Dims& dims : std::vector<Dims>{{17}, {1, 9, 7, 40}})
    for (const int bounds : {1, 2, 3}) {
      const auto emit = [=](GraphBuilder& builder, Random&) {
        std::vector<ValueId> operands{builder.input("x", dims), kAbsent, kAbsent};
        if (bounds & 1) operands[1] = builder.constant("low", scalar(-0.25f));
        if (bounds & 2) operands[2] = builder.constant("high", scalar(0.5f));
        if (!(bounds & 2)) operands.pop_back();
        return builder.op(OpKind::Clip, {}, operands, "op");
      };
      cases.add(OpKind::Clip, fmt::format("{}_bounds_{}", to_string(dims), bounds), emit);
    }
}

/// Whether an operand of extents `from` repeats to `to`, which stay as they are.
bool repeats_to(const Dims& from, const Dims& to) {
  return from.size() <= to.size() &&
         std::equal(from.rbegin(), from.rend(), to.rbegin(),
                    [](int64_t a, int64_t b) { return a == 1 || a == b; });
}

void add_binary_cases(CaseList& cases) {
  using enum BinaryFunction;
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{3, 5, 7, 17}, {3, 1, 1, 17}},  // squeeze and excite
      {{3, 1, 1, 17}, {3, 5, 7, 17}},
      {{2, 14, 15, 64}, {2, 1, 1, 64}},
      {{4, 3, 49, 49}, {3, 49, 49}},     // relative positions
      {{8, 3, 49, 49}, {8, 1, 49, 49}},  // the mask of windows
      {{5, 1, 7}, {1, 3, 7}},            // both repeat
      {{5, 7, 1}, {5, 1, 9}},
      {{1}, {3, 5}},
      {{2, 9, 7, 6, 5}, {2, 1, 1, 6, 1}},  // of groups
      {{2, 1, 1, 6, 1}, {2, 9, 7, 6, 5}},
      {{3, 25, 4, 5, 3}, {25, 1, 5, 1}},
      {{3, 5}, {}},
      {{2, 3, 4, 1}, {2, 3, 4, 5}},
      {{2, 35, 33}, {2, 35, 33}},
      {{1, 1}, {1}},
  };
  for (const BinaryFunction function : {Add, Sub, Mul, Div, Min, Max, Pow, Mod, Fmod, PRelu})
    for (const auto& [a, b] : shapes) {
      if (function == PRelu && !repeats_to(b, a)) continue;
      const char* name = op_name(OpKind::Binary, BinaryAttrs{function});
      OpCase& binary = cases.add(name, fmt::format("{}_and_{}", to_string(a), to_string(b)),
                                 [=, a = a, b = b](GraphBuilder& builder, Random&) {
                                   const ValueId left = builder.input("a", a);
                                   return builder.op(function, left, builder.input("b", b), "op");
                                 });
      const bool divides =
          function == Div || function == Pow || function == Mod || function == Fmod;
      binary.low = divides ? 0.5f : -2.0f;
      binary.high = 2.0f;
    }
}

void add_group_norm_cases(CaseList& cases) {
  for (const auto& [dims, groups] : std::vector<std::pair<Dims, int64_t>>{{{2, 7, 9, 24}, 1},
                                                                          {{1, 20, 11, 140}, 4},
                                                                          {{3, 5, 17}, 17},
                                                                          {{1, 1, 1, 6}, 2},
                                                                          {{2, 40, 33, 32}, 1}})
    for (const size_t operands : {1, 2, 3}) {
      OpCase& norm = cases.add(
          OpKind::GroupNorm, fmt::format("{}_in_{}_operands_{}", to_string(dims), groups, operands),
          [=, dims = dims, groups = groups](GraphBuilder& builder, Random& random) {
            std::vector<ValueId> values{builder.input("x", dims)};
            if (operands > 1) values.push_back(vector(builder, random, dims.back(), 0.5f, 1.5f));
            if (operands > 2) values.push_back(bias(builder, random, dims.back()));
            return builder.op(OpKind::GroupNorm, GroupNormAttrs{groups, 1e-5f}, values, "norm");
          });
      norm.low = 1.0f;
      norm.high = 4.0f;
    }
}

void add_reduce_cases(CaseList& cases) {
  using enum ReduceFunction;
  const std::vector<std::pair<Dims, Dims>> reductions{{{3, 5, 7, 17}, {1, 2}},
                                                      {{3, 5, 7, 17}, {3}},
                                                      {{3, 5, 7, 17}, {0}},
                                                      {{3, 5, 7, 17}, {2, 0}},
                                                      {{3, 5, 7, 17}, {0, 1, 2, 3}},
                                                      {{4, 2, 3, 5, 2}, {1, 0, 3}},
                                                      {{1, 14, 14, 8, 6}, {1, 2, 4}},
                                                      {{2, 56, 56, 8, 3}, {1, 2, 4}},
                                                      {{2, 3, 150, 4, 5, 3}, {0, 2, 4}},
                                                      {{3, 9, 150}, {0, 2}},
                                                      {{40, 70, 4}, {1}},
                                                      {{2, 271, 12}, {1}},
                                                      {{1, 7, 7, 512}, {1, 2}},
                                                      {{1, 56, 56, 48}, {1, 2}},
                                                      {{3, 40, 45, 33}, {1, 2}},
                                                      {{2, 1, 1, 320}, {1, 2}},
                                                      {{2, 33, 4, 65}, {3}},
                                                      {{2, 3, 9, 40}, {2}},
                                                      {{5, 1, 3}, {1}},
                                                      {{1, 1}, {0}}};
  for (const ReduceFunction f : {Mean, Max, Min, Sum, Prod, L1, L2, SumSquare, LogSum, LogSumExp})
    for (const auto& [dims, axes] : reductions) {
      OpCase& reduce = cases.add(op_name(OpKind::Reduce, ReduceAttrs{.function = f, .axes = {}}),
                                 fmt::format("{}_over_{}", to_string(dims), fmt::join(axes, "_")),
                                 [=, dims = dims, axes = axes](GraphBuilder& builder, Random&) {
                                   return builder.op(OpKind::Reduce, ReduceAttrs{f, axes},
                                                     {builder.input("x", dims)}, "op");
                                 });
      // Sums of both signs may cancel to nothing, of which no digits are right.
      reduce.low = f == Sum || f == Mean ? -0.5f : -1.0f;
      if (f == Prod) reduce.low = 0.95f, reduce.high = 1.05f;  // the product is near 1, too
      if (f == LogSum) reduce.low = 1.5f, reduce.high = 2.5f;  // logarithms are away from 0
    }
  for (const auto& [dims, axis] : std::vector<std::pair<Dims, int64_t>>{
           {{2, 7, 33}, 1}, {{3, 5, 17}, 0}, {{3, 5, 17}, 2}, {{2, 49, 3, 1}, 1}, {{9, 1}, 0}})
    for (const int flags : {0, 1, 2, 3})
      cases.add(OpKind::CumSum, fmt::format("{}_axis_{}_flags_{}", to_string(dims), axis, flags),
                [=, dims = dims, axis = axis](GraphBuilder& builder, Random&) {
                  const CumSumAttrs attrs{axis, (flags & 1) != 0, (flags & 2) != 0};
                  return builder.op(OpKind::CumSum, attrs, {builder.input("x", dims)}, "op");
                });
}

/// Over other axes than the last one.
void add_axis_cases(CaseList& cases) {
  for (const auto& [dims, axis] : std::vector<std::pair<Dims, int64_t>>{{{2, 7, 33}, 1},
                                                                        {{3, 5, 7, 17}, 0},
                                                                        {{3, 5, 7, 17}, -3},
                                                                        {{2, 49, 3, 1}, 1},
                                                                        {{3, 98, 98, 4}, 2},
                                                                        {{2, 50, 6}, 1},
                                                                        {{9, 1}, 0},
                                                                        {{5, 40}, 1}})
    for (const float range : {1.0f, 100.0f})
      for (const OpKind kind : {OpKind::Softmax, OpKind::LogSoftmax}) {
        OpCase& softmax = cases.add(
            kind, fmt::format("{}_axis_{}_range_{}", to_string(dims), axis + 4, range),
            [dims = dims, axis = axis, kind](GraphBuilder& builder, Random&) {
              return builder.op(kind, SoftmaxAttrs{axis}, {builder.input("x", dims)}, "op");
            });
        softmax.low = -range;
        softmax.high = range;
      }
  for (const int64_t axes : {2, 3})
    for (const bool affine : {false, true})
      cases.add(
          OpKind::LayerNorm, fmt::format("over_{}{}", axes, affine ? "_affine" : ""),
          [=](GraphBuilder& builder, Random& random) {
            const Dims dims{3, 5, 7, 6};
            const Dims last(dims.end() - axes, dims.end());
            std::vector<ValueId> operands{builder.input("x", dims)};
            for (int i = 0; affine && i < 2; ++i)
              operands.push_back(builder.constant("vector", random.constant(last, -0.5f, 1.5f)));
            return builder.op(OpKind::LayerNorm, NormAttrs{1e-5f, axes}, operands, "norm");
          });
}

}  // namespace

void add_function_cases(CaseList& cases) {
  add_group_norm_cases(cases);
  add_axis_cases(cases);
  add_reduce_cases(cases);
  add_unary_cases(cases);
  add_binary_cases(cases);
}

}  // namespace vitro
