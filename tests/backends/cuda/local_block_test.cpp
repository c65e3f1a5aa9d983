#include "backends/cuda/kernels/local_block.h"

#include "backends/cuda/local_mixer_sample.h"

namespace vitro::cuda {
namespace {

/// Where there is code for it.
class LocalBlockTest : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (IsSkipped()) return;
    if (compute_capability() != 90) GTEST_SKIP() << "the kernel asks for sm_90";
  }
};

constexpr LocalBlockTile kTiles[] = {LocalBlockTile::Small, LocalBlockTile::Medium};

struct Sample {
  Sample(const MapShape& map, Element element)
      : mixer(map, element),
        hidden(4 * map.c),
        fc1(mixer.random.values(element, int64_t{hidden} * map.c, -mixer.near_one, mixer.near_one)),
        fc2(mixer.random.values(element, int64_t{hidden} * map.c, -0.5f * mixer.near_one,
                                0.5f * mixer.near_one)),
        bias1(mixer.random.values(Element::Float32, hidden)),
        bias2(mixer.random.values(Element::Float32, map.c)),
        dfc1(element, fc1),
        dfc2(element, fc2),
        dbias1(Element::Float32, bias1),
        dbias2(Element::Float32, bias2),
        y(element, mixer.count()) {
    args.mixer = mixer.args;
    args.mlp.element = element;
    args.mlp.fc1_weight = dfc1.data(), args.mlp.fc1_bias = dbias1.floats();
    args.mlp.fc2_weight = dfc2.data(), args.mlp.fc2_bias = dbias2.floats();
    args.mlp.y = y.data();
    args.mlp.c = map.c, args.mlp.hidden = hidden;
  }
  Doubles reference() const {
    const MapShape& map = mixer.map;
    const int rows = map.n * map.h * map.w;
    const Doubles x = mixer.reference();
    Doubles values = multiply_rows(x, fc1, bias1, rows, hidden, map.c);
    for (double& v : values) v = exact_gelu(v);
    Doubles result = multiply_rows(values, fc2, bias2, rows, map.c, hidden);
    for (size_t i = 0; i < x.size(); ++i) result[i] += x[i];
    return result;
  }
  LocalMixerSample mixer;
  int hidden;
  std::vector<float> fc1, fc2, bias1, bias2;
  DeviceTensor dfc1, dfc2, dbias1, dbias2, y;
  LocalBlockArgs args;
};

void check(const MapShape& map, Element element) {
  Sample sample(map, element);
  ASSERT_EQ(local_block_refusal(sample.args, compute_capability()), "");
  const Doubles expected = sample.reference();
  for (const auto tile : kTiles)
    expect_result(
        fmt::format("{} {} tile {}", element_name(element), map.text(), static_cast<int>(tile)),
        sample.y, [&](const Launch& launch) { local_block(sample.args, tile, launch); }, expected,
        tolerance_of(element));
}

TEST_F(LocalBlockTest, UniFormerMaps) {
  for (const Element element : {Element::Float16, Element::BFloat16}) {
    check({1, 56, 56, 64}, element);
    check({2, 28, 28, 128}, element);
  }
}

TEST_F(LocalBlockTest, MapsThatTilesDoNotDivide) {
  for (const int c : {64, 128})
    for (const Element element : {Element::Float16, Element::BFloat16})
      for (const MapShape& map : {MapShape{1, 1, 1, c}, MapShape{3, 5, 9, c},
                                  MapShape{1, 15, 17, c}, MapShape{2, 8, 14, c}})
        check(map, element);
}

void expect_same_bits_alone(int size, int c, LocalBlockTile tile) {
  constexpr int kImages = 9;  // more tiles than a GPU has multiprocessors
  Sample sample({kImages, size, size, c}, Element::Float16);
  ASSERT_EQ(local_block_refusal(sample.args, compute_capability()), "");
  local_block(sample.args, tile, {});
  const std::vector<std::byte> all = sample.y.download();
  EXPECT_TRUE(sample.y.walls_hold());
  const auto image = static_cast<int64_t>(all.size()) / kImages;
  sample.args.mixer.n = 1;
  for (int64_t i = 0; i < kImages; i += 4) {
    sample.args.mixer.x = static_cast<const std::byte*>(sample.mixer.dx.data()) + i * image;
    sample.y.poison();
    local_block(sample.args, tile, {});
    const std::vector<std::byte> one = sample.y.download();
    EXPECT_TRUE(std::equal(one.begin(), one.begin() + image, all.begin() + i * image))
        << "width " << c << " image " << i;
  }
}

TEST_F(LocalBlockTest, ImagesKeepTheirBitsInABatch) {
  for (const auto tile : kTiles) {
    expect_same_bits_alone(56, 64, tile);
    expect_same_bits_alone(28, 128, tile);
  }
}

// Without a GPU.
TEST(LocalBlockRefusal, NamesTheReason) {
  LocalBlockArgs args;
  args.mixer.n = 1, args.mixer.h = args.mixer.w = 56, args.mixer.c = 64;
  args.mlp.c = 64, args.mlp.hidden = 256;
  EXPECT_EQ(local_block_refusal(args, 90), "");
  EXPECT_NE(local_block_refusal(args, 80).find("sm_90"), std::string::npos);
  EXPECT_NE(local_block_refusal(args, 100).find("sm_90"), std::string::npos);
  args.mlp.hidden = 128;
  EXPECT_NE(local_block_refusal(args, 90).find("256"), std::string::npos);
  args.mlp.hidden = 256, args.mlp.layer_norm = true;
  EXPECT_NE(local_block_refusal(args, 90).find("normalise"), std::string::npos);
  args.mlp.layer_norm = false, args.mlp.c = 128;
  EXPECT_NE(local_block_refusal(args, 90).find("width"), std::string::npos);
  args.mixer.c = 128, args.mlp.hidden = 512;
  EXPECT_EQ(local_block_refusal(args, 90), "");
}

TEST(LocalBlockChoice, IsForFewRoundsOfTiles) {
  const auto is_chosen = [](int c, int batch) {
    LocalBlockArgs args;
    args.mixer.n = batch, args.mixer.h = args.mixer.w = c == 64 ? 56 : 28;
    args.mixer.c = args.mlp.c = c, args.mlp.hidden = 4 * c;
    return prefers_local_block(args, 132, 90);
  };
  for (const int batch : {1, 2, 4}) EXPECT_TRUE(is_chosen(64, batch)) << batch;
  for (const int batch : {3, 8, 128}) EXPECT_FALSE(is_chosen(64, batch)) << batch;
  for (const int batch : {1, 2, 4, 8, 9, 16}) EXPECT_TRUE(is_chosen(128, batch)) << batch;
  for (const int batch : {10, 32, 128}) EXPECT_FALSE(is_chosen(128, batch)) << batch;
}

}  // namespace
}  // namespace vitro::cuda
