#include "backends/cuda/kernels/linear.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

struct Case {
  int m, n, k;
  bool layer_norm, gelu, residual, bias;
};

/// Operands on the host and the device, and the result that double precision gives.
struct Product {
  Product(const Case& c, Element element, bool tf32)
      : shape(c),
        type(element),
        x(Random(1).values(element, int64_t{c.m} * c.k, -0.7f, 1.3f)),
        weight(Random(2).values(element, int64_t{c.n} * c.k, -0.2f, 0.2f)),
        residual(Random(3).values(element, int64_t{c.m} * c.n)),
        bias(Random(4).values(Element::Float32, c.n)),
        dx(element, x),
        dweight(element, weight),
        dresidual(element, residual),
        dbias(Element::Float32, bias),
        dsums(Element::Float32, c.n),
        dparts(dweight),
        y(element, int64_t{c.m} * c.n) {
    args.element = element, args.tf32 = tf32;
    args.x = dx.data(), args.weight = dweight.data(), args.y = y.data();
    args.bias = c.bias ? dbias.floats() : nullptr;
    args.residual = c.residual ? dresidual.data() : nullptr;
    args.m = c.m, args.n = c.n, args.k = c.k;
    args.layer_norm = c.layer_norm;
    if (c.gelu) args.activation = {UnaryOp::Gelu};
    args.eps = 1e-6f;
    linear_weight_sums(element, dweight.data(), c.n, c.k, const_cast<float*>(dsums.floats()), {});
    args.weight_sums = dsums.floats();
    args.weight_parts = dparts.floats();
  }
  std::vector<double> reference() const {
    std::vector<double> rows(x.begin(), x.end());
    if (shape.layer_norm) normalize_rows(rows, shape.k, 1e-6);
    std::vector<double> out = multiply_rows(rows, weight, shape.bias ? bias : std::vector<float>{},
                                            shape.m, shape.n, shape.k);
    for (size_t i = 0; i < out.size(); ++i) {
      if (shape.residual) out[i] += static_cast<double>(residual[i]);
      if (shape.gelu) out[i] = exact_gelu(out[i]);
    }
    return out;
  }
  Case shape;
  Element type;
  std::vector<float> x, weight, residual, bias;
  DeviceTensor dx, dweight, dresidual, dbias, dsums;
  WeightParts dparts;
  DeviceTensor y;
  LinearArgs args;
};

class LinearTest : public DeviceTest, public testing::WithParamInterface<int> {
 protected:
  int tile() const { return GetParam(); }
  const LinearTile& shape() const { return linear_tiles()[static_cast<size_t>(tile())]; }
  /// Of float32 without tf32 alone.
  bool is_exact() const {
    return shape().kind == LinearKind::Ffma || shape().kind == LinearKind::Tf32x3;
  }
};

constexpr Case kCases[] = {
    {196, 960, 320, true, false, false, true},  {196, 320, 320, false, false, true, true},
    {49, 2048, 512, true, true, false, true},   {49, 512, 2048, false, false, true, true},
    {131, 320, 1280, false, true, true, true},  {1, 64, 64, true, false, false, false},
    {257, 200, 72, true, true, true, true},     {33, 8, 8, false, false, false, false},
    {300, 1000, 512, false, false, false, true}};

TEST_P(LinearTest, EveryEndInEveryType) {
  for (const Element element : kElements)
    for (const bool tf32 : {false, true}) {
      if (tf32 && element != Element::Float32) continue;
      for (const Case& c : kCases) {
        Product product(c, element, tf32);
        if (linear_refusal(product.args, tile(), compute_capability()) != nullptr) continue;
        const Tolerance& bound = tf32 && tile() > 0 ? kCudaTf32 : tolerance_of(element);
        expect_result(
            fmt::format("{} {}{} m {} n {} k {}", shape().name, element_name(element),
                        tf32 ? " tf32" : "", c.m, c.n, c.k),
            product.y, [&](const Launch& launch) { linear(product.args, tile(), launch); },
            product.reference(), bound);
      }
    }
}

