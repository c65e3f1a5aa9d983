// A local mixer and the mlp behind it on a GPU, beside the cpu backend.
#include <gtest/gtest.h>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/guarded_run.h"
#include "metric.h"
#include "ops/case_list.h"
#include "tolerances.h"

namespace vitro {
namespace {

class LocalBlockSteps : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto refusal = cuda_backend()->available()) GTEST_SKIP() << refusal->reason;
  }
  /// `both`: the mixer's result leaves the graph too.
  static Graph block(const Dims& dims, bool both) {
    GraphBuilder builder;
    Random random("block");
    const int64_t c = dims.back();
    const ValueId x = builder.input("x", dims);
    const ValueId pos = weight(builder, random, {3, 3, c}, 9);
    const ValueId pos_bias = bias(builder, random, c);
    const ValueId conv1 = weight(builder, random, {c, c}, c);
    const ValueId conv1_bias = bias(builder, random, c);
    const ValueId spatial = weight(builder, random, {5, 5, c}, 25);
    const ValueId conv2 = weight(builder, random, {c, c}, c);
    const ValueId mixer = builder.op(
        OpKind::LocalMixer, {},
        {x, pos, pos_bias, conv1, conv1_bias, spatial, conv2, bias(builder, random, c)}, "mixer");
    const ValueId fc1 = weight(builder, random, {4 * c, c}, c);
    const ValueId fc1_bias = bias(builder, random, 4 * c);
    const ValueId fc2 = weight(builder, random, {c, 4 * c}, 4 * c);
    const ValueId mlp = builder.op(OpKind::Mlp, MlpAttrs{false, 1e-6f},
                                   {mixer, fc1, fc1_bias, fc2, bias(builder, random, c)}, "mlp");
    return both ? builder.finish({mixer, mlp}) : builder.finish({mlp});
  }
  /// As the cpu backend; whether one step did it.
  static bool is_one_step(const Dims& dims, bool both = false) {
    SCOPED_TRACE(to_string(dims));
    const Graph graph = block(dims, both);
    const std::vector<Tensor> inputs{Random("x").tensor(dims, -1, 1)};
    const auto exact = compile_for(find_backend("cpu"), graph, inputs, 2),
               executable = compile_for(*cuda_backend(), graph, inputs);
    const auto expected = GuardedRun(find_backend("cpu"), *exact, inputs).run(),
               got = GuardedRun(*cuda_backend(), *executable, inputs).run();
    for (size_t i = 0; i < expected.size(); ++i) {
      const Distance d =
          distance(std::span<const float>(got[i]), std::span<const float>(expected[i]));
      EXPECT_TRUE(d.within(kCudaFloat16)) << report(d, kCudaFloat16);
    }
    const StepInfo& last = executable->steps().back();
    if (last.impl != std::string("cuda:local_block")) return false;
    const auto apart = compile_for(*cuda_backend(), block(dims, true), inputs);
    const StepInfo& mlp = apart->steps().back();
    const StepInfo& mixer = apart->steps()[apart->steps().size() - 2];
    EXPECT_EQ(last.node, mlp.node);
    EXPECT_EQ(last.earlier_nodes, std::vector{mixer.node});
    EXPECT_EQ(last.flops, mixer.flops + mlp.flops);
    EXPECT_EQ(last.weight_bytes, mixer.weight_bytes + mlp.weight_bytes);
    EXPECT_EQ(last.sections.size(), 1u);
    EXPECT_EQ(executable->dispatch().back().absorbed.size(), 1u);
    return true;
  }
};

TEST_F(LocalBlockSteps, AFewImagesTakeOneLaunch) {
  if (cuda::compute_capability() != 90) GTEST_SKIP() << "the kernel asks for sm_90";
  EXPECT_TRUE(is_one_step({1, 56, 56, 64}));
  EXPECT_TRUE(is_one_step({1, 28, 28, 128}));
  EXPECT_TRUE(is_one_step({5, 28, 28, 128}));
}

TEST_F(LocalBlockSteps, OthersTakeTwo) {
  EXPECT_FALSE(is_one_step({64, 28, 28, 128})) << "where larger tiles pay";
  EXPECT_FALSE(is_one_step({1, 28, 28, 96})) << "another width";
  EXPECT_FALSE(is_one_step({1, 28, 28, 128}, true)) << "somebody else reads the mixer's result";
}

}  // namespace
}  // namespace vitro
