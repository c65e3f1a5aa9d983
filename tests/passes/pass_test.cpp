// Each pass on the text of a small graph, before and after.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "passes/graphs.h"
#include "passes/pipeline.h"

namespace vitro::test {
namespace {

std::string expected_text(const std::string& name) {
  std::ifstream file(std::string(VITRO_SOURCE_DIR) + "/tests/passes/data/" + name + ".txt");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class PassTest : public testing::TestWithParam<PassCase> {};

TEST_P(PassTest, RewritesAsExpected) {
  Graph graph = GetParam().make();
  std::string text = print(graph);
  GetParam().pass(graph);
  verify(graph);
  text += "----\n" + print(graph);
  EXPECT_EQ(text, expected_text(GetParam().name));
}

TEST_P(PassTest, IsIdempotent) {
  Graph graph = GetParam().make();
  GetParam().pass(graph);
  const std::string once = print(graph);
  GetParam().pass(graph);
  EXPECT_EQ(print(graph), once);
}

TEST_P(PassTest, KeepsNamesUnique) {
  Graph graph = GetParam().make();
  GetParam().pass(graph);
  std::vector<std::string> names;
  for (const Value& value : graph.values) names.push_back(value.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

INSTANTIATE_TEST_SUITE_P(Passes, PassTest, testing::ValuesIn(pass_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(PassList, EveryPassHasACase) {
  for (const Pass& pass : pass_list())
    EXPECT_TRUE(std::any_of(pass_cases().begin(), pass_cases().end(), [&](const PassCase& c) {
      const auto* function = pass.run.target<void (*)(Graph&)>();
      return function && c.pass == *function;
    })) << pass.name;
}

}  // namespace
}  // namespace vitro::test