/// Blocks that take several tiles, of the same rows and of others.
TEST_P(LinearTest, MoreTilesThanMultiprocessors) {
  if (shape().kind != LinearKind::Wgmma || shape().split > 0)
    GTEST_SKIP() << "a block of these has one tile";
  if (compute_capability() != 90) GTEST_SKIP() << "wgmma asks for sm_90";
  for (const Case& c : {Case{17000, 136, 192, false, true, true, true},
                        Case{120000, 64, 256, false, false, false, true},
                        Case{3000, 960, 64, false, false, false, true}})
    for (const Element element : {Element::Float16, Element::Float32}) {
      Product product(c, element, true);
      if (linear_refusal(product.args, tile(), compute_capability()) != nullptr) {
        EXPECT_NE(element, Element::Float16);
        continue;
      }
      expect_result(
          fmt::format("{} {} m {} n {} k {} norm {}", shape().name, element_name(element), c.m, c.n,
                      c.k, c.layer_norm),
          product.y, [&](const Launch& launch) { linear(product.args, tile(), launch); },
          product.reference(), element == Element::Float16 ? kCudaFloat16 : kCudaTf32);
    }
}

TEST_P(LinearTest, ARowDoesNotDependOnTheOthers) {
  for (const Element element : {Element::Float16, Element::Float32}) {
    Product product({150, 320, 320, true, true, true, true}, element, !is_exact());
    if (linear_refusal(product.args, tile(), compute_capability()) != nullptr) continue;
    linear(product.args, tile(), {});
    const std::vector<std::byte> all = product.y.download();
    // The last rows alone land in other places of other blocks.
    const int skipped = 77, left = 150 - skipped;
    const size_t size = element_size(element), row_bytes = 320 * size;
    LinearArgs args = product.args;
    args.x = static_cast<const std::byte*>(args.x) + skipped * row_bytes;
    args.residual = static_cast<const std::byte*>(args.residual) + skipped * row_bytes;
    args.m = left;
    DeviceTensor y(element, left * 320);
    args.y = y.data();
    linear(args, tile(), {});
    const std::vector<std::byte> some = y.download();
    EXPECT_TRUE(std::equal(some.begin(), some.end(),
                           all.begin() + static_cast<int64_t>(skipped * row_bytes)));
  }
}

TEST_P(LinearTest, TheResidualMayBeTheResult) {
  const Element element = is_exact() ? Element::Float32 : Element::Float16;
  const int k = shape().kind == LinearKind::Tma ? 320 : 1280;  // all of it is in shared memory
  Product product({196, 320, k, false, false, true, true}, element, false);
  ASSERT_EQ(linear_refusal(product.args, tile(), compute_capability()), nullptr);
  check_cuda(cudaMemcpy(product.y.data(), product.dresidual.data(),
                        196 * 320 * element_size(element), cudaMemcpyDeviceToDevice),
             "copy");
  product.args.residual = product.y.data();
  linear(product.args, tile(), {});
  const std::vector<float> y = product.y.values();
  const std::vector<double> reference = product.reference();
  const Distance d = distance(std::span<const float>(y), std::span<const double>(reference));
  EXPECT_TRUE(d.within(tolerance_of(element))) << report(d, tolerance_of(element));
}

/// To the nearest: tensor cores by themselves cut what tf32 does not hold.
TEST_P(LinearTest, Tf32IsRounded) {
  constexpr int kSize = 64;
  const std::vector<float> values(kSize * kSize, 1 + 3 * 0x1p-12f);
  const DeviceTensor x(Element::Float32, values);
  const DeviceTensor y(Element::Float32, kSize * kSize);
  LinearArgs args;
  args.element = Element::Float32, args.tf32 = true;
  args.x = args.weight = x.data(), args.y = y.data();
  args.m = args.n = args.k = kSize;
  if (linear_refusal(args, tile(), compute_capability()) != nullptr || tile() == 0)
    GTEST_SKIP() << "the tile rounds nothing";
  linear(args, tile(), {});
  for (const float v : y.values()) ASSERT_NEAR(v / kSize, (1 + 0x1p-10f) * (1 + 0x1p-10f), 1e-5f);
}

INSTANTIATE_TEST_SUITE_P(Tiles, LinearTest,
                         testing::Range(0, static_cast<int>(linear_tiles().size())),
                         [](const auto& test) {
                           return std::string(linear_tiles()[static_cast<size_t>(test.param)].name);
                         });

