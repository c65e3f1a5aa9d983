#include <fmt/format.h>

#include <tuple>

#include "ops/case_list.h"

// Elements at positions that an operand names, and the positions of elements.
namespace vitro {
namespace {

/// Positions of an axis, some of them from its end.
ValueId positions(GraphBuilder& builder, Random& random, const Dims& dims, int64_t extent) {
  std::vector<int64_t> indices(static_cast<size_t>(num_elements(dims)));
  for (int64_t& index : indices) index = random.integer(-extent, extent - 1);
  return builder.constant("indices", make_constant(dims, indices));
}

void add_lists(CaseList& cases) {
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
  // More than are known as the elements of small tensors are.
  cases.add(OpKind::Gather, "axis_1_many", [](GraphBuilder& builder, Random& random) {
    return builder.op(
        OpKind::Gather, GatherAttrs{1},
        {builder.input("table", {3, 169, 1}), positions(builder, random, {2401}, 169)}, "op");
  });
}

/// Positions that are others in each image.
void add_lists_of_images(CaseList& cases) {
  for (const auto& [dims, places, axis] : std::vector<std::tuple<Dims, Dims, int64_t>>{
           {{3, 49, 24}, {3, 49}, 1}, {{2, 3, 7, 5}, {2, 4}, 2}, {{4, 50}, {4, 20}, 1}})
    cases.add(OpKind::Gather, fmt::format("{}_by_{}_of_images", to_string(dims), to_string(places)),
              [dims = dims, places = places, axis = axis](GraphBuilder& builder, Random& random) {
                const int64_t extent = dims[static_cast<size_t>(axis)];
                const ValueId x = builder.input("x", dims);
                return builder.op(OpKind::Gather, GatherAttrs{axis, 1},
                                  {x, positions(builder, random, places, extent)}, "op");
              });
}

/// A position for each element; the other axes may be shorter than those of x.
void add_elements(CaseList& cases) {
  for (const auto& [dims, places, what] : std::vector<std::tuple<Dims, Dims, const char*>>{
           {{4, 5, 6}, {4, 5, 6}, "axis"}, {{5, 7, 33}, {4, 6, 30}, "leaves_out_parts_axis"}})
    for (const int64_t axis : {0, 1, 2}) {
      Dims picked = places;
      picked[static_cast<size_t>(axis)] = 7;
      cases.add(OpKind::GatherElements, fmt::format("{}_{}", what, axis),
                [=, dims = dims](GraphBuilder& builder, Random& random) {
                  const int64_t extent = dims[static_cast<size_t>(axis)];
                  const ValueId x = builder.input("x", dims);
                  return builder.op(OpKind::GatherElements, AxisAttrs{axis},
                                    {x, positions(builder, random, picked, extent)}, "op");
                });
    }
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

/// The values; the positions have ONNX's vectors.
void add_top_k(CaseList& cases) {
  const auto add = [&](const Dims& dims, const TopKAttrs& attrs, const char* what) {
    cases.add(OpKind::TopK, fmt::format("{}_{}", to_string(dims), what),
              [=](GraphBuilder& builder, Random&) {
                return builder.op(OpKind::TopK, attrs, {builder.input("x", dims)}, "op");
              });
  };
  add({3, 196}, {1, 196, true}, "all");
  add({3, 196}, {1, 98, false}, "smallest");
  add({2, 50, 17}, {1, 7, true}, "between");
  cases.add(OpKind::TopK, "k_of_an_operand", [](GraphBuilder& builder, Random&) {
    const ValueId k = builder.constant("k", make_constant({1}, std::vector<int64_t>{20}));
    return builder.op(OpKind::TopK, TopKAttrs{1, 1, true}, {builder.input("x", {2, 49}), k}, "op");
  });
}

}  // namespace

void add_indexed_cases(CaseList& cases) {
  add_lists(cases);
  add_lists_of_images(cases);
  add_elements(cases);
  add_scatters(cases);
  add_top_k(cases);
}

}  // namespace vitro
