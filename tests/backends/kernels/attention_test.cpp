#include <cmath>

#include "core/convert.h"
#include "kernel_test.h"
#include "narrow_products.h"

namespace vitro::cpu {
namespace {

struct Case {
  int64_t tokens, heads, head_dim;
  float spread = 1;  // of queries and keys: large values make one weight dominate
};

std::vector<double> reference(const AttentionArgs& a) {
  const int64_t channels = a.heads * a.head_dim;
  std::vector<double> out(static_cast<size_t>(a.tokens * channels));
  std::vector<double> weights(static_cast<size_t>(a.tokens));
  for (int64_t head = 0; head < a.heads; ++head)
    for (int64_t i = 0; i < a.tokens; ++i) {
      const float* query = a.qkv + i * 3 * channels + head * a.head_dim;
      double top = -INFINITY, sum = 0;
      for (int64_t j = 0; j < a.tokens; ++j) {
        const float* key = a.qkv + (3 * j + 1) * channels + head * a.head_dim;
        double score = 0;
        for (int64_t e = 0; e < a.head_dim; ++e) score += static_cast<double>(query[e]) * key[e];
        weights[j] = score * a.scale;
        top = std::max(top, weights[j]);
      }
      for (double& w : weights) sum += w = std::exp(w - top);
      for (int64_t j = 0; j < a.tokens; ++j)
        for (int64_t e = 0; e < a.head_dim; ++e)
          out[i * channels + head * a.head_dim + e] +=
              weights[j] / sum * a.qkv[(3 * j + 2) * channels + head * a.head_dim + e];
    }
  return out;
}

class AttentionTest : public KernelTest {
 protected:
  void expect_matches(const Case& s) {
    const int64_t channels = s.heads * s.head_dim;
    Random random(static_cast<uint32_t>(s.tokens * 5 + s.head_dim));
    Guarded qkv(s.tokens * 3 * channels);
    for (int64_t i = 0; i < s.tokens * 3 * channels; ++i)
      qkv.data()[i] = random.next() * (i % (3 * channels) < 2 * channels ? s.spread : 1.0f);
    Guarded scratch(static_cast<int64_t>(attention_scratch_size(s.tokens, s.head_dim)));
    Guarded whole(s.tokens * channels), parts(s.tokens * channels);
    AttentionArgs a = {s.tokens,      s.heads,      s.head_dim,
                       qkv.data(),    whole.data(), 1 / std::sqrt(static_cast<float>(s.head_dim)),
                       scratch.data()};
    for (int64_t head = 0; head < s.heads; ++head) {
      a.out = whole.data();
      table().attention(a, head, 0, s.tokens);
      a.out = parts.data();
      for (int64_t row = 0; row < s.tokens; row += 7)
        table().attention(a, head, row, std::min(s.tokens, row + 7));
    }
    const std::vector<double> expected = reference(a);
    const Distance d = distance(whole.span(), std::span<const double>(expected));
    EXPECT_TRUE(d.within(kKernelAttention)) << s.tokens << " tokens, " << s.heads << " x "
                                            << s.head_dim << ": " << report(d, kKernelAttention);
    EXPECT_TRUE(same_bits(whole.span(), parts.span())) << "ranges of 7 queries";
    EXPECT_TRUE(whole.walls_hold() && parts.walls_hold() && scratch.walls_hold());
  }
};

TEST_P(AttentionTest, OddSizes) {
  for (int64_t tokens : {1, 2, 7, 15, 16, 17, 33, 50})
    for (int64_t head_dim : {1, 3, 8, 20, 33, 70}) expect_matches({tokens, 2, head_dim});
}

TEST_P(AttentionTest, StagesOfTheModel) {
  expect_matches({196, 5, 64});
  expect_matches({49, 8, 64});
  expect_matches({196, 2, 32});
  expect_matches({784, 1, 64});
}

TEST_P(AttentionTest, PeakedWeights) { expect_matches({60, 2, 24, 8.0f}); }

/// reference() between rows of bfloat16: weights are rounded, their sum is not.
class AttentionOfBFloat16 : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) return;
    if (!kernels(detect_isa()).has_bfloat16()) GTEST_SKIP() << "no bf16 on this machine";
  }
  const BFloat16Kernels& kernel() const {
    return GetParam() ? kBFloat16Emulated : kernels(detect_isa()).bfloat16;
  }

  void expect_matches(const Case& s) {
    const int64_t channels = s.heads * s.head_dim, stride = bfloat16_stride(channels);
    Random random(static_cast<uint32_t>(s.tokens * 5 + s.head_dim));
    std::vector<float> qkv = random.values(s.tokens * 3 * channels);
    std::vector<uint16_t> rounded(s.tokens * bfloat16_stride(3 * channels));
    kernel().round(qkv.data(), s.tokens, 3 * channels, rounded.data());
    for (float& x : qkv) x = bfloat16_to_float32(float32_to_bfloat16(x));
    Guarded scratch(static_cast<int64_t>(attention_scratch_size(s.tokens, s.head_dim)));
    Guarded whole(s.tokens * channels), parts(s.tokens * channels);
    std::vector<uint16_t> narrow(static_cast<size_t>(s.tokens * stride), 0x7fc1);
    AttentionArgs a = {s.tokens,      s.heads, s.head_dim,
                       qkv.data(),    nullptr, 1 / std::sqrt(static_cast<float>(s.head_dim)),
                       scratch.data()};
    const std::vector<double> expected = reference(a);
    a.qkv_bfloat16 = rounded.data();
    for (int64_t head = 0; head < s.heads; ++head) {
      a.out = whole.data();
      kernel().attention(a, head, 0, s.tokens);
      a.out = parts.data();
      for (int64_t row = 0; row < s.tokens; row += 7)
        kernel().attention(a, head, row, std::min(s.tokens, row + 7));
      a.out = nullptr;
      a.out_bfloat16 = narrow.data();
      kernel().attention(a, head, 0, s.tokens);
      a.out_bfloat16 = nullptr;
    }
    const Distance d = distance(whole.span(), std::span<const double>(expected));
    EXPECT_TRUE(d.within(kBFloat16Attention))
        << s.tokens << " tokens, " << s.heads << " x " << s.head_dim << ": "
        << report(d, kBFloat16Attention);
    EXPECT_TRUE(same_bits(whole.span(), parts.span())) << "ranges of 7 queries";
    EXPECT_TRUE(whole.walls_hold() && parts.walls_hold() && scratch.walls_hold());
    for (int64_t i = 0; i < s.tokens * stride; ++i)
      ASSERT_EQ(narrow[i],
                i % stride < channels
                    ? float32_to_bfloat16(whole.data()[i / stride * channels + i % stride])
                    : 0x7fc1);
  }
};

TEST_P(AttentionOfBFloat16, OddSizes) {
  for (int64_t tokens : {1, 2, 7, 15, 16, 17, 33, 50})
    for (int64_t head_dim : {2, 8, 20, 34, 70}) expect_matches({tokens, 2, head_dim});
}

TEST_P(AttentionOfBFloat16, StagesOfTheModel) {
  expect_matches({196, 5, 64});
  expect_matches({49, 8, 64});
}

INSTANTIATE_TEST_SUITE_P(Kernels, AttentionOfBFloat16, testing::Bool(),
                         [](const auto& test) { return test.param ? "emulated" : "native"; });

INSTANTIATE_TEST_SUITE_P(Isa, AttentionTest, testing::ValuesIn(available_isas()), isa_test_name);

}  // namespace
}  // namespace vitro::cpu
