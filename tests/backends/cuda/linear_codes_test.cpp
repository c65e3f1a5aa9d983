#include "backends/cuda/kernels/linear_codes.h"

#include <random>

#include "backends/cuda/device_codes.h"
#include "backends/cuda/kernels/linear_codes_mma.h"
#include "backends/cuda/product_reference.h"
#include "core/convert.h"

namespace vitro::cuda {
namespace {

class CodesTest : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!IsSkipped() && compute_capability() < 80)
      GTEST_SKIP() << "products of codes ask for sm_80";
  }
};

std::vector<uint8_t> random_codes(CodeKind kind, uint32_t seed, int64_t count) {
  std::vector<uint8_t> bytes;
  for (float v : Random(seed).values(Element::Float32, count, 0, 256))
    bytes.push_back(kind == CodeKind::Float8 ? float32_to_float8_e4m3(3.5f * (v - 128))
                                             : static_cast<uint8_t>(v));
  return bytes;
}

/// What codes stand for; those of weights when `is_signed`.
std::vector<double> values_of(CodeKind kind, const std::vector<uint8_t>& codes, bool is_signed) {
  std::vector<double> values;
  for (uint8_t code : codes) {
    const int integer = is_signed ? static_cast<int8_t>(code) : int{code};
    values.push_back(kind == CodeKind::Float8 ? double{float8_e4m3_to_float32(code)}
                                              : static_cast<double>(integer));
  }
  return values;
}

struct Case {
  int m, n, k;
  bool gelu, residual, codes;
};

std::vector<float> random_scale(CodeKind kind, int n) {
  const float low = kind == CodeKind::Float8 ? 1e-6f : 1e-5f;
  return Random(4).values(Element::Float32, n, low, 3 * low);
}

struct Product {
  Product(const Case& c, Element element, CodeKind code_kind)
      : shape(c),
        kind(code_kind),
        x(random_codes(kind, 1, int64_t{c.m} * c.k)),
        weight(random_codes(kind, 2, int64_t{c.n} * c.k)),
        bias(Random(3).values(Element::Float32, c.n, -3, 3)),
        scale(random_scale(kind, c.n)),
        factor(Random(5).values(Element::Float32, c.n, 20, 60)),
        offset(Random(6).values(Element::Float32, c.n, 10, 140)),
        residual(Random(7).values(element, int64_t{c.m} * c.n)),
        dx(x),
        dweight(weight),
        dbias(Element::Float32, bias),
        dscale(Element::Float32, scale),
        dfactor(Element::Float32, as_read(kind, factor)),
        doffset(Element::Float32, as_read(kind, offset)),
        dresidual(element, residual),
        y(element, int64_t{c.m} * c.n),
        codes(int64_t{c.m} * c.n) {
    args.kind = kind, args.element = element;
    args.x = dx.data(), args.weight = dweight.data();
    args.bias = dbias.floats(), args.scale = dscale.floats();
    if (c.residual) args.residual = dresidual.data();
    if (c.codes) args.factor = dfactor.floats(), args.offset = doffset.floats();
    args.y = c.codes ? static_cast<void*>(codes.data()) : y.data();
    args.m = c.m, args.n = c.n, args.k = c.k;
    if (c.gelu) args.activation = {UnaryOp::Gelu};
  }
  std::vector<double> reference() const {
    std::vector<double> results(static_cast<size_t>(shape.m) * static_cast<size_t>(shape.n));
    const std::vector<double> a = values_of(kind, x, false), w = values_of(kind, weight, true);
    for (int64_t i = 0; i < shape.m; ++i)
      for (int64_t j = 0; j < shape.n; ++j) {
        double sum = 0;
        const double *row = a.data() + i * shape.k, *terms = w.data() + j * shape.k;
        for (int64_t c = 0; c < shape.k; ++c) sum += row[c] * terms[c];
        const auto at = static_cast<size_t>(i * shape.n + j), column = static_cast<size_t>(j);
        double v = static_cast<double>(scale[column]) * sum + static_cast<double>(bias[column]);
        if (shape.residual) v += static_cast<double>(residual[at]);
        results[at] = shape.gelu ? exact_gelu(v) : v;
      }
    return results;
  }
  Case shape;
  CodeKind kind;
  std::vector<uint8_t> x, weight;
  std::vector<float> bias, scale, factor, offset, residual;
  DeviceBytes dx, dweight;
  DeviceTensor dbias, dscale, dfactor, doffset, dresidual, y;
  DeviceBytes codes;
  LinearCodesArgs args;
};

/// How far products of k 8-bit floats may be off in float16.
const Tolerance& float8_tolerance(int k) {
  return k <= 320 ? kCudaFloat8Short : kCudaFloat8Product;
}

void expect_elements(const Case& c, Element element, CodeKind kind, const Tolerance& bound) {
  Product product(c, element, kind);
  expect_result(
      fmt::format("{} m {} n {} k {}", element_name(element), c.m, c.n, c.k), product.y,
      [&](const Launch& launch) { linear_codes(product.args, launch); }, product.reference(),
      bound);
}

/// Those that this GPU multiplies.
std::vector<CodeKind> kinds() {
  return compute_capability() == 90 ? std::vector{CodeKind::Integer, CodeKind::Float8}
                                    : std::vector{CodeKind::Integer};
}

