#include <gtest/gtest.h>

#include "backends/guarded_run.h"
#include "ir/builder.h"
#include "ops/case_list.h"
#include "ops/random.h"

namespace vitro {
namespace {

struct Layer {
  Dims input, weight;
  ConvAttrs attrs;
};

Dispatch dispatch_of(const Layer& layer) {
  Random random("layer");
  GraphBuilder builder;
  const ValueId x = builder.input("x", layer.input);
  const int64_t fan_in = num_elements(layer.weight) / layer.weight[0];
  const ValueId w = weight(builder, random, layer.weight, fan_in);
  const Graph graph = builder.finish({builder.op(OpKind::Conv, layer.attrs, {x, w}, "conv")});
  const Tensor input = random.tensor(layer.input, -1.0f, 1.0f);
  return compile_for(find_backend("cpu"), graph, {&input, 1})->dispatch()[0];
}

ConvAttrs groups_of(int64_t stride, int64_t groups) {
  return {{stride, stride}, {}, {1, 1}, {1, 1}, groups};
}

TEST(Conv2dDirect, TakesGroupsAndFirstLayers) {
  for (const Layer& layer : std::vector<Layer>{
           {{1, 56, 56, 128}, {128, 3, 3, 4}, groups_of(1, 32)},   // of a ResNeXt
           {{1, 28, 28, 256}, {256, 3, 3, 8}, groups_of(1, 32)},   //
           {{1, 14, 14, 512}, {512, 3, 3, 16}, groups_of(1, 32)},  //
           {{1, 7, 7, 1024}, {1024, 3, 3, 32}, groups_of(1, 32)},  //
           {{2, 112, 112, 64}, {64, 3, 3, 16}, groups_of(2, 4)},   // of a RegNet
           {{1, 14, 14, 320}, {320, 3, 3, 16}, groups_of(1, 20)},  //
           {{1, 224, 224, 3}, {32, 3, 3, 3}, groups_of(2, 1)},     // a stem
           {{1, 224, 224, 3}, {64, 7, 7, 3}, {{2, 2}, {}, {3, 3}, {3, 3}}},
           {{1, 112, 112, 32}, {64, 3, 3, 32}, groups_of(2, 1)},
       })
    EXPECT_STREQ(dispatch_of(layer).chosen, "cpu:conv2d_direct") << to_string(layer.input);
}

TEST(Conv2dMultiplier, TakesGroupsOfOneChannel) {
  for (const Layer& layer : std::vector<Layer>{
           {{1, 64, 64, 48}, {96, 7, 7, 1}, {{2, 2}, {}, {3, 3}, {3, 3}, 48}},  // of a FastViT
           {{1, 8, 8, 384}, {768, 3, 3, 1}, groups_of(1, 384)},
       })
    EXPECT_STREQ(dispatch_of(layer).chosen, "cpu:conv2d_multiplier") << to_string(layer.input);
}

TEST(Conv2dDirect, TellsWhatItRefuses) {
  struct Refused {
    Layer layer;
    const char *reason, *chosen;
  };
  for (const Refused& refused : std::vector<Refused>{
           {{{1, 9, 9, 64}, {64, 3, 3, 16}, {{1, 1}, {2, 2}, {2, 2}, {2, 2}, 4}},
            "dilation is 2",
            "cpu:conv2d_groups"},
           {{{1, 9, 9, 64}, {64, 3, 3, 16}, {{2, 1}, {}, {1, 1}, {1, 1}, 4}},
            "3x3 taps of stride 2x1",
            "cpu:conv2d_groups"},
           {{{1, 9, 9, 64}, {64, 3, 5, 16}, {{1, 1}, {}, {1, 2}, {1, 2}, 4}},
            "3x5 taps of stride 1x1",
            "cpu:conv2d_groups"},
           {{{1, 9, 9, 3}, {64, 7, 7, 3}, {{1, 1}, {}, {3, 3}, {3, 3}, 1}},
            "7x7 taps of stride 1x1",
            "cpu:conv2d_panel16"},
           {{{1, 9, 9, 33}, {64, 3, 3, 33}, groups_of(2, 1)},
            "297 terms, more than 288",
            "cpu:conv2d_panel16"},
           {{{1, 9, 9, 130}, {128, 3, 3, 65}, groups_of(2, 2)},
            "585 terms, more than 576",
            "cpu:conv2d_groups"},
           {{{1, 9, 9, 12}, {18, 3, 3, 4}, groups_of(2, 3)},
            "3 groups of 6 channels from 4",
            "cpu:conv2d_groups"},
       }) {
    const Dispatch dispatch = dispatch_of(refused.layer);
    EXPECT_STREQ(dispatch.chosen, refused.chosen);
    std::string reason;
    for (const auto& [impl, why] : dispatch.refused)
      if (impl == std::string("cpu:conv2d_direct")) reason = why;
    EXPECT_NE(reason.find(refused.reason), std::string::npos) << reason;
  }
}

}  // namespace
}  // namespace vitro
