#include "ops/cases.h"

#include <fmt/ranges.h>

#include <array>

#include "ops/case_list.h"

namespace vitro {
namespace {

constexpr std::array<int64_t, 5> kChannels{1, 3, 17, 64, 320};

struct ConvCase {
  Dims input;   // [n, h, w, c]
  Dims weight;  // conv [out, kernel_h, kernel_w, in], depthwise_conv2d [kernel_h, kernel_w, c]
  Conv2dAttrs attrs;
  bool has_bias = true;
};

void add_convolution(CaseList& cases, OpKind kind, const ConvCase& c) {
  const auto& [stride, pad] = c.attrs;
  const std::string what =
      fmt::format("{}_w{}_s{}x{}_p{}{}", to_string(c.input), to_string(c.weight), stride[0],
                  stride[1], fmt::join(pad, "_"), c.has_bias ? "" : "_no_bias");
  cases.add(kind, what, [kind, c](GraphBuilder& builder, Random& random) {
    const bool depthwise = kind == OpKind::DepthwiseConv2d;
    const int64_t out = depthwise ? c.weight[2] : c.weight[0];
    const int64_t fan_in =
        depthwise ? c.weight[0] * c.weight[1] : num_elements(c.weight) / c.weight[0];
    std::vector<ValueId> operands{builder.input("x", c.input),
                                  weight(builder, random, c.weight, fan_in)};
    if (c.has_bias) operands.push_back(bias(builder, random, out));
    const auto& [s, p] = c.attrs;
    const ConvAttrs conv{{s[0], s[1]}, {}, {p[0], p[1]}, {p[2], p[3]}};
    return builder.op(kind, depthwise ? Attrs(c.attrs) : Attrs(conv), operands, "conv");
  });
}

Conv2dAttrs attrs(int64_t stride, int64_t pad) { return {{stride, stride}, {pad, pad, pad, pad}}; }

void add_conv_cases(CaseList& cases) {
  for (const ConvCase& c : std::vector<ConvCase>{
           {{1, 16, 24, 3}, {64, 4, 4, 3}, attrs(4, 0)},    // stem of the plain UniFormers
           {{3, 14, 14, 17}, {33, 2, 2, 17}, attrs(2, 0)},  // embedding between stages
           {{1, 14, 14, 64}, {128, 2, 2, 64}, attrs(2, 0)},
           {{2, 15, 13, 3}, {32, 3, 3, 3}, attrs(2, 1)},  // overlapping stem
           {{1, 7, 7, 64}, {64, 3, 3, 64}, attrs(2, 1)},
           {{1, 5, 7, 3}, {17, 3, 3, 3}, attrs(1, 1)},
           {{1, 5, 7, 3}, {17, 3, 3, 3}, attrs(1, 1), false},
           {{1, 1, 1, 1}, {1, 1, 1, 1}, attrs(1, 0)},
           {{1, 1, 1, 3}, {5, 3, 3, 3}, attrs(1, 1)},  // more padding than image
           {{3, 5, 7, 17}, {3, 1, 1, 17}, attrs(1, 0)},
           {{1, 9, 8, 5}, {7, 5, 3, 5}, {{2, 1}, {2, 1, 0, 2}}},  // nothing symmetric
           {{1, 9, 6, 320}, {3, 3, 3, 320}, attrs(3, 0)},
       })
    add_convolution(cases, OpKind::Conv, c);
}

void add_depthwise_cases(CaseList& cases) {
  for (const int64_t channels : kChannels)
    for (const int64_t kernel : {3, 5})
      add_convolution(cases, OpKind::DepthwiseConv2d,
                      {{1, 5, 7, channels}, {kernel, kernel, channels}, attrs(1, kernel / 2)});
  for (const ConvCase& c : std::vector<ConvCase>{
           {{3, 14, 14, 64}, {3, 3, 64}, attrs(1, 1)},
           {{3, 14, 14, 64}, {5, 5, 64}, attrs(1, 2), false},
           {{1, 1, 1, 17}, {3, 3, 17}, attrs(1, 1)},
           {{1, 1, 1, 64}, {5, 5, 64}, attrs(1, 2)},
           {{1, 2, 19, 16}, {5, 5, 16}, attrs(1, 2)},  // less rows than taps
           {{1, 7, 5, 48}, {3, 3, 48}, attrs(1, 0)},
           {{2, 9, 8, 17}, {3, 3, 17}, attrs(2, 1)},
           {{1, 9, 8, 20}, {5, 3, 20}, {{2, 1}, {2, 1, 0, 2}}, false},
           {{1, 8, 8, 24}, {1, 1, 24}, attrs(1, 0)},
           {{1, 14, 14, 40}, {7, 7, 40}, attrs(1, 3)},
       })
    add_convolution(cases, OpKind::DepthwiseConv2d, c);
}

struct LinearCase {
  Dims input;
  int64_t out;
  bool has_bias = true;
  Storage storage = kStorages[0];
};

void add_linear_cases(CaseList& cases) {
  std::vector<LinearCase> list;
  for (const int64_t in : kChannels)
    for (const int64_t out : kChannels) list.push_back({{1, 5, 7, in}, out});
  for (const Storage& storage : kStorages) {
    list.push_back({{1, 1}, 1, false, storage});
    list.push_back({{3, 512}, 1000, true, storage});
    list.push_back({{1, 196, 320}, 33, false, storage});
    list.push_back({{3, 49, 17}, 130, true, storage});
    list.push_back({{3, 14, 14, 64}, 256, true, storage});
    list.push_back({{320}, 64, true, storage});
  }
  for (const LinearCase& c : list) {
    const std::string what = fmt::format("{}_to_{}{}_{}", to_string(c.input), c.out,
                                         c.has_bias ? "" : "_no_bias", c.storage.name);
    cases.add(OpKind::Linear, what, [c](GraphBuilder& builder, Random& random) {
      const int64_t in = c.input.back();
      std::vector<ValueId> operands{builder.input("x", c.input),
                                    weight(builder, random, {c.out, in}, in, c.storage)};
      if (c.has_bias) operands.push_back(bias(builder, random, c.out));
      return builder.op(OpKind::Linear, {}, operands, "linear");
    });
  }
}

void add_norm_cases(CaseList& cases) {
  for (const int64_t c : kChannels) {
    const Dims dims{c == 64 ? 3 : 1, 5, 7, c};
    cases.add(OpKind::BatchNorm, to_string(dims), [dims, c](GraphBuilder& builder, Random& random) {
      std::vector<ValueId> operands{builder.input("x", dims),
                                    vector(builder, random, c, 0.5f, 1.5f)};
      for (int i = 0; i < 2; ++i) operands.push_back(bias(builder, random, c));  // bias, mean
      operands.push_back(vector(builder, random, c, 0.1f, 2.0f));                // variance
      return builder.op(OpKind::BatchNorm, NormAttrs{1e-5f}, operands, "norm");
    });
    for (const size_t num_operands : {size_t{3}, size_t{1}}) {
      const auto emit = [dims, c, num_operands](GraphBuilder& builder, Random& random) {
        std::vector<ValueId> operands{builder.input("x", dims)};
        if (num_operands > 1) operands.push_back(vector(builder, random, c, 0.5f, 1.5f));
        if (num_operands > 2) operands.push_back(bias(builder, random, c));
        return builder.op(OpKind::LayerNorm, NormAttrs{1e-6f}, operands, "norm");
      };
      const std::string what = to_string(dims) + (num_operands == 1 ? "_no_affine" : "");
      cases.add(OpKind::LayerNorm, what, emit);
      // Statistics must survive a mean that is large beside the deviation.
      if (c == 320) {
        OpCase& shifted = cases.add(OpKind::LayerNorm, what + "_large_mean", emit);
        shifted.low = 9.0f;
        shifted.high = 11.0f;
      }
    }
  }
}

void add_elementwise_cases(CaseList& cases) {
  for (const Dims& dims : std::vector<Dims>{{1}, {3, 5, 7, 17}, {1, 14, 14, 64}, {2, 49, 33}}) {
    OpCase& gelu = cases.add("gelu", to_string(dims), [dims](GraphBuilder& builder, Random&) {
      return builder.op(UnaryFunction::Gelu, builder.input("x", dims), "gelu");
    });
    // Far below zero gelu is accurate in absolute terms only (kGeluTail, the kernels' own test):
    // among other values that is enough, for a lone one it is not.
    gelu.low = num_elements(dims) == 1 ? 0.5f : -9.0f;
    gelu.high = 9.0f;
    for (const BinaryFunction function : {BinaryFunction::Add, BinaryFunction::Mul}) {
      const char* kind = function_names(function)[static_cast<size_t>(function)];
      cases.add(kind, to_string(dims), [=](GraphBuilder& builder, Random&) {
        const ValueId a = builder.input("a", dims);
        return builder.op(function, a, builder.input("b", dims), "op");
      });
      cases.add(kind, to_string(dims) + "_channels", [=](GraphBuilder& builder, Random& random) {
        const ValueId a = builder.input("a", dims);
        return builder.op(function, a, bias(builder, random, dims.back()), "op");
      });
      cases.add(kind, to_string(dims) + "_one_value", [=](GraphBuilder& builder, Random& random) {
        const ValueId a = builder.input("a", dims);
        return builder.op(function, a, bias(builder, random, 1), "op");
      });
    }
  }
  cases.add("mul", "with_itself", [](GraphBuilder& builder, Random&) {
    const ValueId a = builder.input("a", {3, 17});
    return builder.op(BinaryFunction::Mul, a, a, "op");
  });
}

void add_matmul_cases(CaseList& cases) {
  struct Shape {
    Dims batch;
    int64_t m, k, n;
  };
  for (const Shape& s : std::vector<Shape>{{{}, 1, 1, 1},
                                           {{}, 5, 7, 3},
                                           {{3}, 35, 17, 35},
                                           {{1, 5}, 49, 64, 49},
                                           {{1, 2}, 196, 32, 196},
                                           {{3, 2}, 35, 35, 1},
                                           {{1, 1}, 49, 320, 65}})
    for (const bool transpose_b : {false, true}) {
      Dims a = s.batch, b = s.batch;
      a.insert(a.end(), {s.m, s.k});
      if (transpose_b)
        b.insert(b.end(), {s.n, s.k});
      else
        b.insert(b.end(), {s.k, s.n});
      cases.add(OpKind::MatMul,
                to_string(a) + "_by_" + to_string(b) + (transpose_b ? "_transposed" : ""),
                [=](GraphBuilder& builder, Random&) {
                  const ValueId left = builder.input("a", a);
                  return builder.op(OpKind::MatMul, MatMulAttrs{transpose_b},
                                    {left, builder.input("b", b)}, "matmul");
                });
    }
}

void add_softmax_cases(CaseList& cases) {
  for (const Dims& dims : std::vector<Dims>{{1, 1}, {3, 17}, {1, 2, 49, 49}, {1, 1, 5, 196}, {35}})
    // Without subtracting the maximum, exp(100) is infinite.
    for (const float range : {1.0f, 100.0f}) {
      OpCase& softmax =
          cases.add(OpKind::Softmax, fmt::format("{}_range_{}", to_string(dims), range),
                    [dims](GraphBuilder& builder, Random&) {
                      const ValueId x = builder.input("x", dims);
                      return builder.op(OpKind::Softmax, {}, {x}, "softmax");
                    });
      softmax.low = -range;
      softmax.high = range;
    }
}

void add_unary(CaseList& cases, OpKind kind, const Dims& dims, const Attrs& op_attrs,
               const std::string& what) {
  cases.add(op_name(kind, op_attrs), to_string(dims) + "_" + what,
            [=](GraphBuilder& builder, Random&) {
              return builder.op(kind, op_attrs, {builder.input("x", dims)}, "op");
            });
}

void add_movement_cases(CaseList& cases) {
  for (const Dims& to : std::vector<Dims>{{0, -1, 6}, {105, 6}, {0, 0, 7, 3, 2}, {-1}})
    add_unary(cases, OpKind::Reshape, {3, 5, 7, 6}, ReshapeAttrs{to},
              fmt::format("to_{}", fmt::join(to, "_")));
  cases.add(OpKind::ReshapeLike, "tokens_to_image", [](GraphBuilder& builder, Random&) {
    const ValueId tokens = builder.input("tokens", {3, 35, 17});
    return builder.op(OpKind::ReshapeLike, {}, {tokens, builder.input("like", {3, 5, 7, 17})},
                      "op");
  });
  const std::vector<std::pair<Dims, Dims>> transposes{{{3, 3, 14, 10}, {0, 2, 3, 1}},
                                                      {{3, 5, 7, 17}, {0, 2, 1, 3}},
                                                      {{1, 35, 5, 64}, {0, 2, 1, 3}},
                                                      {{17, 33}, {1, 0}},
                                                      {{2, 3, 4, 5}, {3, 1, 0, 2}},
                                                      {{2, 3, 4, 5}, {0, 1, 2, 3}},
                                                      {{5}, {0}},
                                                      {{2, 3, 4, 5, 6}, {4, 2, 0, 1, 3}}};
  for (const auto& [dims, perm] : transposes)
    add_unary(cases, OpKind::Transpose, dims, TransposeAttrs{perm},
              fmt::format("to_{}", fmt::join(perm, "_")));
  struct Range {
    int64_t axis, begin, end;
  };
  for (const Range& s :
       {Range{0, 1, 3}, {1, 0, 1}, {2, 4, 7}, {3, 17, 34}, {3, 50, 51}, {3, 0, 51}})
    add_unary(cases, OpKind::Slice, {3, 5, 7, 51}, slice_of(s.axis, s.begin, s.end),
              fmt::format("axis_{}_from_{}_to_{}", s.axis, s.begin, s.end));
}

}  // namespace

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    CaseList list;
    add_conv_cases(list);
    add_depthwise_cases(list);
    add_linear_cases(list);
    add_norm_cases(list);
    add_elementwise_cases(list);
    add_matmul_cases(list);
    add_softmax_cases(list);
    add_movement_cases(list);
    add_function_cases(list);
    add_copy_cases(list);
    add_indexed_cases(list);
    add_window_cases(list);
    add_fused_cases(list);
    add_quantized_cases(list);
    return list.take();
  }();
  return cases;
}

std::vector<Tensor> case_inputs(const OpCase& op_case, const Graph& graph) {
  Random random(op_case.name + " inputs");
  std::vector<Tensor> inputs;
  for (const Port& port : graph.inputs)
    inputs.push_back(random.tensor(graph.value(port.value).type.dims, op_case.low, op_case.high));
  return inputs;
}

}  // namespace vitro
