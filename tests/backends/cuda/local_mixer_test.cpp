#include "backends/cuda/kernels/local_mixer.h"

#include "backends/cuda/local_mixer_sample.h"

namespace vitro::cuda {
namespace {

using LocalMixerTest = DeviceTest;

void check(const MapShape& map, Element element) {
  LocalMixerSample sample(map, element);
  DeviceTensor dy(element, sample.count());
  sample.args.y = dy.data();
  const Doubles expected = sample.reference();
  std::vector<std::byte> first;
  for (const auto tile : {LocalMixerTile::Small, LocalMixerTile::Medium, LocalMixerTile::Large}) {
    expect_result(
        fmt::format("{} {} tile {}", element_name(element), map.text(), static_cast<int>(tile)), dy,
        [&](const Launch& launch) { local_mixer(sample.args, tile, launch); }, expected,
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
    for (const MapShape& map : {MapShape{1, 1, 1, c}, MapShape{3, 5, 9, c}, MapShape{1, 15, 17, c},
                                MapShape{2, 8, 14, c}})
      check(map, Element::Float16);
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
