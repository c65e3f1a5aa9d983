#include "passes/pipeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/temporary_directory.h"
#include "passes/graphs.h"
#include "passes/passes.h"

namespace vitro::test {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Graph small_graph() {
  GraphMaker maker;
  const ValueId x = maker.input({1, 4, 4, 3});
  return maker.finish({maker.linear(maker.batch_norm(x, "norm"), "a", 4)});
}

TEST(Pipeline, WritesTheGraphAfterEachPass) {
  const TemporaryDirectory directory;
  const auto dumps = directory / "a" / "b";
  Graph graph = small_graph();
  const std::string before = print(graph);
  run_passes(graph, {dumps});
  EXPECT_EQ(text_of(dumps / "00-input.txt"), before);
  EXPECT_EQ(text_of(dumps / fmt::format("{:02}-fuse_local_mixer.txt", pass_list().size())),
            print(graph));
  for (size_t i = 0; i < pass_list().size(); ++i) {
    const auto file = fmt::format("{:02}-{}.txt", i + 1, pass_list()[i].name);
    EXPECT_TRUE(std::filesystem::exists(dumps / file)) << file;
  }
  const std::filesystem::directory_iterator files(dumps);
  EXPECT_EQ(std::distance(begin(files), end(files)),
            static_cast<std::ptrdiff_t>(pass_list().size()) + 1);
}

TEST(Pipeline, ProductsStayNodesWhereBlocksAreNotFused) {
  const auto kinds = [](bool fuse_blocks) {
    GraphMaker m;
    const ValueId x = m.input({1, 4, 3});
    const ValueId hidden = m.gelu(m.linear(x, "fc1", 6));
    Graph graph = m.finish({m.add(x, m.linear(hidden, "fc2", 3))});
    run_passes(graph, {.fuse_blocks = fuse_blocks});
    std::vector<OpKind> found;
    for (const Node& node : graph.nodes) found.push_back(node.kind);
    return found;
  };
  EXPECT_EQ(kinds(true), std::vector{OpKind::Mlp});
  EXPECT_EQ(kinds(false),
            (std::vector{OpKind::Linear, OpKind::Unary, OpKind::Linear, OpKind::Binary}));
}

/// x [n, t, c] + position [1, t, c], whose types are the same at n = 1.
Graph sum_that_broadcasts() {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 3}), position = m.weight("position", {1, 4, 3});
  Graph graph = m.finish({m.add(x, position)});
  graph.inputs[0].dims = {{"batch", 1, 64, 1}, {"", 4, 4, 1}, {"", 3, 3, 1}};
  return graph;
}

// Takes one operand for the other: right at the default shape only.
void take_position_for_x(Graph& graph) {
  for (Node& node : graph.nodes)
    if (is(node, BinaryFunction::Add)) node.inputs = {node.inputs[1], node.inputs[1]};
}

TEST(Pipeline, CatchesAPassThatIsRightAtTheDefaultShapeAlone) {
  Graph graph = sum_that_broadcasts();
  expect_error(ErrorCode::Internal,
               "pass wrong: for inputs 4x4x3 the results are 1x4x3, before they were 4x4x3", [&] {
                 run_pass(graph, {"wrong", take_position_for_x});
               });
}

TEST(Pipeline, LeavesASumThatBroadcastsAlone) {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 3}), position = m.weight("position", {1, 4, 3});
  const ValueId hidden = m.gelu(m.linear(x, "fc1", 6));
  Graph graph = m.finish({m.add(position, m.linear(hidden, "fc2", 3))});
  graph.inputs[0].dims = {{"batch", 1, 64, 1}, {"", 4, 4, 1}, {"", 3, 3, 1}};
  run_passes(graph);
  EXPECT_EQ(graph.nodes.size(), 4u) << print(graph);  // no mlp, whose x is as large as its result
}

TEST(Pipeline, RefusesADumpDirectoryThatCannotBeWritten) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "file") << "not a directory";
  Graph graph = small_graph();
  expect_error(ErrorCode::DeviceError, "file", [&] { run_passes(graph, {directory / "file"}); });
  expect_error(ErrorCode::DeviceError, "file",
               [&] { run_passes(graph, {directory / "file" / "below"}); });
}

TEST(Pipeline, DumpsNothingUnlessAsked) {
  Graph graph = small_graph();
  run_passes(graph);
  EXPECT_EQ(print(graph),
            "%0 = input 1x4x4x3\n"
            "%3 = linear(%0, @a.weight, @a.bias) : 1x4x4x4  # a\n"
            "return %3\n");
}

TEST(Pipeline, IsIdempotent) {
  for (const PassCase& pass_case : pass_cases()) {
    Graph graph = pass_case.make();
    run_passes(graph);
    const std::string once = print(graph);
    run_passes(graph);
    EXPECT_EQ(print(graph), once) << pass_case.name;
  }
}

TEST(Pipeline, IsKeyedOnStructureNotOnNames) {
  for (const PassCase& pass_case : pass_cases()) {
    Graph graph = pass_case.make(), renamed = graph;
    for (size_t i = 0; i < renamed.values.size(); ++i) renamed.values[i].name = std::to_string(i);
    for (Node& node : renamed.nodes) node.source = "elsewhere";
    run_passes(graph);
    run_passes(renamed);
    ASSERT_EQ(graph.nodes.size(), renamed.nodes.size()) << pass_case.name;
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      EXPECT_EQ(graph.nodes[i].kind, renamed.nodes[i].kind) << pass_case.name;
  }
}

TEST(Pipeline, HandlesGraphsWithoutNodes) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  Graph graph = builder.finish({x});
  run_passes(graph);
  EXPECT_EQ(print(graph), "%0 = input 1x2\nreturn %0\n");
}

}  // namespace
}  // namespace vitro::test