TEST_F(CodesTest, ElementsOfEveryEnd) {
  for (const Case& c :
       {Case{196, 960, 320, false, false, false}, Case{131, 320, 1280, false, true, false},
        Case{1, 8, 16, false, false, false}, Case{257, 200, 80, true, true, false},
        Case{20000, 136, 208, true, false, false}, Case{6272, 512, 2048, false, true, false}})
    for (const Element element : {Element::Float16, Element::BFloat16})
      for (const CodeKind kind : kinds()) {
        const bool float8 = kind == CodeKind::Float8 && element == Element::Float16;
        expect_elements(c, element, kind, float8 ? float8_tolerance(c.k) : tolerance_of(element));
      }
}

/// Of GPUs without wgmma, on those that have it: a thousand shapes.
TEST_F(CodesTest, IntegersOnMmaGiveTheSameBits) {
  if (compute_capability() != 90) GTEST_SKIP() << "there is no wgmma to compare with";
  std::mt19937 random(7);
  const auto below = [&](int bound) { return static_cast<int>(random() % bound); };
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    const bool codes = i % 3 == 0;
    const int step = codes ? 16 : 8;
    const Case c{1 + below(i % 50 == 0 ? 9000 : 300),
                 step * (1 + below(40)),
                 16 * (1 + below(80)),
                 i % 2 == 0,
                 !codes && i % 5 == 0,
                 codes};
    SCOPED_TRACE(fmt::format("m {} n {} k {}", c.m, c.n, c.k));
    const Element element = i % 7 == 0 ? Element::BFloat16 : Element::Float16;
    Product product(c, element, CodeKind::Integer);
    const auto bits = [&] {
      const std::vector<float> elements = codes ? std::vector<float>{} : product.y.values();
      return std::pair(elements, codes ? product.codes.download() : std::vector<uint8_t>{});
    };
    linear_codes(product.args, {});
    const auto expected = bits();
    linear_codes_mma(product.args, {});
    EXPECT_EQ(bits(), expected);
    EXPECT_TRUE(product.y.walls_hold() && product.codes.walls_hold());
  }
}

TEST_F(CodesTest, CodesOfResults) {
  for (const CodeKind kind : kinds())
    for (const Case& c :
         {Case{196, 1280, 320, true, false, true}, Case{49, 48, 64, false, false, true},
          Case{20000, 144, 208, true, false, true}}) {
      SCOPED_TRACE(c.n);
      Product product(c, Element::Float16, kind);
      linear_codes(product.args, {});
      const std::vector<uint8_t> codes = product.codes.download();
      EXPECT_TRUE(product.codes.walls_hold());
      const std::vector<double> values = product.reference();
      double squares = 0;
      for (double v : values) squares += v * v;
      const double rms = std::sqrt(squares / static_cast<double>(values.size()));
      for (size_t i = 0; i < codes.size() && !HasFailure(); ++i) {
        const size_t column = i % static_cast<size_t>(c.n);
        expect_code(kind, codes[i], values[i], product.factor[column], product.offset[column],
                    float8_tolerance(c.k).max_over_rms * rms, i);
      }
      linear_codes(product.args, {});
      EXPECT_EQ(codes, product.codes.download()) << "two runs differ";
    }
}

TEST_F(CodesTest, CodesOfRows) {
  for (const int c : {16, 64, 136, 320, 512, 1000, 2048, 4096})
    for (const auto& [layer_norm, kind] :
         {std::pair{false, CodeKind::Integer}, std::pair{true, CodeKind::Integer},
          std::pair{false, CodeKind::Float8}, std::pair{true, CodeKind::Float8}}) {
      SCOPED_TRACE(c);
      const int rows = 37;
      const std::vector<float> x = Random(1).values(Element::Float16, int64_t{rows} * c, -1, 1.5f);
      const CodesOfChannels channels(kind, c);
      const DeviceTensor dx(Element::Float16, x);
      const DeviceBytes y(int64_t{rows} * c);
      row_codes({channels.factors(), Element::Float16, dx.data(), y.data(), rows, c, layer_norm},
                {});
      std::vector<double> values(x.begin(), x.end());
      if (layer_norm) normalize_rows(values, c, 1e-6);
      EXPECT_TRUE(y.walls_hold());
      channels.expect(y.download(), values, kCudaFloat8Codes);
    }
}

TEST(CodesRefusals, NameWhatDoesNotFit) {
  LinearCodesArgs args;
  args.m = 4, args.n = 24, args.k = 32;
  EXPECT_EQ(linear_codes_refusal(args, 90), nullptr);
  EXPECT_EQ(linear_codes_refusal(args, 80), nullptr);
  EXPECT_STREQ(linear_codes_refusal(args, 75), "products of codes ask for sm_80");
  args.kind = CodeKind::Float8;
  EXPECT_EQ(linear_codes_refusal(args, 90), nullptr);
  EXPECT_STREQ(linear_codes_refusal(args, 89), "products of 8-bit floats ask for sm_90");
  args.kind = CodeKind::Integer;
  const float factor = 1;
  args.factor = &factor;
  EXPECT_STREQ(linear_codes_refusal(args, 90), "rows of results are not a multiple of 16 bytes");
  args.factor = nullptr, args.k = 24;
  EXPECT_STREQ(linear_codes_refusal(args, 90), "rows of codes are not a multiple of 16 bytes");
}

}  // namespace
}  // namespace vitro::cuda
