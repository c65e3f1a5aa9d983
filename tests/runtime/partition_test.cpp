#include "runtime/partition.h"

#include <gtest/gtest.h>

#include "backends/plan_cache.h"
#include "ir/builder.h"
#include "runtime/picky_backend.h"

namespace vitro {
namespace {

using test::PickyBackend;

Constant ramp(const Dims& dims) {
  auto [constant, values] = allocate_floats(dims);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * static_cast<float>(i % 17) - 0.1f;
  return constant;
}

class Maker : public GraphBuilder {
 public:
  ValueId linear(ValueId x, const std::string& name, int64_t out = 4) {
    return op(OpKind::Linear, {}, {x, constant(name + ".weight", ramp({out, dims(x).back()}))},
              name);
  }
  ValueId softmax(ValueId x, const std::string& name) { return op(OpKind::Softmax, {}, {x}, name); }
};

Partition cut(const Graph& graph, const PickyBackend& picky) {
  const std::vector<TensorType> types = input_types(graph);
  PlanCache cache;
  return make_partition({graph, types, cache}, picky.backend());
}

/// "picky: linear a, linear b" by piece.
std::vector<std::string> texts(const Partition& partition) {
  std::vector<std::string> texts;
  for (const Piece& piece : partition.pieces) {
    std::string text = piece.fallback ? "cpu:" : "picky:";
    for (const Node& node : piece.graph.nodes) text += " " + node.source;
    texts.push_back(text);
  }
  return texts;
}
using Texts = std::vector<std::string>;

/// Ports as "i0" or "o0" of the graph, and "b1" for a border.
std::string ports(std::span<const Piece::Port> ports, char whole) {
  std::string text;
  for (const Piece::Port& port : ports)
    text += (port.border ? 'b' : whole) + std::to_string(port.index) + ' ';
  return text;
}

TEST(Partition, NothingIsCutWhenNothingIsRefused) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 4});
  const Graph graph = maker.finish({maker.softmax(maker.linear(x, "a"), "s")});
  EXPECT_TRUE(cut(graph, PickyBackend({OpKind::TopK})).pieces.empty());
}

TEST(Partition, IsCutWhereAnOpIsRefused) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 4});
  const ValueId s = maker.softmax(maker.linear(x, "a", 6), "s");
  const Graph graph = maker.finish({maker.linear(s, "b")});
  const Partition partition = cut(graph, PickyBackend({OpKind::Softmax}));
  EXPECT_EQ(texts(partition), (Texts{"picky: a", "cpu: s", "picky: b"}));
  ASSERT_EQ(partition.borders.size(), 2u);
  EXPECT_EQ(partition.borders[0].source, "a");
  EXPECT_EQ(partition.borders[0].type, (TensorType{DType::Float32, {2, 6}}));
  EXPECT_EQ(partition.borders[1].maker, 1u);
  EXPECT_EQ(partition.borders[1].last_reader, 2u);
  ASSERT_EQ(partition.refused.size(), 1u);
  EXPECT_EQ(partition.refused[0].op, "softmax");
  EXPECT_EQ(partition.refused[0].reason, "it has no implementation of the op");
  EXPECT_EQ(partition.pieces[2].origins, std::vector<size_t>{2});
}

TEST(Partition, BranchesShareTheirPieces) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 4});
  std::vector<ValueId> ends;
  for (const char* name : {"a", "b", "c"}) {
    const std::string n = name;
    ends.push_back(maker.linear(maker.softmax(maker.linear(x, n + "1"), n + "2"), n + "3"));
  }
  const Graph graph = maker.finish(ends);
  const Partition partition = cut(graph, PickyBackend({OpKind::Softmax}));
  EXPECT_EQ(texts(partition), (Texts{"picky: a1 b1 c1", "cpu: a2 b2 c2", "picky: a3 b3 c3"}));
  EXPECT_EQ(ports(partition.pieces[0].inputs, 'i'), "i0 ");
  EXPECT_EQ(ports(partition.pieces[2].outputs, 'o'), "o0 o1 o2 ");
}

TEST(Partition, BeginsWithTheBackendThatMakesFewerPieces) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 4});
  const ValueId a = maker.linear(maker.softmax(x, "s"), "a");
  const ValueId b = maker.linear(x, "b");
  const Graph graph = maker.finish({maker.op(BinaryFunction::Add, a, b, "sum")});
  EXPECT_EQ(texts(cut(graph, PickyBackend({OpKind::Softmax}))),
            (Texts{"cpu: s", "picky: a b sum"}));
}

TEST(Partition, AnInputMayGoToBoth) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 4}), y = maker.input("y", {2, 4});
  const ValueId a = maker.op(BinaryFunction::Add, x, y, "a");
  const Graph graph = maker.finish({maker.softmax(y, "s"), a});
  const Partition partition = cut(graph, PickyBackend({OpKind::Softmax}));
  ASSERT_EQ(texts(partition), (Texts{"picky: a", "cpu: s"}));
  EXPECT_TRUE(partition.borders.empty());
  EXPECT_EQ(ports(partition.pieces[0].inputs, 'i'), "i0 i1 ");
  EXPECT_EQ(ports(partition.pieces[1].inputs, 'i'), "i1 ");
  EXPECT_EQ(ports(partition.pieces[0].outputs, 'o'), "o1 ");
  EXPECT_EQ(ports(partition.pieces[1].outputs, 'o'), "o0 ");
}

