#include <fmt/ranges.h>

#include <tuple>

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
  for (const auto& [from, to] : std::vector<std::pair<Dims, Dims>>{
           {{1, 1, 70}, {3, 5, 70}}, {{7, 1}, {2, 7, 9}}, {{1}, {33}}, {{2, 3}, {2, 3}}})
    add_one(cases, OpKind::Expand, from, DimsAttrs{to}, fmt::format("to_{}", fmt::join(to, "_")));
  for (const std::vector<int64_t>& indices :
       std::vector<std::vector<int64_t>>{{0}, {4, 0, -1, 2, 2}, {3, 1}})
    cases.add(OpKind::Gather, fmt::format("axis_1_{}_from_{}", indices.size(), indices[0]),
              [=](GraphBuilder& builder, Random&) {
                const ValueId x = builder.input("x", {3, 5, 33});
                const auto count = static_cast<int64_t>(indices.size());
                return builder.op(OpKind::Gather, GatherAttrs{1},
                                  {x, builder.constant("indices", make_constant({count}, indices))},
                                  "op");
              });
}

/// More indices than are known as the elements of small tensors are.
void add_large_gather(CaseList& cases) {
  cases.add(OpKind::Gather, "axis_1_many", [](GraphBuilder& builder, Random& random) {
    std::vector<int64_t> indices(2401);
    for (int64_t& index : indices) index = random.integer(-169, 168);
    const auto count = static_cast<int64_t>(indices.size());
    return builder.op(OpKind::Gather, GatherAttrs{1},
                      {builder.input("table", {3, 169, 1}),
                       builder.constant("indices", make_constant({count}, indices))},
                      "op");
  });
}

ValueId positions(GraphBuilder& builder, Random& random, const Dims& dims, int64_t extent) {
  std::vector<int64_t> indices(static_cast<size_t>(num_elements(dims)));
  for (int64_t& index : indices) index = random.integer(0, extent - 1);
  return builder.constant("indices", make_constant(dims, indices));
}

/// Positions that are others in each image, and for each element.
void add_gathers_of_images(CaseList& cases) {
  for (const auto& [dims, places, axis] : std::vector<std::tuple<Dims, Dims, int64_t>>{
           {{3, 49, 24}, {3, 49}, 1}, {{2, 3, 7, 5}, {2, 4}, 2}, {{4, 50}, {4, 20}, 1}})
    cases.add(OpKind::Gather, fmt::format("{}_by_{}_of_images", to_string(dims), to_string(places)),
              [dims = dims, places = places, axis = axis](GraphBuilder& builder, Random& random) {
                const int64_t extent = dims[static_cast<size_t>(axis)];
                const ValueId x = builder.input("x", dims);
                return builder.op(OpKind::Gather, GatherAttrs{axis, 1},
                                  {x, positions(builder, random, places, extent)}, "op");
              });
  for (const int64_t axis : {0, 1, 2})
    cases.add(OpKind::GatherElements, fmt::format("axis_{}", axis),
              [axis](GraphBuilder& builder, Random& random) {
                const Dims dims{5, 7, 33};
                Dims places{4, 6, 30};
                places[static_cast<size_t>(axis)] = 40;
                const int64_t extent = dims[static_cast<size_t>(axis)];
                const ValueId x = builder.input("x", dims);
                return builder.op(OpKind::GatherElements, AxisAttrs{axis},
                                  {x, positions(builder, random, places, extent)}, "op");
              });
}

/// Rows, and single elements, at places that may be the same.
void add_scatters(CaseList& cases) {
  for (const auto& [dims, count] :
       std::vector<std::pair<Dims, int64_t>>{{{3, 7, 20}, 1}, {{3, 7, 20}, 2}, {{9, 5}, 2}})
    cases.add(OpKind::ScatterND, fmt::format("{}_at_{}_axes", to_string(dims), count),
              [dims = dims, count = count](GraphBuilder& builder, Random& random) {
                const ValueId x = builder.input("x", dims);
                Dims rows{4, 2};
                rows.insert(rows.end(), dims.begin() + count, dims.end());
                const ValueId updates = builder.input("updates", rows);
                const ValueId places = positions(builder, random, {4, 2, count}, 3);
                return builder.op(OpKind::ScatterND, {}, {x, places, updates}, "op");
              });
}

/// A k that is known from the shape, and others.
void add_top_k(CaseList& cases) {
  const auto add = [&](const Dims& dims, const TopKAttrs& attrs, const char* what) {
    cases.add(OpKind::TopK, fmt::format("{}_{}", to_string(dims), what),
              [=](GraphBuilder& builder, Random&) {
                return builder.ops(OpKind::TopK, attrs, {builder.input("x", dims)}, 2, "op")[0];
              });
  };
  add({3, 196}, {1, 196, true}, "all");
  add({3, 196}, {1, 98, false}, "smallest");
  add({2, 50, 17}, {1, 7, true}, "between");
  cases.add(OpKind::TopK, "k_of_an_operand", [](GraphBuilder& builder, Random&) {
    const ValueId k = builder.constant("k", make_constant({1}, std::vector<int64_t>{20}));
    return builder.ops(OpKind::TopK, TopKAttrs{1, 1, true}, {builder.input("x", {2, 49}), k}, 2,
                       "op")[0];
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
  add_large_gather(cases);
  add_gathers_of_images(cases);
  add_scatters(cases);
  add_top_k(cases);
  add_batched_products(cases);
}

}  // namespace vitro
