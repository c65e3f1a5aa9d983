#include "ir/fused_ops.h"

#include <gtest/gtest.h>

#include "core/temporary_directory.h"
#include "passes/graphs.h"
#include "passes/passes.h"

namespace vitro::test {
namespace {

/// The cases whose pass leaves a fused op.
class FusedOp : public testing::TestWithParam<PassCase> {};

TEST_P(FusedOp, InlinesToPlainOpsOfTheSameTypes) {
  Graph graph = GetParam().make();
  GetParam().pass(graph);
  std::vector<TensorType> types;
  for (const Port& port : graph.outputs) types.push_back(graph.value(port.value).type);
  bool found = false;
  for (size_t i = 0; i < graph.nodes.size();) {
    if (!graph.nodes[i].body) {
      ++i;
      continue;
    }
    found = true;
    inline_body(graph, i);  // a body may have fused ops, which now stand at i and behind it
    verify(graph);
  }
  EXPECT_TRUE(found);
  for (size_t i = 0; i < types.size(); ++i)
    EXPECT_EQ(graph.value(graph.outputs[i].value).type, types[i]);
}

TEST_P(FusedOp, FusesAgainAfterInlining) {
  Graph graph = GetParam().make();
  GetParam().pass(graph);
  const size_t fused = graph.nodes.size();
  for (size_t i = graph.nodes.size(); i-- > 0;)
    if (graph.nodes[i].body) inline_body(graph, i);
  EXPECT_GT(graph.nodes.size(), fused);
  GetParam().pass(graph);
  verify(graph);
  EXPECT_EQ(graph.nodes.size(), fused);
}

std::vector<PassCase> fused_cases() {
  std::vector<PassCase> cases;
  for (const PassCase& c : pass_cases())
    if (c.pass == fuse_attention || c.pass == fuse_attention_block || c.pass == fuse_mlp ||
        c.pass == fuse_local_mixer)
      cases.push_back(c);
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, FusedOp, testing::ValuesIn(fused_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(InlineBody, NamesTheInnerNodesAfterTheFusedOne) {
  GraphMaker m;
  const ValueId qkv = m.input({1, 2, 6});
  Graph graph =
      m.finish({m.op(OpKind::Attention, AttentionAttrs{1, 2, 1.0f}, {qkv}, "blocks3.0.attn")});
  inline_body(graph, 0);
  EXPECT_EQ(graph.nodes.back().source, "blocks3.0.attn.merge");
  EXPECT_EQ(graph.nodes.back().output(), graph.outputs[0].value);
}

TEST(InlineBody, RefusesAPlainOp) {
  GraphMaker m;
  Graph graph = m.finish({m.gelu(m.input({1, 2}))});
  expect_error(ErrorCode::Internal, "gelu 'gelu' has no body", [&] { inline_body(graph, 0); });
}

TEST(FusedBody, RefusesAPlainOp) {
  expect_error(ErrorCode::Internal, "has no body", [] {
    fused_body(Graph(), Node{OpKind::Softmax, {}, {}, {}, "", nullptr});
  });
}

}  // namespace
}  // namespace vitro::test