/// A norm from sums that another product left, and that one's sums.
TEST_P(LinearTest, SumsOfRows) {
  for (const Element element : {Element::Float16, Element::BFloat16, Element::Float32})
    for (const Case& c : {Case{197, 136, 320, true, true, false, true},
                          Case{17000, 64, 72, true, false, true, true}}) {
      Product product(c, element, !is_exact());
      // What leaves them: x = x * identity, so that its rows are those of the product.
      LinearArgs identity = product.args;
      std::vector<float> ones(static_cast<size_t>(c.k) * c.k, 0.0f);
      for (int i = 0; i < c.k; ++i) ones[static_cast<size_t>(i) * c.k + i] = 1.0f;
      const DeviceTensor weight(element, ones);
      DeviceTensor x(element, int64_t{c.m} * c.k);
      identity.layer_norm = false, identity.activation = {}, identity.residual = nullptr;
      identity.bias = nullptr, identity.weight = weight.data(), identity.y = x.data();
      const WeightParts weight_parts(weight);
      identity.weight_parts = weight_parts.floats();
      identity.n = c.k;
      const int parts = linear_result_parts(c.k, tile());
      if (parts == 0 || linear_refusal(identity, tile(), compute_capability()) != nullptr) continue;
      DeviceTensor sums(Element::Float32, int64_t{c.m} * parts * 2);
      identity.result_sums = reinterpret_cast<float2*>(sums.data());
      linear(identity, tile(), {});
      product.args.x = x.data();
      product.args.row_sums = reinterpret_cast<const float2*>(sums.data());
      product.args.row_parts = parts;
      ASSERT_EQ(linear_refusal(product.args, tile(), compute_capability()), nullptr);
      expect_result(
          fmt::format("{} {} m {} n {} k {}", shape().name, element_name(element), c.m, c.n, c.k),
          product.y, [&](const Launch& launch) { linear(product.args, tile(), launch); },
          product.reference(),
          element == Element::Float32 && !is_exact() ? kCudaTf32 : tolerance_of(element));
    }
}

class LinearAnyTest : public DeviceTest {};

TEST_F(LinearAnyTest, RefusedArgumentsThrow) {
  EXPECT_THROW(linear(LinearArgs{}, 0, {}), std::invalid_argument);
}

TEST_F(LinearAnyTest, OddExtents) {
  for (const Element element : kElements)
    for (const Case& c :
         {Case{7, 5, 3, true, true, true, true}, Case{65, 67, 131, true, false, false, true}}) {
      Product product(c, element, false);
      EXPECT_EQ(choose_linear_tile(product.args, 132, 90), 0);
      expect_result(
          fmt::format("{} m {} n {} k {}", element_name(element), c.m, c.n, c.k), product.y,
          [&](const Launch& launch) { linear(product.args, 0, launch); }, product.reference(),
          tolerance_of(element));
    }
}

TEST_F(LinearAnyTest, RowsWithAMeanFarFromZero) {
  Product product({64, 64, 320, true, false, false, true}, Element::Float16, false);
  for (float& v : product.x) v = __half2float(__float2half_rn(v + 20.0f));
  const DeviceTensor x(Element::Float16, product.x);
  product.args.x = x.data();
  const std::vector<double> reference = product.reference();
  for (int tile = 0; tile < static_cast<int>(linear_tiles().size()); ++tile) {
    SCOPED_TRACE(linear_tiles()[static_cast<size_t>(tile)].name);
    if (linear_refusal(product.args, tile, compute_capability()) != nullptr) continue;
    linear(product.args, tile, {});
    const std::vector<float> y = product.y.values();
    const Distance d = distance(std::span<const float>(y), std::span<const double>(reference));
    EXPECT_TRUE(d.within(kCudaFloat16)) << report(d, kCudaFloat16);
  }
}

// Without a GPU.
TEST(LinearChoice, SmallTilesForSmallBatchesAndLargeForLarge) {
  LinearArgs args;
  args.m = 196, args.n = 960, args.k = 320;
  const auto tile = [&](int capability) {
    return linear_tiles()[static_cast<size_t>(choose_linear_tile(args, 132, capability))];
  };
  EXPECT_LE(tile(90).block_m, 32);
  args.m = 128 * 196;
  EXPECT_EQ(tile(90).kind, LinearKind::Wgmma);
  EXPECT_EQ(tile(80).kind, LinearKind::Mma);
  EXPECT_EQ(tile(80).block_m, 128);
  args.element = Element::Float32;
  EXPECT_EQ(tile(80).kind, LinearKind::Ffma);
  EXPECT_GE(tile(80).block_m, 64);
  alignas(16) const float parts[4] = {};
  args.weight_parts = parts;
  EXPECT_EQ(tile(90).kind, LinearKind::Tf32x3);
  args.tf32 = true;
  EXPECT_EQ(tile(90).kind, LinearKind::Wgmma);
  EXPECT_EQ(tile(80).kind, LinearKind::Mma);
  args.m = 49;
  EXPECT_EQ(tile(90).kind, LinearKind::Mma);
  args.tf32 = false;
  EXPECT_EQ(tile(90).block_m, 16);
  args.k = 321;
  EXPECT_EQ(tile(90).kind, LinearKind::Scalar);
}

