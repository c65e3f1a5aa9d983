#include "backends/cuda/kernels/mlp.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

class MlpTest : public DeviceTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!IsSkipped() && mlp_tiles()[static_cast<size_t>(tile())].wgmma &&
        compute_capability() != 90)
      GTEST_SKIP() << "wgmma asks for sm_90";
  }
  int tile() const { return GetParam(); }
};

struct Block {
  Block(Element type, int m, int c, int hidden, bool layer_norm)
      : x(Random(1).values(type, int64_t{m} * c, -1, 1.5f)),
        fc1(Random(2).values(type, int64_t{hidden} * c, -0.2f, 0.2f)),
        fc2(Random(3).values(type, int64_t{hidden} * c, -0.1f, 0.1f)),
        bias1(Random(4).values(Element::Float32, hidden)),
        bias2(Random(5).values(Element::Float32, c)),
        dx(type, x),
        dfc1(type, fc1),
        dfc2(type, fc2),
        dbias1(Element::Float32, bias1),
        dbias2(Element::Float32, bias2),
        y(type, int64_t{m} * c) {
    args = {type,     dx.data(), dfc1.data(), dbias1.floats(), dfc2.data(), dbias2.floats(),
            y.data(), m,         c,           hidden,          layer_norm,  1e-6f};
  }
  std::vector<double> reference() const {
    std::vector<double> rows(x.begin(), x.end());
    if (args.layer_norm) normalize_rows(rows, args.c, 1e-6);
    std::vector<double> hidden = multiply_rows(rows, fc1, bias1, args.m, args.hidden, args.c);
    for (double& v : hidden) v = exact_gelu(v);
    std::vector<double> out = multiply_rows(hidden, fc2, bias2, args.m, args.c, args.hidden);
    for (size_t i = 0; i < out.size(); ++i) out[i] += static_cast<double>(x[i]);
    return out;
  }
  std::vector<float> x, fc1, fc2, bias1, bias2;
  DeviceTensor dx, dfc1, dfc2, dbias1, dbias2, y;
  MlpArgs args;
};

TEST_P(MlpTest, AnyRows) {
  const int c = mlp_tiles()[static_cast<size_t>(tile())].c;
  for (const Element type : {Element::Float16, Element::BFloat16})
    for (const int hidden : {4 * c, 128})
      for (const auto& [m, layer_norm] :
           {std::pair{1, true}, {37, false}, {300, true}, {784, false}}) {
        Block block(type, m, c, hidden, layer_norm);
        ASSERT_EQ(mlp_refusal(block.args, tile(), compute_capability()), nullptr);
        expect_result(
            fmt::format("{} m {} hidden {}", element_name(type), m, hidden), block.y,
            [&](const Launch& launch) { mlp(block.args, tile(), launch); }, block.reference(),
            tolerance_of(type));
      }
}

TEST_P(MlpTest, MoreRowsThanTheBlocksThatStay) {
  const int c = mlp_tiles()[static_cast<size_t>(tile())].c, m = 70001;
  Block all(Element::Float16, m, c, 256, true), some(Element::Float16, 300, c, 256, true);
  mlp(all.args, tile(), {});
  const size_t first = 2u * 69000 * static_cast<size_t>(c);
  some.args.x = static_cast<const std::byte*>(all.args.x) + first;
  mlp(some.args, tile(), {});
  const std::vector<std::byte> a = all.y.download(), b = some.y.download();
  EXPECT_TRUE(all.y.walls_hold());
  EXPECT_TRUE(std::equal(b.begin(), b.end(), a.begin() + static_cast<int64_t>(first)));
}

TEST_P(MlpTest, TheResultMayBeTheOperand) {
  const int c = mlp_tiles()[static_cast<size_t>(tile())].c;
  Block block(Element::Float16, 333, c, 4 * c, true);
  mlp(block.args, tile(), {});
  block.args.y = block.dx.data();
  mlp(block.args, tile(), {});
  EXPECT_EQ(block.y.download(), block.dx.download());
}

INSTANTIATE_TEST_SUITE_P(Tiles, MlpTest, testing::Range(0, static_cast<int>(mlp_tiles().size())),
                         [](const auto& test) {
                           return std::string(mlp_tiles()[static_cast<size_t>(test.param)].name);
                         });

// Without a GPU.
TEST(MlpChoice, TheHiddenColumnsAreSplitForFewRows) {
  MlpArgs args;
  args.c = 64, args.hidden = 256, args.m = 3136;
  const auto rows = [&] {
    return mlp_tiles()[static_cast<size_t>(choose_mlp_tile(args, 132, 90))].rows;
  };
  EXPECT_EQ(rows(), 16);
  args.m *= 128;
  EXPECT_EQ(rows(), 128);
  args.c = 128, args.hidden = 512, args.m = 128 * 784;
  EXPECT_EQ(rows(), 192);
  args.m = 784;  // two linears
  EXPECT_EQ(choose_mlp_tile(args, 132, 90), -1);
  args.c = 320;
  EXPECT_EQ(choose_mlp_tile(args, 132, 90), -1);
  EXPECT_STREQ(mlp_refusal(args, 0, 90), "the tile is for another width");
}

}  // namespace
}  // namespace vitro::cuda
