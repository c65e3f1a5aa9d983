#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_directory.h"
#include "ir/builder.h"
#include "ir/infer.h"
#include "models/models.h"
#include "passes/graphs.h"

namespace vitro::test {
namespace {

Dims infer_output(const Graph& graph, const Dims& input) {
  const TensorType type{DType::Float32, input};
  return infer_types(graph, {&type, 1})[static_cast<size_t>(graph.outputs[0].value)].dims;
}

TEST(InferTypes, FollowsTheInputShape) {
  GraphMaker m;
  ValueId x = m.conv(m.input({1, 8, 8, 3}), "a", 4, 2, 2, 0);
  x = m.depthwise(x, "b", 3);
  const ValueId tokens = m.tokens(x);
  const Graph graph = m.finish({m.op(OpKind::Transpose, TransposeAttrs{{0, 2, 1}}, {tokens}, "t")});
  EXPECT_EQ(infer_output(graph, {1, 8, 8, 3}), (Dims{1, 4, 16}));
  EXPECT_EQ(infer_output(graph, {3, 10, 6, 3}), (Dims{3, 4, 15}));
}

TEST(InferTypes, CountsStridedAndPaddedConvolutions) {
  GraphMaker m;
  const Graph graph = m.finish({m.conv(m.input({1, 7, 8, 3}), "a", 4, 3, 2, 1)});
  EXPECT_EQ(infer_output(graph, {1, 7, 8, 3}), (Dims{1, 4, 4, 4}));
  EXPECT_EQ(infer_output(graph, {2, 1, 9, 3}), (Dims{2, 1, 5, 4}));
}

TEST(InferTypes, RefusesWhatIsOutsideOfTheRangesOfAnInput) {
  GraphMaker m;
  Graph graph = m.finish({m.conv(m.input({1, 8, 8, 3}), "patch", 4, 4, 4, 0)});
  EXPECT_EQ(infer_output(graph, {1, 10, 8, 3}), (Dims{1, 2, 2, 4})) << "the rest is left out";
  graph.inputs[0].dims = {
      {"batch", 1, 2, 1}, {"height", 4, 64, 4}, {"width", 4, 64, 4}, {"", 3, 3, 1}};
  EXPECT_EQ(infer_output(graph, {2, 12, 8, 3}), (Dims{2, 3, 2, 4}));
  expect_error(ErrorCode::InvalidArgument,
               "input 'x' is 1x10x8x3, whose height 10 does not divide into steps of 4", [&] {
                 infer_output(graph, {1, 10, 8, 3});
               });
  expect_error(ErrorCode::InvalidArgument, "whose batch 3 is not from 1 to 2", [&] {
    infer_output(graph, {3, 8, 8, 3});
  });
}

// Half of the tokens of each image, however many there are.
TEST(InferTypes, KeepsAsManyOfATopKAsAShapeSays) {
  GraphMaker m;
  const ValueId x = m.input({2, 10});
  const ValueId shape = m.op(OpKind::Shape, {}, {x}, "shape");
  const ValueId count = m.op(OpKind::Slice, slice_of(0, 1, 2), {shape}, "count");
  const ValueId two = m.constant("two", make_constant({1}, std::vector<int64_t>{2}));
  const ValueId half = m.op(BinaryFunction::Div, count, two, "half");
  const Graph graph = m.finish({m.op(OpKind::TopK, TopKAttrs{1, 1, true}, {x, half}, "top")});
  EXPECT_EQ(infer_output(graph, {2, 10}), (Dims{2, 5}));
  EXPECT_EQ(infer_output(graph, {3, 49}), (Dims{3, 24}));
}

TEST(InferTypes, RefusesOtherChannelsRanksAndCounts) {
  GraphMaker m;
  const Graph graph = m.finish({m.conv(m.input({1, 8, 8, 3}), "a", 4, 3, 1, 1)});
  expect_error(ErrorCode::InvalidArgument, "has 4 channels, weight 4x3x3x3 takes 3", [&] {
    infer_output(graph, {1, 8, 8, 4});
  });
  expect_error(ErrorCode::InvalidArgument, "input is 8x8x3, expected rank 4", [&] {
    infer_output(graph, {8, 8, 3});
  });
  expect_error(ErrorCode::InvalidArgument, "0 input types, expected 1",
               [&] { infer_types(graph, {}); });
}

TEST(InferTypes, AModelTakesEverySizeThatItsStridesDivide) {
  RandomWeights weights;
  const UniFormerConfig narrow{"narrow", {1, 1, 1, 1}, {8, 8, 8, 8}, 4};
  const Graph graph = build_uniformer(narrow, {}, weights);
  EXPECT_EQ(infer_output(graph, {5, 3, 96, 160}), (Dims{5, 1000}));
  expect_error(ErrorCode::InvalidArgument, "does not divide", [&] {
    infer_output(graph, {1, 3, 225, 224});
  });
}

struct Refusal {
  const char* message;
  void (*build)(GraphMaker&);
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.message; }

class RefusedOp : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedOp, SaysWhatDoesNotFit) {
  GraphMaker maker;
  expect_error(ErrorCode::InvalidArgument, GetParam().message, [&] { GetParam().build(maker); });
}

const Refusal kRefusals[] = {
    {"linear 'a': input 1x3 has 3 features, weight 2x4 takes 4",
     [](GraphMaker& m) {
       m.op(OpKind::Linear, {}, {m.input({1, 3}), m.weight("w", {2, 4})}, "a");
     }},
    {"linear 'a': operand 2 is 3, expected 2",
     [](GraphMaker& m) {
       m.op(OpKind::Linear, {}, {m.input({1, 4}), m.weight("w", {2, 4}), m.weight("b", {3})}, "a");
     }},
    {"depthwise_conv2d 'a': input 1x4x4x3 has 3 channels, weight 3x3x2 has 2",
     [](GraphMaker& m) {
       m.depthwise(m.input({1, 4, 4, 3}), "a", {3, 3, 2}, {});
     }},
    {"depthwise_conv2d 'a': extent 4 + padding 0 is below the kernel 5",
     [](GraphMaker& m) {
       m.depthwise(m.input({1, 4, 4, 3}), "a", {5, 5, 3}, {});
     }},
    {"depthwise_conv2d 'a': padding -1 is negative",
     [](GraphMaker& m) {
       m.depthwise(m.input({1, 4, 4, 3}), "a", {3, 3, 3}, {{1, 1}, {-1, 0, 3, 0}});
     }},
    {"stride 0 must be positive",
     [](GraphMaker& m) {
       m.depthwise(m.input({1, 4, 4, 3}), "a", {3, 3, 3}, {{0, 1}, {}});
     }},
    {"gather 'a': indices 3x2 of 2x5x4, expected the first 1 extents to be equal",
     [](GraphMaker& m) {
       const std::vector<int64_t> positions(6);
       const ValueId indices = m.constant("i", make_constant({3, 2}, positions));
       m.op(OpKind::Gather, GatherAttrs{1, 1}, {m.input({2, 5, 4}), indices}, "a");
     }},
    {"gather 'a': batch_dims 2 for axis 1",
     [](GraphMaker& m) {
       const std::vector<int64_t> positions(10);
       const ValueId indices = m.constant("i", make_constant({2, 5}, positions));
       m.op(OpKind::Gather, GatherAttrs{1, 2}, {m.input({2, 5, 4}), indices}, "a");
     }},
    {"gather 'a': indices 2 into axis 1 of 3x0, which has no elements",
     [](GraphMaker& m) {
       const std::vector<int64_t> positions(2);
       const ValueId indices = m.constant("i", make_constant({2}, positions));
       m.op(OpKind::Gather, GatherAttrs{1, 0}, {m.input({3, 0}), indices}, "a");
     }},
    {"gather_elements 'a': indices 3x1 into axis 1 of 3x0, which has no elements",
     [](GraphMaker& m) {
       const std::vector<int64_t> positions(3);
       const ValueId indices = m.constant("i", make_constant({3, 1}, positions));
       m.op(OpKind::GatherElements, AxisAttrs{1}, {m.input({3, 0}), indices}, "a");
     }},
    {"scatter_nd 'a': indices 1x2 into axis 1 of 3x0, which has no elements",
     [](GraphMaker& m) {
       const std::vector<int64_t> positions(2);
       const ValueId indices = m.constant("i", make_constant({1, 2}, positions));
       m.op(OpKind::ScatterND, {}, {m.input({3, 0}), indices, m.input({1})}, "a");
     }},
    {"top_k 'a': k 6 of 5 elements",
     [](GraphMaker& m) {
       m.op(OpKind::TopK, TopKAttrs{1, 6, true}, {m.input({2, 5})}, "a");
     }},
    {"layer_norm 'a': a weight without a bias",
     [](GraphMaker& m) {
       m.op(OpKind::LayerNorm, NormAttrs{}, {m.input({1, 4}), m.weight("w", {4})}, "a");
     }},
    {"batch_norm 'a': operand 1 is 3, expected 4",
     [](GraphMaker& m) {
       const ValueId c = m.weight("w", {3});
       m.op(OpKind::BatchNorm, NormAttrs{}, {m.input({1, 4}), c, c, c, c}, "a");
     }},
    {"add 'add': operands 1x4 and 3 do not broadcast",
     [](GraphMaker& m) {
       m.add(m.input({1, 4}), m.weight("b", {3}));
     }},
    {"matmul 'a': operands 2 and 3 do not broadcast",
     [](GraphMaker& m) {
       m.op(OpKind::MatMul, MatMulAttrs{}, {m.input({2, 3, 4}), m.weight("b", {3, 4, 3})}, "a");
     }},
    {"matmul 'a': inner extents 4 and 3 differ",
     [](GraphMaker& m) {
       m.op(OpKind::MatMul, MatMulAttrs{true}, {m.input({3, 4}), m.weight("b", {4, 3})}, "a");
     }},
    {"reshape 'a': 1x6 cannot become 4",
     [](GraphMaker& m) {
       m.op(OpKind::Reshape, ReshapeAttrs{{4}}, {m.input({1, 6})}, "a");
     }},
    {"reshape 'a': more than one extent is -1",
     [](GraphMaker& m) {
       m.op(OpKind::Reshape, ReshapeAttrs{{-1, -1}}, {m.input({6})}, "a");
     }},
    {"reshape 'a': position 1 copies an extent that 6 lacks",
     [](GraphMaker& m) {
       m.op(OpKind::Reshape, ReshapeAttrs{{6, 0}}, {m.input({6})}, "a");
     }},
    {"reshape 'a': extent -2 at position 0",
     [](GraphMaker& m) { m.op(OpKind::Reshape, ReshapeAttrs{{-2}}, {m.input({6})}, "a"); }},
    {"reshape_like 'a': 6 cannot take the shape 4",
     [](GraphMaker& m) {
       m.op(OpKind::ReshapeLike, {}, {m.input({6}), m.weight("b", {4})}, "a");
     }},
    {"transpose 'a': axis 1 at position 1 is not a permutation",
     [](GraphMaker& m) {
       m.op(OpKind::Transpose, TransposeAttrs{{1, 1}}, {m.input({2, 3})}, "a");
     }},
    {"transpose 'a': permutation of 1 axes for 2x3",
     [](GraphMaker& m) {
       m.op(OpKind::Transpose, TransposeAttrs{{0}}, {m.input({2, 3})}, "a");
     }},
    {"slice 'a': step 0 of axis 0",
     [](GraphMaker& m) {
       m.op(OpKind::Slice, SliceAttrs{{0}, {2}, {5}, {0}}, {m.input({4})}, "a");
     }},
    {"slice 'a': 1 axes, 2 begins, 1 ends and 0 steps",
     [](GraphMaker& m) {
       m.op(OpKind::Slice, SliceAttrs{{0}, {2, 3}, {5}, {}}, {m.input({4})}, "a");
     }},
    {"slice 'a': axis 1 of an operand of rank 1",
     [](GraphMaker& m) { m.op(OpKind::Slice, slice_of(1, 0, 1), {m.input({4})}, "a"); }},
    {"reduce_mean 'pool': axis 0 is repeated",
     [](GraphMaker& m) {
       m.reduce(ReduceFunction::Mean, m.input({2, 3}), {0, 0});
     }},
    {"attention 'a': qkv 1x2x7 is not 3 x 1 heads x 2",
     [](GraphMaker& m) {
       m.op(OpKind::Attention, AttentionAttrs{1, 2, 1.0f}, {m.input({1, 2, 7})}, "a");
     }},
    {"softmax 'a': input is a scalar",
     [](GraphMaker& m) {
       const ValueId x = m.op(OpKind::Reshape, ReshapeAttrs{}, {m.input({1})}, "x");
       m.op(OpKind::Softmax, {}, {x}, "a");
     }},
    {"layer_norm 'a': eps nan is no number from 0 up",
     [](GraphMaker& m) {
       m.op(OpKind::LayerNorm, NormAttrs{std::nanf("")}, {m.input({1, 4})}, "a");
     }},
    {"layer_norm 'a': eps -1 is no number from 0 up",
     [](GraphMaker& m) {
       m.op(OpKind::LayerNorm, NormAttrs{-1}, {m.input({1, 4})}, "a");
     }},
    // 2^62 elements: the bytes of such a tensor would be 0 in 64 bits.
    {"depthwise_conv2d 'a': 1x2097152x2097152x1048576 has more than 1099511627776 elements",
     [](GraphMaker& m) {
       constexpr int64_t kPad = (1 << 20) - 1;
       m.depthwise(m.input({1, 2, 2, 1 << 20}), "a", {1, 1, 1 << 20},
                   {{1, 1}, {kPad, kPad, kPad, kPad}}, false);
     }},
    {"mlp 'a': 1048576x1048576x2 has more than 1099511627776 elements",
     [](GraphMaker& m) {
       const ValueId x = m.input({1 << 20, 1 << 20, 1});
       const ValueId fc1 = m.weight("fc1", {2, 1}), fc1_bias = m.weight("b1", {2});
       const ValueId fc2 = m.weight("fc2", {1, 2}), fc2_bias = m.weight("b2", {1});
       m.op(OpKind::Mlp, MlpAttrs{}, {x, fc1, fc1_bias, fc2, fc2_bias}, "a");
     }},
    {"mlp 'a': operand 3 is 6x4, expected 4x6",
     [](GraphMaker& m) {
       const ValueId w = m.weight("w", {6, 4}), b = m.weight("b", {6});
       m.op(OpKind::Mlp, MlpAttrs{}, {m.input({1, 4}), w, b, w, b}, "a");
     }},
    {"attention_block 'a': 2 heads x 3 are not 4",
     [](GraphMaker& m) {
       const ValueId w = m.weight("w", {4, 4}), b = m.weight("b", {4});
       m.op(OpKind::AttentionBlock, AttentionBlockAttrs{2, 3}, {m.input({1, 2, 2, 4}), w, b, w, b},
            "a");
     }},
    {"local_mixer 'a': operand 1 is 2x2x4, expected odd kernel extents and 4 channels",
     [](GraphMaker& m) {
       const ValueId k = m.weight("k", {2, 2, 4}), w = m.weight("w", {4, 4}),
                     b = m.weight("b", {4});
       m.op(OpKind::LocalMixer, {}, {m.input({1, 2, 2, 4}), k, b, w, b, k, w, b}, "a");
     }},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedOp, testing::ValuesIn(kRefusals));

TEST(OpInfo, HasARowForEveryKind) {
  for (int i = 0; i < kNumOpKinds; ++i) {
    const OpInfo& info = op_info(static_cast<OpKind>(i));
    EXPECT_EQ(static_cast<int>(info.kind), i);
    for (const char* name : op_names(info)) {
      const auto op = find_op(name);
      ASSERT_TRUE(op.has_value()) << name;
      EXPECT_EQ(op->kind, info.kind) << name;
      EXPECT_STREQ(op_name(op->kind, op->attrs), name);
    }
  }
  EXPECT_FALSE(find_op("no_such_op").has_value());
  EXPECT_FALSE(find_op("unary").has_value()) << "a family is no op";
}

TEST(OpInfo, CountsMultiplyAddsAsTwo) {
  GraphMaker m;
  const Graph graph = m.finish({m.linear(m.input({2, 5, 8}), "a", 3)});
  const Node& node = graph.nodes[0];
  const auto types = infer_types(graph, input_types(graph));
  EXPECT_EQ(
      op_info(node.kind).flops(node, operands_of(node, types), graph.value(node.output()).type),
      2 * 2 * 5 * 8 * 3);
}

}  // namespace
}  // namespace vitro::test
