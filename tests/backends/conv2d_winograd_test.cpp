#include <gtest/gtest.h>

#include "backends/guarded_run.h"
#include "ir/builder.h"
#include "metric.h"
#include "ops/case_list.h"
#include "ops/random.h"
#include "tolerances.h"

namespace vitro {
namespace {

struct Layer {
  Dims input, weight;
  ConvAttrs attrs{{1, 1}, {}, {1, 1}, {1, 1}};
};

Graph graph_of(const Layer& layer, Random& random) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", layer.input);
  const int64_t fan_in = num_elements(layer.weight) / layer.weight[0];
  const ValueId w = weight(builder, random, layer.weight, fan_in);
  return builder.finish({builder.op(OpKind::Conv, layer.attrs, {x, w}, "conv")});
}

Dispatch dispatch_of(const Layer& layer) {
  Random random("layer");
  const Graph graph = graph_of(layer, random);
  const Tensor input = random.tensor(layer.input, -1.0f, 1.0f);
  return compile_for(find_backend("cpu"), graph, {&input, 1})->dispatch()[0];
}

TEST(Conv2dWinograd, TakesTheLayersOfResNets) {
  for (const Layer& layer : std::vector<Layer>{
           {{1, 56, 56, 64}, {64, 3, 3, 64}},
           {{1, 28, 28, 128}, {128, 3, 3, 128}},
           {{1, 14, 14, 256}, {256, 3, 3, 256}},
           {{1, 7, 7, 512}, {512, 3, 3, 512}},
           {{1, 28, 28, 128}, {128, 3, 3, 16}, {{1, 1}, {}, {1, 1}, {1, 1}, 8}},
       })
    EXPECT_STREQ(dispatch_of(layer).chosen, "cpu:conv2d_winograd") << to_string(layer.input);
}

TEST(Conv2dWinograd, TellsWhatItRefuses) {
  struct Refused {
    Layer layer;
    const char* reason;
  };
  for (const Refused& refused : std::vector<Refused>{
           {{{1, 56, 56, 64}, {64, 3, 3, 64}, {{2, 2}, {}, {1, 1}, {1, 1}}}, "stride 2"},
           {{{1, 56, 56, 64}, {64, 3, 3, 64}, {{1, 1}, {2, 2}, {2, 2}, {2, 2}}}, "dilation 2"},
           {{{1, 56, 56, 64}, {64, 3, 1, 64}, {{1, 1}, {}, {1, 0}, {1, 0}}}, "1 taps"},
           {{{1, 56, 56, 3}, {5, 3, 3, 3}}, "times the direct sum"},
           {{{1, 2, 2, 64}, {64, 3, 3, 64}}, "times the direct sum"},
       }) {
    const Dispatch dispatch = dispatch_of(refused.layer);
    EXPECT_STREQ(dispatch.chosen, "cpu:conv2d_panel16");
    ASSERT_FALSE(dispatch.refused.empty());
    EXPECT_STREQ(dispatch.refused[0].impl, "cpu:conv2d_winograd");
    EXPECT_NE(dispatch.refused[0].reason.find(refused.reason), std::string::npos)
        << dispatch.refused[0].reason;
  }
}

// Two convolutions read one weight in different groups: each has a form of its own.
TEST(Conv2dWinograd, GroupsOfSharedWeights) {
  GraphBuilder builder;
  Random random("shared");
  const ValueId w = weight(builder, random, {36, 3, 3, 4}, 36);
  std::vector<ValueId> results;
  std::vector<Tensor> inputs;
  for (const int64_t groups : {2, 4, 6}) {
    const Dims dims{1, 17, 18, 4 * groups};
    const ValueId x = builder.input("x" + std::to_string(groups), dims);
    results.push_back(
        builder.op(OpKind::Conv, ConvAttrs{{1, 1}, {}, {1, 1}, {1, 1}, groups}, {x, w}, "conv"));
    inputs.push_back(random.tensor(dims, -1.0f, 1.0f));
  }
  const Graph graph = builder.finish(results);
  const Backend &reference = find_backend("reference"), &cpu = find_backend("cpu");
  const auto by_definition = compile_for(reference, graph, inputs);
  const auto expected = GuardedRun(reference, *by_definition, inputs).run();
  const auto executable = compile_for(cpu, graph, inputs);
  const auto values = GuardedRun(cpu, *executable, inputs).run();
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_STREQ(executable->dispatch()[i].chosen, "cpu:conv2d_winograd");
    const Distance d = distance<float, float>(values[i], expected[i]);
    EXPECT_TRUE(d.within(kFloat32Op)) << report(d, kFloat32Op);
  }
}

}  // namespace
}  // namespace vitro