TEST(Partition, AnOutputMayBeABorderToo) {
  Maker maker;
  const ValueId a = maker.linear(maker.input("x", {2, 4}), "a");
  const Graph graph = maker.finish({a, maker.softmax(a, "s"), a});
  const Partition partition = cut(graph, PickyBackend({OpKind::Softmax}));
  ASSERT_EQ(partition.pieces.size(), 2u);
  EXPECT_EQ(ports(partition.pieces[0].outputs, 'o'), "o0 o2 b0 ");
  EXPECT_EQ(ports(partition.pieces[1].inputs, 'i'), "b0 ");
}

TEST(Partition, OutputsThatNobodyMakesAreWrittenByTheHost) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 4});
  const ValueId view = maker.op(OpKind::Reshape, ReshapeAttrs{{8}}, {x}, "view");
  const ValueId c = maker.constant("c", ramp({3}));
  const Graph graph = maker.finish({view, maker.softmax(maker.linear(x, "a"), "s"), c, x});
  const Partition partition = cut(graph, PickyBackend({OpKind::Softmax}));
  ASSERT_EQ(texts(partition), (Texts{"picky: a", "cpu: view s"}));
  EXPECT_EQ(ports(partition.pieces[1].outputs, 'o'), "o0 o1 o2 o3 ");
}

TEST(Partition, ViewsAndShapesNeverCross) {
  Maker maker;
  const ValueId x = maker.input("x", {2, 3, 4});
  const ValueId shape = maker.op(OpKind::Shape, {}, {x}, "shape");
  const ValueId a = maker.linear(x, "a");
  const ValueId rows = maker.op(OpKind::Reshape, ReshapeAttrs{{6, 4}}, {a}, "rows");
  const ValueId s = maker.softmax(rows, "s");  // reads a view of a
  const ValueId b = maker.linear(rows, "b");   // reads it as well
  const ValueId sum = maker.op(BinaryFunction::Add, s, b, "sum");
  const ValueId back = maker.op(OpKind::Reshape, ReshapeAttrs{}, {sum, shape}, "back");
  const ValueId like = maker.op(OpKind::ReshapeLike, {}, {maker.softmax(sum, "t"), a}, "like");
  const Graph graph = maker.finish({back, like, shape});
  const Partition partition = cut(graph, PickyBackend({OpKind::Softmax}));
  ASSERT_EQ(texts(partition),
            (Texts{"picky: a rows b", "cpu: rows s", "picky: sum back", "cpu: t like"}));
  ASSERT_EQ(partition.borders.size(), 4u) << "a, s, b and sum";
  EXPECT_EQ(partition.borders[0].type.dims, (Dims{2, 3, 4})) << "a, not the view of it";
  EXPECT_EQ(ports(partition.pieces[2].outputs, 'o'), "o0 b3 ");
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(partition.borders[i].on_first, i == 2) << i;
  EXPECT_EQ(ports(partition.pieces[1].outputs, 'o'), "o2 b1 ") << "what is known";
}

/// x + mlp(x), one op that stands for several.
Graph mlp_graph() {
  Maker maker;
  const ValueId x = maker.input("x", {1, 2, 2, 16});
  return maker.finish(
      {maker.op(OpKind::Mlp, MlpAttrs{true, 1e-6f},
                {x, maker.constant("w1", ramp({32, 16})), maker.constant("b1", ramp({32})),
                 maker.constant("w2", ramp({16, 32})), maker.constant("b2", ramp({16}))},
                "mlp")});
}

TEST(Partition, AFusedOpIsCutWhereAPartOfItIsRefused) {
  const Partition partition = cut(mlp_graph(), PickyBackend({OpKind::Unary}));
  ASSERT_EQ(partition.pieces.size(), 3u);
  EXPECT_EQ(partition.pieces[1].graph.nodes.size(), 1u);
  EXPECT_EQ(partition.pieces[1].graph.nodes[0].kind, OpKind::Unary);
  for (const Piece& piece : partition.pieces)
    for (size_t origin : piece.origins) EXPECT_EQ(origin, 0u);
}

TEST(Partition, AFusedOpStaysWholeWhenAllOfItRunsOnOneSide) {
  EXPECT_TRUE(cut(mlp_graph(), PickyBackend({OpKind::TopK})).pieces.empty());
  const Partition partition =
      cut(mlp_graph(),
          PickyBackend({OpKind::Unary, OpKind::Linear, OpKind::LayerNorm, OpKind::Binary}));
  ASSERT_EQ(texts(partition), Texts{"cpu: mlp"});
  ASSERT_EQ(partition.refused.size(), 1u);
  EXPECT_NE(partition.refused[0].reason.find("layer_norm 'mlp."), std::string::npos)
      << partition.refused[0].reason;
}

}  // namespace
}  // namespace vitro
