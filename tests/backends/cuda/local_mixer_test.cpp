#include "backends/cuda/kernels/local_mixer.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using LocalMixerTest = DeviceTest;

struct Case {
  int n, h, w, c;
};

using Doubles = std::vector<double>;

Doubles depthwise(const Case& k, int size, const Doubles& x, const std::vector<float>& weight) {
  Doubles y(x.size());
  for (int n = 0; n < k.n; ++n)
    for (int oy = 0; oy < k.h; ++oy)
      for (int ox = 0; ox < k.w; ++ox)
        for (int i = 0; i < size; ++i)
          for (int j = 0; j < size; ++j) {
            const int iy = oy + i - size / 2, ix = ox + j - size / 2;
            if (iy < 0 || iy >= k.h || ix < 0 || ix >= k.w) continue;
            const double* src = x.data() + ((static_cast<size_t>(n) * k.h + iy) * k.w + ix) * k.c;
            double* dst = y.data() + ((static_cast<size_t>(n) * k.h + oy) * k.w + ox) * k.c;
            for (int c = 0; c < k.c; ++c) dst[c] += weight[(i * size + j) * k.c + c] * src[c];
          }
  return y;
}

Doubles linear(int c, const Doubles& x, const std::vector<float>& weight) {
  Doubles y(x.size());
  for (size_t row = 0; row < x.size() / c; ++row)
    for (int o = 0; o < c; ++o)
      for (int i = 0; i < c; ++i) y[row * c + o] += weight[o * c + i] * x[row * c + i];
  return y;
}

void add_bias(Doubles& x, const std::vector<float>& bias) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += bias[i % bias.size()];
}

void check(const Case& k, Element element) {
  Random random(static_cast<uint32_t>(k.h * 64 + k.c));
  const float near_one = 1.7f / std::sqrt(static_cast<float>(k.c));
  const int64_t count = static_cast<int64_t>(k.n) * k.h * k.w * k.c;
  const auto x = random.values(element, count);
  auto pos = random.values(Element::Float32, 9 * k.c, -0.3f, 0.3f);
  for (int c = 0; c < k.c; ++c) pos[4 * k.c + c] += 1.0f;
  const auto spatial = random.values(Element::Float32, 25 * k.c, -0.35f, 0.35f);
  const auto conv1 = random.values(element, k.c * k.c, -near_one, near_one);
  const auto conv2 = random.values(element, k.c * k.c, -near_one, near_one);
  const auto bias0 = random.values(Element::Float32, k.c),
             bias1 = random.values(Element::Float32, k.c),
             bias2 = random.values(Element::Float32, k.c);

  Doubles z = depthwise(k, 3, Doubles(x.begin(), x.end()), pos);
  add_bias(z, bias0);
  Doubles hidden = linear(k.c, z, conv1);
  add_bias(hidden, bias1);
  Doubles expected = linear(k.c, depthwise(k, 5, hidden, spatial), conv2);
  add_bias(expected, bias2);
  for (size_t i = 0; i < z.size(); ++i) expected[i] += z[i];

  const DeviceTensor dx(element, x), dpos(Element::Float32, pos),
      dspatial(Element::Float32, spatial), dconv1(element, conv1), dconv2(element, conv2),
      d0(Element::Float32, bias0), d1(Element::Float32, bias1), d2(Element::Float32, bias2);
  DeviceTensor dy(element, count);
  const LocalMixerArgs args{element,
                            dx.data(),
                            dpos.floats(),
                            d0.floats(),
                            dconv1.data(),
                            d1.floats(),
                            dspatial.floats(),
                            dconv2.data(),
                            d2.floats(),
                            dy.data(),
                            k.n,
                            k.h,
                            k.w,
                            k.c};
  std::vector<std::byte> first;
  for (const auto tile : {LocalMixerTile::Small, LocalMixerTile::Medium, LocalMixerTile::Large}) {
    expect_result(
        fmt::format("{} [{}, {}, {}, {}] tile {}", element_name(element), k.n, k.h, k.w, k.c,
                    static_cast<int>(tile)),
        dy, [&](const Launch& launch) { local_mixer(args, tile, launch); }, expected,
        tolerance_of(element));
    if (first.empty()) first = dy.download();
    EXPECT_EQ(first, dy.download()) << "tiles differ";
  }
}

TEST_F(LocalMixerTest, UniFormerMaps) {
  for (const Element element : {Element::Float16, Element::BFloat16}) {
    check({1, 56, 56, 64}, element);
    check({2, 28, 28, 128}, element);
  }
}

TEST_F(LocalMixerTest, MapsThatTilesDoNotDivide) {
  for (const int c : {64, 128})
    for (const Case& k :
         {Case{1, 1, 1, c}, Case{3, 5, 9, c}, Case{1, 15, 17, c}, Case{2, 8, 14, c}})
      check(k, Element::Float16);
}

TEST_F(LocalMixerTest, TileGrowsWithTheBatch) {
  for (const int c : {64, 128}) {
    LocalMixerArgs args{.n = 1, .h = c == 64 ? 56 : 28, .w = c == 64 ? 56 : 28, .c = c};
    int last = 0;
    for (args.n = 1; args.n <= 256; args.n *= 2) {
      const int tile = static_cast<int>(local_mixer_tile(args));
      EXPECT_GE(tile, last);
      last = tile;
    }
    EXPECT_NE(last, static_cast<int>(LocalMixerTile::Small));
  }
}

TEST(LocalMixerRefusalTest, NamesTheReason) {
  LocalMixerArgs args{.n = 1, .h = 8, .w = 8, .c = 96};
  EXPECT_NE(local_mixer_refusal(args).find("96"), std::string::npos);
  EXPECT_THROW(local_mixer(args, LocalMixerTile::Small, {}), std::invalid_argument);
  args.c = 64;
  EXPECT_EQ(local_mixer_refusal(args), "");
  args.element = Element::Float32;
  EXPECT_NE(local_mixer_refusal(args).find("float32"), std::string::npos);
}

}  // namespace
}  // namespace vitro::cuda
