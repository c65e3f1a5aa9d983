#include <gtest/gtest.h>

#include <random>

#include "core/temporary_directory.h"
#include "ir/graph.h"
#include "models/models.h"
#include "passes/graphs.h"
#include "passes/pipeline.h"

namespace vitro::test {
namespace {

/// A model with every fused op and the panels of its matrices.
Graph narrow_model(DType stored = DType::Float32) {
  RandomWeights weights;
  const UniFormerConfig config{"narrow", {1, 1, 1, 1}, {8, 8, 8, 8}, 4, true, true, true, true};
  ModelOptions options;
  options.num_classes = 3;
  options.height = options.width = 64;
  Graph graph = build_uniformer(config, options, weights);
  run_passes(graph, {{}, stored});
  return graph;
}

void expect_round_trip(const Graph& graph) {
  const std::string json = graph_to_json(graph);
  const Graph read = graph_from_json(json);
  EXPECT_EQ(print(read), print(graph));
  EXPECT_EQ(graph_to_json(read), json);
  for (const Value& value : read.values)
    EXPECT_TRUE(!value.constant || value.constant->bytes.data() == nullptr ||
                contents_of(*value.constant))
        << value.name;
}

TEST(GraphJson, RoundTripsAFusedModel) {
  expect_round_trip(narrow_model());
  expect_round_trip(narrow_model(DType::BFloat16));
}

TEST(GraphJson, RoundTripsEveryCase) {
  for (const PassCase& pass_case : pass_cases()) {
    Graph graph = pass_case.make();
    expect_round_trip(graph);
    pass_case.pass(graph);
    expect_round_trip(graph);
  }
}

TEST(GraphJson, WritesNamesThatAreNotUtf8) {
  GraphBuilder builder;
  const ValueId x = builder.input("\xff\xfe", {1});
  EXPECT_EQ(graph_from_json(graph_to_json(builder.finish({x}))).values.size(), 1u);
}

/// The JSON of a small graph with one of its parts replaced.
std::string edited(const std::string& from, const std::string& to) {
  GraphMaker m;
  const ValueId x = m.depthwise(m.input({1, 4, 4, 3}), "a", 3);
  const ValueId norm = m.layer_norm(x, "norm", false);
  std::string json = graph_to_json(m.finish({m.op(OpKind::Slice, slice_of(3, 0, 2), {norm}, "s")}));
  const size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << json;
  return json.replace(at, from.size(), to);
}

void expect_corrupt(const std::string& message, const std::string& json) {
  expect_error(ErrorCode::CorruptFile, message, [&] { graph_from_json(json); });
}

TEST(GraphJson, RefusesWhatIsNotAGraph) {
  expect_corrupt("plan graph", "");
  expect_corrupt("plan graph", "[]");
  expect_corrupt("plan graph", R"({"values": 3, "nodes": [], "inputs": [], "outputs": []})");
  expect_corrupt("plan graph", std::string(100'000, '['));
}

TEST(GraphJson, RefusesUnknownOpsAndTypes) {
  expect_corrupt("unknown op 'conv9d'", edited("\"depthwise_conv2d\"", "\"conv9d\""));
  expect_corrupt("unknown dtype 'F12'",
                 edited("\"constant\":\"\"", "\"constant\":\"\",\"dtype\":\"F12\""));
  expect_corrupt("operand 1 is BF16, expected F32 as operand 0",
                 edited("\"constant\":\"\"", "\"constant\":\"\",\"dtype\":\"BF16\""));
}

TEST(GraphJson, RefusesNumbersOutOfRange) {
  expect_corrupt("9223372036854775808 is out of range",
                 edited("[1,4,4,3]", "[9223372036854775808,4,4,3]"));
  expect_corrupt("stored type F32 1x4x4x3, inferred F32 0x4x4x3", edited("[1,4,4,3]", "[0,4,4,3]"));
  expect_corrupt("extent -1", edited("[1,4,4,3]", "[-1,4,4,3]"));
  expect_corrupt("overflow", edited("[1,4,4,3]", "[1099511627776,1099511627776,4,3]"));
  expect_corrupt("rank 9", edited("[1,4,4,3]", "[1,1,1,1,1,1,1,1,1]"));
  expect_corrupt("where an integer belongs", edited("[1,4,4,3]", "[1e300,4,4,3]"));
  expect_corrupt("where an integer belongs", edited("[1,4,4,3]", "[true,4,4,3]"));
}

TEST(GraphJson, RefusesAttributesOfAnotherKind) {
  expect_corrupt("attribute 'stride' is 2199023255552",
                 edited("\"stride\":[1,1]", "\"stride\":[2199023255552,1]"));
  expect_corrupt("attribute 'stride' is number",
                 edited("\"stride\":[1,1]", "\"stride\":[1e300,1]"));
  expect_corrupt("plan graph", edited("\"stride\":[1,1]", "\"stride\":[1]"));
  expect_corrupt("padding -1", edited("\"pad\":[1,1,1,1]", "\"pad\":[-1,1,3,1]"));
  expect_corrupt("attribute 'eps' is string", edited("\"eps\":", "\"eps\":\"x\",\"was\":"));
  expect_corrupt("1 axes, 1 begins, 2 ends", edited("\"ends\":[2]", "\"ends\":[2,3]"));
}

TEST(GraphJson, RefusesIdsThatWrapAround) {
  expect_corrupt("4294967296 is out of range", edited("\"value\":0", "\"value\":4294967296"));
  expect_corrupt("where an integer belongs", edited("\"value\":0", "\"value\":0.5"));
  expect_corrupt("4294967296 is out of range",
                 edited("\"outputs\":[3]", "\"outputs\":[4294967296]"));
}

TEST(GraphJson, RefusesPortsThatDoNotFit) {
  const auto ranges = [](const std::string& dims) {
    return edited("\"value\":0,\"dims\":[]", "\"value\":0,\"dims\":[" + dims + "]");
  };
  const std::string fixed = R"(["",4,4,1],["",4,4,1],["",3,3,1])";
  EXPECT_EQ(graph_from_json(ranges(R"(["batch",1,8,1],)" + fixed)).inputs[0].dims[0],
            (DimRange{"batch", 1, 8, 1}));
  expect_corrupt("'x' has 3 ranges", ranges(fixed));
  expect_corrupt("axis 0 outside 2 to 8 in steps of 1", ranges(R"(["batch",2,8,1],)" + fixed));
  expect_corrupt("axis 0 outside 1 to 8 in steps of 3", ranges(R"(["batch",1,8,3],)" + fixed));
  expect_corrupt("axis 0 outside 1 to 8 in steps of 0", ranges(R"(["batch",1,8,0],)" + fixed));
  expect_corrupt("a range of 3 entries", ranges(R"(["batch",1,8],)" + fixed));
}

/// One random change of a text: bytes, numbers or whole stretches.
std::string mutated(std::string text, std::mt19937& random) {
  static const char* const kNumbers[] = {
      "-1", "0", "1", "3", "8", "1e300", "2097152", "false", "4294967296", "99999999999999999999"};
  const auto below = [&](size_t bound) { return random() % std::max<size_t>(bound, 1); };
  const size_t at = below(text.size());
  switch (below(5)) {
    case 0:
      text[at] = static_cast<char>(below(256));
      break;
    case 1:
      text.erase(at, 1 + below(20));
      break;
    case 2:
      text.insert(at, text.substr(below(text.size()), below(30)));
      break;
    default: {
      const size_t digit = text.find_first_of("0123456789", at);
      if (digit == std::string::npos) break;
      const size_t end = text.find_first_not_of("0123456789.", digit);
      text.replace(digit, end - digit, kNumbers[below(std::size(kNumbers))]);
    }
  }
  return text;
}

TEST(GraphJson, MutationsGiveAnErrorOrAValidGraph) {
  const std::string json = graph_to_json(narrow_model());
  int accepted = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::string text = json;
    for (uint32_t i = 0; i < 1 + seed % 3; ++i) text = mutated(text, random);
    try {
      verify(graph_from_json(text));
      ++accepted;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::CorruptFile) << "seed " << seed << ": " << error.what();
    }
  }
  EXPECT_GT(accepted, 0);  // of changes to names and numbers that fit
  EXPECT_LT(accepted, 1000);
}

}  // namespace
}  // namespace vitro::test