TEST(LinearChoice, ALongKOfFewTilesIsShared) {
  LinearArgs args;
  args.m = 8 * 49, args.n = 512, args.k = 2048;
  const auto tile = [&] {
    return linear_tiles()[static_cast<size_t>(choose_linear_tile(args, 132, 90))];
  };
  EXPECT_EQ(tile().split, 2);
  args.element = Element::Float32, args.tf32 = true;
  EXPECT_EQ(tile().split, 2);
  args.element = Element::Float16;
  args.m = 4 * 49;
  EXPECT_EQ(tile().split, 4);
  args.m = 128 * 49;  // tiles enough
  EXPECT_EQ(tile().split, 0);
  args.m = 8 * 49, args.k = 64;  // one slab
  EXPECT_EQ(tile().split, 0);
  for (int i = 0; i < static_cast<int>(linear_tiles().size()); ++i) {
    if (linear_tiles()[static_cast<size_t>(i)].split < 2) continue;
    EXPECT_STREQ(linear_refusal(args, i, 90), "k is shorter than a slab for each block");
  }
}

// Kernels on wgmma are compiled for sm_90a alone, those on the copy engine from sm_90 on.
TEST(LinearChoice, NewerInstructionsWhereTheirCodeIs) {
  alignas(16) const float parts[4] = {};
  for (const auto& [element, tf32] :
       {std::pair{Element::Float32, false}, {Element::Float32, true}, {Element::Float16, false}}) {
    LinearArgs args;
    args.m = 128, args.n = 128, args.k = 512, args.weight_parts = parts;
    args.element = element, args.tf32 = tf32;
    for (const int capability : {80, 86, 89, 90, 100, 120})
      for (const int i : rank_linear_tiles(args, 132, capability)) {
        const LinearKind kind = linear_tiles()[static_cast<size_t>(i)].kind;
        if (kind == LinearKind::Wgmma || kind == LinearKind::Tf32x3) {
          EXPECT_EQ(capability, 90) << i;
        }
        if (kind == LinearKind::Tma) {
          EXPECT_GE(capability, 90) << i;
        }
      }
  }
}

TEST(LinearChoice, RefusalsSayWhy) {
  LinearArgs args;
  args.m = args.n = args.k = 64;
  EXPECT_EQ(linear_refusal(args, 1, 90), nullptr);
  args.element = Element::Float32;
  EXPECT_STREQ(linear_refusal(args, 1, 90),
               "float32 without tf32 is multiplied by ffma and tf32x3 tiles");
  const int exact = choose_linear_tile(args, 132, 90);
  args.tf32 = true;
  EXPECT_STREQ(linear_refusal(args, exact, 90), "tf32 is multiplied by mma and wgmma tiles");
  for (int i = 0; i < static_cast<int>(linear_tiles().size()); ++i) {
    const LinearTile& tile = linear_tiles()[static_cast<size_t>(i)];
    if (tile.kind != LinearKind::Wgmma || tile.split > 0) continue;
    EXPECT_STREQ(linear_refusal(args, i, 90),
                 tile.block_n == 64 ? nullptr : "tf32 is for wgmma tiles of 64 columns");
    LinearArgs exact_args = args;
    exact_args.tf32 = false;
    EXPECT_STREQ(linear_refusal(exact_args, i, 90), "wgmma tiles are for 16 bits and tf32");
  }
  args.element = Element::Float16, args.tf32 = false;
  EXPECT_STREQ(linear_refusal(args, exact, 90), "ffma and tf32x3 tiles are for float32");
  args.n = 0;
  EXPECT_STREQ(linear_refusal(args, 0, 90), "an extent is below 1");
  args.n = 64, args.k = 1024, args.layer_norm = true, args.element = Element::Float16;
  EXPECT_STREQ(linear_refusal(args, 8, 86), "the rows to normalise do not fit shared memory");
}

}  // namespace
}  // namespace vitro::cuda
