#include <fmt/ranges.h>

#include <array>

#include "ops/case_list.h"

namespace vitro {
namespace {

void add_one(CaseList& cases, OpKind kind, const Dims& dims, const Attrs& attrs,
             const std::string& what) {
  cases.add(kind, to_string(dims) + "_" + what, [=](GraphBuilder& builder, Random&) {
    return builder.op(kind, attrs, {builder.input("x", dims)}, "op");
  });
}

void add_transposes(CaseList& cases) {
  for (const auto& [dims, perm] :
       std::vector<std::pair<Dims, Dims>>{{{2, 2, 7, 3, 7, 24}, {0, 1, 3, 2, 4, 5}},  // to windows
                                          {{2, 49, 3, 4, 17}, {2, 0, 3, 1, 4}},       // to heads
                                          {{3, 5, 49, 32}, {0, 1, 3, 2}},             // keys
                                          {{2, 70, 9, 11}, {0, 2, 3, 1}},  // to channels last
                                          {{2, 9, 11, 70}, {0, 3, 1, 2}},  // and first
                                          {{131, 67}, {1, 0}},
                                          {{2, 3, 5, 2}, {3, 2, 1, 0}}})
    add_one(cases, OpKind::Transpose, dims, TransposeAttrs{perm},
            fmt::format("perm_{}", fmt::join(perm, "")));
}

void add_slices(CaseList& cases) {
  const auto add = [&](const Dims& dims, const SliceAttrs& attrs, const char* what) {
    add_one(cases, OpKind::Slice, dims, attrs, what);
  };
  add({2, 14, 9, 24}, {{1}, {3}, {14}, {}}, "rolled");
  add({2, 14, 9, 24}, {{1, 2}, {2, 1}, {13, 8}, {}}, "inner");
  add({1, 14, 14, 17}, {{1, 2}, {0, 1}, {14, 14}, {2, 2}}, "every_second");
  add({3, 7, 6}, {{2}, {5}, {-100}, {-2}}, "backwards");
  add({3, 7, 60}, {{2}, {20}, {40}, {}}, "channels");
}

void add_joins(CaseList& cases) {
  for (const int64_t axis : {0, 1, 2, 3})
    cases.add(OpKind::Concat, fmt::format("axis_{}", axis), [=](GraphBuilder& builder, Random&) {
      std::vector<ValueId> operands;
      for (const int64_t extent : {3, 1, 17}) {
        Dims dims{2, 5, 9, 20};
        dims[static_cast<size_t>(axis)] = extent;
        operands.push_back(builder.input(fmt::format("x{}", extent), dims));
      }
      return builder.op(OpKind::Concat, AxisAttrs{axis}, operands, "op");
    });
  add_one(cases, OpKind::Pad, {2, 9, 10, 17},
          PadAttrs{PadMode::Constant, {0, 1, 0, 0}, {0, 2, 3, 0}, 0.0}, "zeros");
  add_one(cases, OpKind::Pad, {2, 9, 10, 17},
          PadAttrs{PadMode::Constant, {0, -1, 2, 3}, {1, 2, -3, 0}, 0.5}, "crops_too");
  add_one(cases, OpKind::Pad, {1, 4, 5}, PadAttrs{PadMode::Constant, {0, 0, 0}, {0, 0, 0}, 1.0},
          "nothing");
  for (const auto& [mode, name] :
       {std::pair{PadMode::Reflect, "reflect"}, {PadMode::Edge, "edge"}, {PadMode::Wrap, "wrap"}}) {
    add_one(cases, OpKind::Pad, {2, 5, 4, 17}, PadAttrs{mode, {0, 2, 3, 0}, {0, 4, 1, 0}, 0.0},
            name);
    add_one(cases, OpKind::Pad, {3, 7}, PadAttrs{mode, {1, -2}, {2, 5}, 0.0},
            fmt::format("{}_crops_too", name));
  }
  for (const auto& [from, to] : std::vector<std::pair<Dims, Dims>>{
           {{1, 1, 70}, {3, 5, 70}}, {{7, 1}, {2, 7, 9}}, {{1}, {33}}, {{2, 3}, {2, 3}}})
    add_one(cases, OpKind::Expand, from, DimsAttrs{to}, fmt::format("to_{}", fmt::join(to, "_")));
  for (const auto& [dims, repeats] : std::vector<std::pair<Dims, Ints>>{
           {{2, 3, 8}, {1, 2, 3}}, {{5, 7}, {3, 1}}, {{1, 9}, {4, 1}}, {{6}, {1}}})
    add_one(cases, OpKind::Tile, dims, DimsAttrs{repeats},
            fmt::format("by_{}", fmt::join(repeats, "_")));
}

void add_choices(CaseList& cases) {
  for (const auto& [condition, a, b] :
       std::vector<std::array<Dims, 3>>{{{{3, 5, 16}, {3, 5, 16}, {3, 5, 16}}},
                                        {{{5, 1}, {3, 1, 7}, {1}}},
                                        {{{1}, {4, 9}, {4, 9}}}})
    cases.add(OpKind::Where,
              fmt::format("{}_of_{}_and_{}", to_string(condition), to_string(a), to_string(b)),
              [=, condition = condition, a = a, b = b](GraphBuilder& builder, Random& random) {
                Ints flags(static_cast<size_t>(num_elements(condition)));
                for (int64_t& flag : flags) flag = random.integer(0, 1);
                const ValueId where =
                    builder.constant("where", make_constant(condition, flags, DType::Bool));
                const ValueId yes = builder.input("a", a);
                return builder.op(OpKind::Where, {}, {where, yes, builder.input("b", b)}, "op");
              });
}

void add_batched_products(CaseList& cases) {
  struct Shape {
    Dims a, b;  ///< as they are without transposition
  };
  for (const Shape& s : std::vector<Shape>{{{4, 3, 49, 32}, {4, 3, 32, 49}},
                                           {{4, 1, 13, 17}, {1, 3, 17, 21}},
                                           {{6, 35, 20}, {20, 33}},  // one matrix for all
                                           {{2, 3, 1, 64}, {2, 3, 64, 70}},
                                           {{96, 130}, {130, 200}},
                                           {{35, 20}, {6, 20, 33}}})
    for (const int transposed : {0, 1, 2, 3}) {
      const bool ta = transposed & 1, tb = transposed & 2;
      Dims a = s.a, b = s.b;
      if (ta) std::swap(a[a.size() - 2], a.back());
      if (tb) std::swap(b[b.size() - 2], b.back());
      cases.add(OpKind::MatMul,
                fmt::format("batched_{}_{}{}{}", to_string(a), to_string(b), ta ? "_ta" : "",
                            tb ? "_tb" : ""),
                [=](GraphBuilder& builder, Random&) {
                  const ValueId left = builder.input("a", a);
                  return builder.op(OpKind::MatMul, MatMulAttrs{tb, ta},
                                    {left, builder.input("b", b)}, "matmul");
                });
    }
}

}  // namespace

void add_copy_cases(CaseList& cases) {
  add_transposes(cases);
  add_slices(cases);
  add_joins(cases);
  add_choices(cases);
  add_batched_products(cases);
}

}  // namespace vitro
