#include "backends/cuda/kernels/transformer_blocks.h"

#include <memory>

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

/// Where all of it fits.
class TransformerBlocksTest : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (IsSkipped()) return;
    if (compute_capability() != 90 || multiprocessors() < 130)
      GTEST_SKIP() << "the kernel asks for sm_90 and 130 multiprocessors";
  }
};
using Doubles = std::vector<double>;

struct Case {
  int h, w, c, blocks;
};

/// The weights of a block, rounded as they are stored; matrices [out, in].
struct Weights {
  std::vector<float> pos, qkv, proj, fc1, fc2, pos_bias, qkv_bias, proj_bias, fc1_bias, fc2_bias;

  Weights(Random& random, Element element, int c) {
    const auto matrix = [&](int out, int in, float gain) {
      const float bound = gain * 1.7f / std::sqrt(static_cast<float>(in));
      return random.values(element, static_cast<int64_t>(out) * in, -bound, bound);
    };
    const auto floats = [&](int count) {
      return random.values(Element::Float32, count, -0.5f, 0.5f);
    };
    pos = random.values(Element::Float32, 9 * c, -0.2f, 0.2f);
    for (int i = 0; i < c; ++i) pos[static_cast<size_t>(4 * c + i)] += 1.0f;
    qkv = matrix(3 * c, c, 1), proj = matrix(c, c, 0.5f);
    fc1 = matrix(4 * c, c, 1), fc2 = matrix(c, 4 * c, 0.5f);
    pos_bias = floats(c), qkv_bias = floats(3 * c), proj_bias = floats(c);
    fc1_bias = floats(4 * c), fc2_bias = floats(c);
  }
};

Doubles linear(const Doubles& x, const std::vector<float>& weight, const std::vector<float>& bias) {
  const size_t n = bias.size(), k = weight.size() / n, rows = x.size() / k;
  Doubles y(rows * n);
  for (size_t row = 0; row < rows; ++row)
    for (size_t o = 0; o < n; ++o) {
      double sum = bias[o];
      for (size_t i = 0; i < k; ++i) sum += x[row * k + i] * weight[o * k + i];
      y[row * n + o] = sum;
    }
  return y;
}

Doubles norm(const Doubles& x, size_t c, double eps) {
  Doubles y(x.size());
  for (size_t row = 0; row < x.size(); row += c) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < c; ++i) mean += x[row + i] / static_cast<double>(c);
    for (size_t i = 0; i < c; ++i)
      squares += (x[row + i] - mean) * (x[row + i] - mean) / static_cast<double>(c);
    for (size_t i = 0; i < c; ++i) y[row + i] = (x[row + i] - mean) / std::sqrt(squares + eps);
  }
  return y;
}

Doubles embed(const Case& k, const Doubles& x, const Weights& weights) {
  const auto c = static_cast<size_t>(k.c);
  Doubles y(x.size());
  for (int row = 0; row < k.h; ++row)
    for (int column = 0; column < k.w; ++column)
      for (size_t i = 0; i < c; ++i) {
        double sum = weights.pos_bias[i];
        for (int dy = -1; dy <= 1; ++dy)
          for (int dx = -1; dx <= 1; ++dx) {
            const int r = row + dy, q = column + dx;
            if (r < 0 || r >= k.h || q < 0 || q >= k.w) continue;
            sum += x[static_cast<size_t>(r * k.w + q) * c + i] *
                   weights.pos[static_cast<size_t>((dy + 1) * 3 + dx + 1) * c + i];
          }
        y[static_cast<size_t>(row * k.w + column) * c + i] = sum;
      }
  return y;
}

Doubles attend(const Doubles& qkv, size_t c, double scale) {
  const size_t tokens = qkv.size() / (3 * c), d = 64;
  Doubles context(tokens * c), scores(tokens);
  for (size_t head = 0; head < c; head += d)
    for (size_t q = 0; q < tokens; ++q) {
      double maximum = -1e300, sum = 0;
      for (size_t k = 0; k < tokens; ++k) {
        scores[k] = 0;
        for (size_t i = head; i < head + d; ++i)
          scores[k] += qkv[q * 3 * c + i] * qkv[k * 3 * c + c + i] * scale;
        maximum = std::max(maximum, scores[k]);
      }
      for (double& score : scores) sum += score = std::exp(score - maximum);
      for (size_t k = 0; k < tokens; ++k)
        for (size_t i = head; i < head + d; ++i)
          context[q * c + i] += scores[k] / sum * qkv[k * 3 * c + 2 * c + i];
    }
  return context;
}

