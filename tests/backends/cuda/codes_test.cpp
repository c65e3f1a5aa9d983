// Large products in 8 bits on a GPU, beside the cpu backend's, which are exact.
#include <gtest/gtest.h>

#include "backends/cuda/cuda_backend.h"
#include "backends/guarded_run.h"
#include "metric.h"
#include "ops/case_list.h"
#include "tolerances.h"

namespace vitro {
namespace {

class CodesInSessions : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto refusal = cuda_backend()->available()) GTEST_SKIP() << refusal->reason;
  }

  /// One op in float16 on the GPU, and the same on the cpu backend.
  static void expect_agreement(
      OpKind kind, const Attrs& attrs, const Dims& x,
      const std::function<void(GraphBuilder&, Random&, std::vector<ValueId>&)>& add_operands,
      const char* impl, const Tolerance& bound, const char* choices = nullptr) {
    GraphBuilder builder;
    Random random(impl);
    std::vector<ValueId> operands{builder.input("x", x)};
    add_operands(builder, random, operands);
    const Graph graph = builder.finish({builder.op(kind, attrs, operands, "op")});
    const std::vector<Tensor> inputs{random.tensor(x, -1, 1)};
    const auto exact = compile_for(find_backend("cpu"), graph, inputs, 2),
               executable = compile_for(*cuda_backend(), graph, inputs);
    ASSERT_EQ(executable->steps().size(), 1);
    EXPECT_STREQ(executable->dispatch()[0].chosen, impl);
    if (choices) {
      EXPECT_EQ(executable->dispatch()[0].choices, choices);
    }
    EXPECT_TRUE(executable->steps()[0].sections[0].quantized);
    const std::vector<float> expected = GuardedRun(find_backend("cpu"), *exact, inputs).run()[0],
                             got = GuardedRun(*cuda_backend(), *executable, inputs).run()[0];
    const Distance d = distance(std::span<const float>(got), std::span<const float>(expected));
    EXPECT_TRUE(d.within(bound)) << report(d, bound);
  }

  static auto mlp_operands(int64_t c, DType dtype) {
    return [=](GraphBuilder& builder, Random& random, std::vector<ValueId>& operands) {
      operands.insert(operands.end(),
                      {weight(builder, random, {4 * c, c}, c), bias(builder, random, 4 * c),
                       weight(builder, random, {c, 4 * c}, 4 * c), bias(builder, random, c)});
      quantize(builder, random, operands, 1, 5, dtype);
      quantize(builder, random, operands, 3, 8, dtype);
    };
  }
};

/// The weights in 8 bits, and how far results may be off: 8-bit floats of values that were float16
/// may be the neighbours of those that were float32.
constexpr std::pair<DType, const Tolerance*> kKinds[] = {{DType::Int8, &kCudaFloat16},
                                                         {DType::Float8E4M3, &kFloat8Chain}};

TEST_F(CodesInSessions, Mlp) {
  for (const auto& [dtype, bound] : kKinds) {
    SCOPED_TRACE(dtype_name(dtype));
    expect_agreement(OpKind::Mlp, MlpAttrs{true, 1e-6f}, {32, 196, 320}, mlp_operands(320, dtype),
                     "cuda:mlp_codes", *bound);
    expect_agreement(OpKind::Mlp, MlpAttrs{false, 1e-6f}, {6300, 320}, mlp_operands(320, dtype),
                     "cuda:mlp_codes", *bound);
  }
}

/// Their input is not rounded, so they are not what codes give.
TEST_F(CodesInSessions, SmallProductsAreOfFloats) {
  for (const auto& [dtype, bound] : kKinds) {
    GraphBuilder builder;
    Random random("small");
    std::vector<ValueId> operands{builder.input("x", {1, 196, 320})};
    mlp_operands(320, dtype)(builder, random, operands);
    const Graph graph =
        builder.finish({builder.op(OpKind::Mlp, MlpAttrs{true, 1e-6f}, operands, "op")});
    const std::vector<Tensor> inputs{random.tensor({1, 196, 320}, -1, 1)};
    EXPECT_STREQ(compile_for(*cuda_backend(), graph, inputs)->dispatch()[0].chosen,
                 "cuda:mlp_products");
  }
}

/// The product behind attention is one of codes or of floats.
TEST_F(CodesInSessions, AttentionBlock) {
  constexpr int64_t c = 512;
  for (const auto& [dtype, bound] : kKinds)
    for (const bool both : {false, true})
      expect_agreement(
          OpKind::AttentionBlock, AttentionBlockAttrs{8, 64, 0.125f, 1e-6f}, {128, 7, 7, c},
          [dtype = dtype, both](GraphBuilder& builder, Random& random,
                                std::vector<ValueId>& operands) {
            operands.insert(operands.end(),
                            {weight(builder, random, {3 * c, c}, c), bias(builder, random, 3 * c),
                             weight(builder, random, {c, c}, c), bias(builder, random, c)});
            quantize(builder, random, operands, 1, 5, dtype);
            if (both) quantize(builder, random, operands, 3, 8, dtype);
          },
          "cuda:attention_block_codes", *bound, both ? "core wgmma, proj in codes" : nullptr);
}

TEST_F(CodesInSessions, Linear) {
  for (const auto& [dtype, bound] : kKinds)
    expect_agreement(
        OpKind::QuantizedLinear, {}, {4000, 768},
        [dtype = dtype](GraphBuilder& builder, Random& random, std::vector<ValueId>& operands) {
          operands.push_back(code_weight(builder, random, {2000, 768}, dtype));
          for (ValueId id : quantization(builder, random, {2000, 768}, dtype))
            operands.push_back(id);
        },
        "cuda:linear_codes", *bound);
}

}  // namespace
}  // namespace vitro
