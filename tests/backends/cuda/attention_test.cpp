#include "backends/cuda/kernels/attention.h"

#include "backends/cuda/device_codes.h"

namespace vitro::cuda {
namespace {

using AttentionTest = DeviceTest;

struct Case {
  int n, t, heads, head_dim;
};

std::vector<double> reference(const AttentionArgs& a, const std::vector<float>& qkv,
                              const std::vector<float>& bias) {
  const int width = a.heads * a.head_dim;
  std::vector<double> y(static_cast<size_t>(a.n) * a.t * width), weights(a.t);
  for (int n = 0; n < a.n; ++n)
    for (int head = 0; head < a.heads; ++head)
      for (int query = 0; query < a.t; ++query) {
        const auto token = [&](int i, int part) {
          return qkv.data() + ((static_cast<size_t>(n) * a.t + i) * 3 + part) * width +
                 head * a.head_dim;
        };
        double maximum = -1e300, sum = 0;
        for (int key = 0; key < a.t; ++key) {
          double dot = 0;
          for (int i = 0; i < a.head_dim; ++i)
            dot += static_cast<double>(token(query, 0)[i]) * token(key, 1)[i];
          weights[key] = dot * a.scale;
          if (!bias.empty())
            weights[key] += static_cast<double>(bias[static_cast<size_t>(
                n % a.bias.images * a.bias.image_stride + head * a.bias.head_stride +
                query * a.bias.query_stride + key * a.bias.key_stride)]);
          maximum = std::max(maximum, weights[key]);
        }
        for (double& w : weights) sum += w = std::exp(w - maximum);
        double* out = y.data() + (static_cast<size_t>(n) * a.t + query) * width + head * a.head_dim;
        for (int key = 0; key < a.t; ++key)
          for (int i = 0; i < a.head_dim; ++i) out[i] += weights[key] / sum * token(key, 2)[i];
      }
  return y;
}

/// A bias for the last two extents, for as many images, and each head or all.
struct BiasCase {
  int images = 0;  // none
  bool by_head = true;
};

void check(const Case& k, Element element, float peak = 1.0f, bool tf32 = false,
           const BiasCase& bias_case = {}) {
  Random random(static_cast<uint32_t>(k.t * 7 + k.head_dim));
  const int64_t width = static_cast<int64_t>(k.heads) * k.head_dim;
  const auto qkv = random.values(element, k.n * k.t * 3 * width, -peak, peak);
  const int64_t head_size = static_cast<int64_t>(k.t) * k.t;
  const int64_t heads = bias_case.by_head ? k.heads : 1;
  auto bias = Random(9).values(Element::Float32, bias_case.images * heads * head_size, -2, 2);
  for (size_t i = 0; i < bias.size(); i += 5) bias[i] -= 100;  // as masks do
  const DeviceTensor dqkv(element, qkv), dbias(Element::Float32, bias);
  DeviceTensor context(element, k.n * k.t * width);
  AttentionArgs args{element,
                     dqkv.data(),
                     context.data(),
                     k.n,
                     k.t,
                     k.heads,
                     k.head_dim,
                     1.0f / std::sqrt(static_cast<float>(k.head_dim)),
                     {},
                     {},
                     tf32};
  if (bias_case.images > 0)
    args.bias = {dbias.floats(),
                 bias_case.images,
                 heads * head_size,
                 bias_case.by_head ? head_size : 0,
                 k.t,
                 1};
  const std::vector<double> expected = reference(args, qkv, bias);
  for (const auto variant : {AttentionVariant::Scalar, AttentionVariant::SplitKeys,
                             AttentionVariant::Wgmma, AttentionVariant::Rows}) {
    if (!attention_refusal(args, variant).empty()) continue;
    const auto what =
        fmt::format("{}{} [{}, {}, {} x {}] variant {}", element_name(element), tf32 ? " tf32" : "",
                    k.n, k.t, k.heads, k.head_dim, static_cast<int>(variant));
    expect_result(
        what, context, [&](const Launch& launch) { attention(args, variant, launch); }, expected,
        tf32 && variant == AttentionVariant::Rows ? kCudaTf32 : tolerance_of(element));
  }
}

TEST_F(AttentionTest, UniFormerStages) {
  check({2, 196, 5, 64}, Element::Float16);
  check({3, 49, 8, 64}, Element::Float16);
  check({27, 196, 5, 64}, Element::Float16);  // enough heads that a CTA takes a whole one
  check({2, 196, 5, 32}, Element::Float16);
  check({2, 49, 8, 32}, Element::Float16);
}

TEST_F(AttentionTest, UniFormerStagesInFloat32) {
  for (const bool tf32 : {false, true})
    for (const Case& k : {Case{2, 196, 5, 64}, Case{3, 49, 8, 64}, Case{9, 196, 5, 64},
                          Case{2, 196, 5, 32}, Case{2, 49, 8, 32}})
      check(k, Element::Float32, 1.0f, tf32);
}

TEST_F(AttentionTest, Bias) {
  for (const Element element : kElements)
    for (const bool tf32 : {false, true}) {
      if (tf32 && element != Element::Float32) continue;
      check({6, 49, 3, 32}, element, 1.0f, tf32, {3, true});
      check({4, 49, 2, 32}, element, 1.0f, tf32, {1, true});
      check({2, 197, 2, 64}, element, 1.0f, tf32, {2, false});
      check({2, 17, 2, 24}, element, 1.0f, tf32, {1, false});
    }
}

TEST_F(AttentionTest, AnyTokensAndHeadDim) {
  for (const Element element : kElements)
    for (const Case& k :
         {Case{1, 1, 1, 8}, Case{2, 5, 3, 16}, Case{1, 16, 2, 24}, Case{1, 17, 2, 40},
          Case{2, 64, 1, 64}, Case{3, 40, 3, 32}, Case{2, 208, 2, 64}, Case{2, 129, 3, 32},
          Case{1, 65, 2, 48}, Case{1, 256, 2, 64}, Case{1, 257, 1, 64}, Case{1, 300, 2, 32},
          Case{1, 500, 1, 64}, Case{1, 650, 1, 32}, Case{1, 130, 2, 128}, Case{1, 270, 1, 96},
          Case{1, 20, 2, 5}, Case{1, 12, 1, 136}}) {
      check(k, element);
      if (element == Element::Float32) check(k, element, 1.0f, true);
    }
}

TEST_F(AttentionTest, CodesOfContext) {
  for (const CodeKind kind : kKinds)
    for (const Case& k : {Case{2, 196, 5, 64}, Case{3, 49, 8, 32}, Case{1, 250, 2, 64}})
      for (const Element element : {Element::Float16, Element::BFloat16}) {
        const int c = k.heads * k.head_dim;
        const auto qkv = Random(5).values(element, int64_t{k.n} * k.t * 3 * c);
        const DeviceTensor dqkv(element, qkv);
        const DeviceBytes context(int64_t{k.n} * k.t * c);
        const CodesOfChannels channels(kind, c);
        AttentionArgs args{element, dqkv.data(), context.data(), k.n,
                           k.t,     k.heads,     k.head_dim,     0.125f};
        args.codes = channels.factors();
        EXPECT_NE(attention_refusal(args, AttentionVariant::Rows), "");
        if (compute_capability() != 90)
          GTEST_SKIP() << attention_refusal(args, attention_variant(args));
        attention(args, {});
        const std::vector<double> expected = reference(args, qkv, {});
        double squares = 0;
        for (double v : expected) squares += v * v;
        const double error = tolerance_of(element).max_over_rms *
                             std::sqrt(squares / static_cast<double>(expected.size()));
        EXPECT_TRUE(context.walls_hold());
        channels.expect(context.download(), expected, error, error);
      }
}

TEST_F(AttentionTest, PeakedWeights) {
  for (const Element element : kElements) check({1, 150, 2, 64}, element, 8.0f);
}

TEST(AttentionRefusalTest, NamesTheReason) {
  AttentionArgs args{Element::Float32, nullptr, nullptr, 1, 300, 1, 64, 1.0f};
  EXPECT_EQ(attention_variant(args), AttentionVariant::Rows);
  args.head_dim = 72;
  EXPECT_NE(attention_refusal(args, AttentionVariant::Rows).find("up to 64, not 72"),
            std::string::npos);
  EXPECT_EQ(attention_variant(args), AttentionVariant::Scalar);
  EXPECT_THROW(attention(args, AttentionVariant::SplitKeys, {}), std::invalid_argument);
}

}  // namespace
}  // namespace vitro::cuda