void add(Doubles& x, const Doubles& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

Doubles reference(const Case& k, Doubles x, const Weights& weights, double scale) {
  const auto c = static_cast<size_t>(k.c);
  x = embed(k, x, weights);
  const Doubles qkv = linear(norm(x, c, 1e-6), weights.qkv, weights.qkv_bias);
  add(x, linear(attend(qkv, c, scale), weights.proj, weights.proj_bias));
  Doubles hidden = linear(norm(x, c, 1e-5), weights.fc1, weights.fc1_bias);
  for (double& v : hidden) v *= 0.5 * std::erfc(-v / std::sqrt(2.0));
  add(x, linear(hidden, weights.fc2, weights.fc2_bias));
  return x;
}

/// The packed weights of a block on the device.
std::unique_ptr<DeviceTensor> packed(Element element, int c, const Weights& w) {
  const DeviceTensor pos(Element::Float32, w.pos), pos_bias(Element::Float32, w.pos_bias),
      qkv(element, w.qkv), qkv_bias(Element::Float32, w.qkv_bias), proj(element, w.proj),
      proj_bias(Element::Float32, w.proj_bias), fc1(element, w.fc1),
      fc1_bias(Element::Float32, w.fc1_bias), fc2(element, w.fc2),
      fc2_bias(Element::Float32, w.fc2_bias);
  const DeviceTensor qkv_sums(Element::Float32, 3 * c), fc1_sums(Element::Float32, 4 * c);
  linear_weight_sums(element, qkv.data(), 3 * c, c, const_cast<float*>(qkv_sums.floats()), {});
  linear_weight_sums(element, fc1.data(), 4 * c, c, const_cast<float*>(fc1_sums.floats()), {});
  auto result = std::make_unique<DeviceTensor>(
      Element::Float32, static_cast<int64_t>(packed_transformer_block_bytes(c) / sizeof(float)));
  pack_transformer_block(element, c,
                         {pos.floats(), pos_bias.floats(), qkv.data(), proj.data(), fc1.data(),
                          fc2.data(), qkv_bias.floats(), proj_bias.floats(), fc1_bias.floats(),
                          fc2_bias.floats(), qkv_sums.floats(), fc1_sums.floats()},
                         result->data(), {});
  check_cuda(cudaDeviceSynchronize(), "packing");
  EXPECT_TRUE(result->walls_hold());
  return result;
}

void check(const Case& k, Element element) {
  TransformerBlocksArgs args;
  args.element = element, args.h = k.h, args.w = k.w, args.c = k.c, args.blocks = k.blocks;
  args.scale = 0.125f, args.eps1 = 1e-6f, args.eps2 = 1e-5f;
  ASSERT_EQ(transformer_blocks_refusal(args), "");

  Random random(static_cast<uint32_t>(k.h * 64 + k.c));
  const auto x = random.values(element, static_cast<int64_t>(k.h) * k.w * k.c);
  Doubles expected(x.begin(), x.end());
  std::vector<std::unique_ptr<DeviceTensor>> weights;
  for (int block = 0; block < k.blocks; ++block) {
    const Weights own(random, element, k.c);
    weights.push_back(packed(element, k.c, own));
    args.packed[block] = weights.back()->data();
    expected = reference(k, expected, own, args.scale);
  }
  const DeviceTensor dx(element, x);
  DeviceTensor dy(element, static_cast<int64_t>(x.size()));
  const DeviceTensor scratch(Element::Float32,
                             static_cast<int64_t>(transformer_blocks_scratch_bytes(args) / 4));
  args.x = dx.data(), args.y = dy.data(), args.scratch = scratch.data();
  expect_result(
      fmt::format("{} {}x{}x{}, {} blocks", element_name(element), k.h, k.w, k.c, k.blocks), dy,
      [&](const Launch& launch) { transformer_blocks(args, launch); }, expected,
      tolerance_of(element));
  EXPECT_TRUE(scratch.walls_hold());
}

TEST_F(TransformerBlocksTest, UniFormerMaps) {
  for (const Element element : {Element::Float16, Element::BFloat16}) {
    check({14, 14, 320, 3}, element);
    check({7, 7, 512, 3}, element);
  }
}

TEST_F(TransformerBlocksTest, MapsThatTilesDoNotDivide) {
  for (const int c : {320, 512})
    for (const Case& k : {Case{1, 1, c, 1}, Case{3, 5, c, 2}, Case{1, 13, c, 2}, Case{6, 3, c, 1}})
      check(k, Element::Float16);
}

/// No computation gives the NaN that stands for what is not there: nothing waits for ever.
TEST_F(TransformerBlocksTest, NaNIsAResultLikeAnyOther) {
  for (const Element element : {Element::Float16, Element::BFloat16}) {
    TransformerBlocksArgs args;
    args.element = element, args.h = args.w = 7, args.c = 512, args.blocks = 2;
    args.scale = 0.125f;
    Random random(1);
    const auto weights = packed(element, args.c, Weights(random, element, args.c));
    args.packed[0] = args.packed[1] = weights->data();
    const DeviceTensor x(element, 49 * 512);  // of 0xffff, the very bits
    const DeviceTensor y(element, 49 * 512);
    const DeviceTensor scratch(Element::Float32,
                               static_cast<int64_t>(transformer_blocks_scratch_bytes(args) / 4));
    args.x = x.data(), args.y = y.data(), args.scratch = scratch.data();
    const Stream stream;
    transformer_blocks(args, {stream.get(), false});
    stream.wait();
    for (const float value : y.values()) ASSERT_TRUE(std::isnan(value));
  }
}

TEST(TransformerBlocksRefusalTest, NamesTheReason) {
  TransformerBlocksArgs args;
  args.h = args.w = 7, args.c = 384, args.blocks = 1, args.scale = 0.125f;
  EXPECT_NE(transformer_blocks_refusal(args).find("384"), std::string::npos);
  args.c = 320, args.element = Element::Float32;
  EXPECT_NE(transformer_blocks_refusal(args), "");
}

}  // namespace
}  // namespace vitro::cuda
