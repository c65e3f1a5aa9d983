#include <fmt/format.h>

#include "ops/case_list.h"

namespace vitro {
namespace {

void add_linear(CaseList& cases, const char* prefix, Dims dims, DType dtype) {
  const int64_t rows = dims[0], in = dims[1], out = dims[2];
  cases.add(OpKind::QuantizedLinear, fmt::format("{}{}x{}_to_{}", prefix, rows, in, out),
            [=](GraphBuilder& builder, Random& random) {
              std::vector<ValueId> operands{builder.input("x", {rows, in}),
                                            code_weight(builder, random, {out, in}, dtype)};
              for (ValueId id : quantization(builder, random, {out, in}, dtype))
                operands.push_back(id);
              return builder.op(OpKind::QuantizedLinear, {}, operands, "linear");
            });
}

void add_linears(CaseList& cases) {
  for (const int64_t in : {1, 3, 17, 64, 128, 320, 1283})
    for (const auto& [rows, out] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {5, 17}, {49, 64}, {35, 130}, {196, 33}})
      add_linear(cases, "", {rows, in, out}, DType::Int8);
  for (const Dims& dims : std::vector<Dims>{{3, 1, 5}, {5, 17, 3}, {49, 320, 64}, {35, 1283, 33}})
    add_linear(cases, "float8_", dims, DType::Float8E4M3);
}

void add_convolutions(CaseList& cases) {
  struct Case {
    Dims input, weight;
    ConvAttrs attrs;
    DType dtype = DType::Int8;
  };
  for (const Case& c : std::vector<Case>{
           {{1, 8, 12, 3}, {17, 4, 4, 3}, {{4, 4}, {}, {}, {}}},
           {{2, 6, 4, 64}, {128, 2, 2, 64}, {{2, 2}, {}, {}, {}}},
           {{2, 7, 9, 5}, {20, 3, 3, 5}, {{2, 1}, {}, {1, 1}, {1, 1}}},
           {{1, 6, 5, 33}, {16, 3, 2, 33}, {{1, 1}, {2, 1}, {2, 0}, {1, 1}}},
           {{1, 8, 12, 3}, {17, 4, 4, 3}, {{4, 4}, {}, {}, {}}, DType::Float8E4M3},
           {{2, 7, 9, 5}, {20, 3, 3, 5}, {{2, 1}, {}, {1, 1}, {1, 1}}, DType::Float8E4M3},
       })
    cases.add(OpKind::QuantizedConv,
              fmt::format("{}{}_by_{}", c.dtype == DType::Int8 ? "" : "float8_", to_string(c.input),
                          to_string(c.weight)),
              [c](GraphBuilder& builder, Random& random) {
                std::vector<ValueId> operands{builder.input("x", c.input),
                                              code_weight(builder, random, c.weight, c.dtype)};
                for (ValueId id : quantization(builder, random, c.weight, c.dtype))
                  operands.push_back(id);
                return builder.op(OpKind::QuantizedConv, c.attrs, operands, "conv");
              });
}

void quantize_some(GraphBuilder& builder, Random& random, std::vector<ValueId>& operands,
                   std::pair<size_t, size_t> weights, size_t at, int which) {
  if (which != 2) quantize(builder, random, operands, weights.first, at, DType::Int8);
  if (which != 1) quantize(builder, random, operands, weights.second, at + 3, DType::Int8);
}

constexpr const char* kWhich[] = {"both", "first", "second"};

void add_fused(CaseList& cases) {
  for (int which = 0; which < 3; ++which) {
    for (const int64_t c : {17, 64})
      cases.add(OpKind::Mlp, fmt::format("quantized_{}_{}", kWhich[which], c),
                [=](GraphBuilder& builder, Random& random) {
                  std::vector<ValueId> operands{
                      builder.input("x", {2, 35, c}), weight(builder, random, {4 * c, c}, c),
                      bias(builder, random, 4 * c), weight(builder, random, {c, 4 * c}, 4 * c),
                      bias(builder, random, c)};
                  quantize_some(builder, random, operands, {1, 3}, 5, which);
                  return builder.op(OpKind::Mlp, MlpAttrs{c == 64, 1e-6f}, operands, "mlp");
                });
    cases.add(OpKind::AttentionBlock, fmt::format("quantized_{}", kWhich[which]),
              [=](GraphBuilder& builder, Random& random) {
                std::vector<ValueId> operands{
                    builder.input("x", {2, 5, 7, 64}), weight(builder, random, {192, 64}, 64),
                    bias(builder, random, 192), weight(builder, random, {64, 64}, 64),
                    bias(builder, random, 64)};
                quantize_some(builder, random, operands, {1, 3}, 5, which);
                return builder.op(OpKind::AttentionBlock, AttentionBlockAttrs{2, 32, 0.2f, 1e-6f},
                                  operands, "block");
              });
    cases.add(OpKind::LocalMixer, fmt::format("quantized_{}", kWhich[which]),
              [=](GraphBuilder& builder, Random& random) {
                constexpr int64_t c = 64;
                std::vector<ValueId> operands{
                    builder.input("x", {2, 9, 7, c}),   weight(builder, random, {3, 3, c}, 9),
                    bias(builder, random, c),           weight(builder, random, {c, c}, c),
                    bias(builder, random, c),           weight(builder, random, {5, 5, c}, 25),
                    weight(builder, random, {c, c}, c), bias(builder, random, c)};
                quantize_some(builder, random, operands, {3, 6}, 8, which);
                return builder.op(OpKind::LocalMixer, {}, operands, "mixer");
              });
  }
}

void add_float8_mlp(CaseList& cases) {
  cases.add(OpKind::Mlp, "float8", [](GraphBuilder& builder, Random& random) {
    constexpr int64_t c = 64;
    std::vector<ValueId> operands{
        builder.input("x", {1, 35, c}), weight(builder, random, {2 * c, c}, c),
        bias(builder, random, 2 * c), weight(builder, random, {c, 2 * c}, 2 * c),
        bias(builder, random, c)};
    quantize(builder, random, operands, 1, 5, DType::Float8E4M3);
    quantize(builder, random, operands, 3, 8, DType::Float8E4M3);
    return builder.op(OpKind::Mlp, MlpAttrs{true, 1e-6f}, operands, "mlp");
  });
}

}  // namespace

void add_quantized_cases(CaseList& cases) {
  add_linears(cases);
  add_convolutions(cases);
  add_fused(cases);
  add_float8_mlp(cases);
}

}  // namespace vitro
