#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_directory.h"
#include "ir/builder.h"
#include "ir/infer.h"

namespace vitro::test {
namespace {

/// A graph as exporters write it: x [n, h, w, c] -> [n, h * w, c] through the elements of its
/// shape.
class ShapeArithmetic {
 public:
  ShapeArithmetic() {
    const ValueId x =
        builder_.input("x", {2, 3, 5, 4}, DType::Float32,
                       {{"n", 1, 8, 1}, {"h", 1, 9, 1}, {"w", 1, 9, 1}, {"", 4, 4, 1}});
    const ValueId shape = builder_.op(OpKind::Shape, {}, {x}, "shape");
    const ValueId tokens =
        builder_.op(BinaryFunction::Mul, extent(shape, 1), extent(shape, 2), "hw");
    const ValueId channels =
        builder_.op(OpKind::Slice, SliceAttrs{{0}, {-1}, {kOpenExtent}, {}}, {shape}, "channels");
    dims_ = builder_.op(OpKind::Concat, AxisAttrs{0}, {extent(shape, 0), tokens, channels}, "dims");
    const ValueId y = builder_.op(OpKind::Reshape, ReshapeAttrs{}, {x, dims_}, "tokens");
    graph_ = builder_.finish({y, dims_}, {"y", "dims"});
  }
  const Graph& graph() const { return graph_; }

 private:
  /// One extent as a list of one.
  ValueId extent(ValueId shape, int64_t axis) {
    const ValueId index = builder_.constant("axis" + std::to_string(axis),
                                            make_constant(Dims{}, std::span(&axis, 1)));
    const ValueId element = builder_.op(OpKind::Gather, GatherAttrs{0}, {shape, index}, "gather");
    return builder_.op(OpKind::Unsqueeze, AxesAttrs{{0}}, {element}, "unsqueeze");
  }

  GraphBuilder builder_;
  ValueId dims_ = kAbsent;
  Graph graph_;
};

TEST(Contents, OfAShapeAreKnownAtEveryInputShape) {
  const ShapeArithmetic model;
  const auto at = [&](const Dims& dims) {
    const TensorType type{DType::Float32, dims};
    const Inference inference = infer(model.graph(), {&type, 1});
    const auto output = [&](size_t i) {
      return static_cast<size_t>(model.graph().outputs[i].value);
    };
    EXPECT_EQ(inference.types[output(1)], (TensorType{DType::Int64, {3}}));
    EXPECT_EQ(inference.contents[output(1)], inference.types[output(0)].dims);
    return inference.types[output(0)].dims;
  };
  EXPECT_EQ(at({2, 3, 5, 4}), (Dims{2, 15, 4}));
  EXPECT_EQ(at({7, 9, 1, 4}), (Dims{7, 9, 4}));
}

TEST(Contents, SurviveAPlan) {
  const ShapeArithmetic model;
  const Graph read = graph_from_json(graph_to_json(model.graph()));
  EXPECT_EQ(print(read), print(model.graph()));
}

TEST(Contents, ThatAreComputedFromDataAreRefused) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {6});
  const ValueId dims = builder.op(OpKind::Cast, CastAttrs{DType::Int64}, {x}, "cast");
  expect_error(ErrorCode::Unsupported,
               "reshape 'a': the elements of operand 1 are computed from data", [&] {
                 builder.op(OpKind::Reshape, ReshapeAttrs{}, {x, dims}, "a");
               });
}

TEST(Contents, OfArithmeticFollowIntegers) {
  const auto known = [](BinaryFunction function, Ints a, Ints b) {
    GraphBuilder builder;
    const ValueId x = builder.constant("a", make_constant(Dims{static_cast<int64_t>(a.size())}, a));
    const ValueId y = builder.constant("b", make_constant(Dims{static_cast<int64_t>(b.size())}, b));
    const ValueId z = builder.op(function, x, y, "z");
    const Graph graph = builder.finish({z});
    return infer(graph, {}).contents[static_cast<size_t>(z)].value();
  };
  EXPECT_EQ(known(BinaryFunction::Sub, {7, -7}, {2}), (Ints{5, -9}));
  EXPECT_EQ(known(BinaryFunction::Div, {7, -7}, {2}), (Ints{3, -3})) << "towards zero";
  EXPECT_EQ(known(BinaryFunction::Div, {7, INT64_MIN}, {0, -1}), (Ints{0, INT64_MIN})) << "no trap";
  EXPECT_EQ(known(BinaryFunction::Mod, {7, -7}, {3}), (Ints{1, 2}));
  EXPECT_EQ(known(BinaryFunction::Pow, {3, 2}, {4, 0}), (Ints{81, 1}));
}

TEST(Foreign, IsCarriedThroughAPlan) {
  ForeignAttrs attrs;
  attrs.domain = "com.example";
  attrs.name = "DeformConv";
  attrs.attributes = {std::byte{0}, std::byte{0xff}};
  attrs.results = {{DType::Float16, {1, 2}}, {DType::Int64, {}}};
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  const Graph graph = builder.finish(builder.ops(OpKind::Foreign, attrs, {x, kAbsent, x}, 2, "f"));
  EXPECT_NE(print(graph).find("DeformConv(%0, -, %0)"), std::string::npos) << print(graph);
  const Graph read = graph_from_json(graph_to_json(graph));
  EXPECT_EQ(read.nodes[0].as<ForeignAttrs>(), attrs);
  EXPECT_EQ(read.value(read.outputs[0].value).type, attrs.results[0]);
}

TEST(GraphJson, KeepsFloatsExactly) {
  for (const double value : {0.1, 1e-45, 0x1.fffffffffffffp+1023, -HUGE_VAL}) {
    GraphBuilder builder;
    const ValueId x = builder.input("x", {3});
    PadAttrs attrs{PadMode::Constant, {1}, {1}, value};
    const Graph graph = builder.finish({builder.op(OpKind::Pad, attrs, {x}, "pad")});
    EXPECT_EQ(graph_from_json(graph_to_json(graph)).nodes[0].as<PadAttrs>(), attrs) << value;
  }
}

}  // namespace
}  // namespace vitro::test
