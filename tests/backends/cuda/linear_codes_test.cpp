#include "backends/cuda/kernels/linear_codes.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/product_reference.h"

namespace vitro::cuda {
namespace {

class CodesTest : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!IsSkipped() && compute_capability() != 90)
      GTEST_SKIP() << "products of codes ask for sm_90";
  }
};

/// Bytes on the device between walls.
class DeviceBytes {
 public:
  explicit DeviceBytes(int64_t count) : halves_(Element::Float16, (count + 1) / 2), count_(count) {}
  explicit DeviceBytes(const std::vector<uint8_t>& bytes)
      : DeviceBytes(static_cast<int64_t>(bytes.size())) {
    check_cuda(cudaMemcpy(halves_.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
               "cudaMemcpy");
  }
  uint8_t* data() const { return static_cast<uint8_t*>(halves_.data()); }
  std::vector<uint8_t> download() const {
    std::vector<uint8_t> bytes(static_cast<size_t>(count_));
    check_cuda(cudaMemcpy(bytes.data(), data(), bytes.size(), cudaMemcpyDeviceToHost),
               "cudaMemcpy");
    return bytes;
  }
  bool walls_hold() const { return halves_.walls_hold(); }

 private:
  DeviceTensor halves_;
  int64_t count_;
};

std::vector<uint8_t> random_bytes(uint32_t seed, int64_t count) {
  std::vector<uint8_t> bytes;
  for (float v : Random(seed).values(Element::Float32, count, 0, 256))
    bytes.push_back(static_cast<uint8_t>(v));
  return bytes;
}

std::vector<float> over_steps(std::vector<float> values) {
  for (float& v : values) v /= kCodeSteps;
  return values;
}

struct Case {
  int m, n, k;
  bool gelu, residual, codes;
};

struct Product {
  Product(const Case& c, Element element)
      : shape(c),
        x(random_bytes(1, int64_t{c.m} * c.k)),
        weight(random_bytes(2, int64_t{c.n} * c.k)),
        bias(Random(3).values(Element::Float32, c.n, -3, 3)),
        scale(Random(4).values(Element::Float32, c.n, 1e-5f, 3e-5f)),
        factor(Random(5).values(Element::Float32, c.n, 20, 60)),
        offset(Random(6).values(Element::Float32, c.n, 10, 140)),
        residual(Random(7).values(element, int64_t{c.m} * c.n)),
        dx(x),
        dweight(weight),
        dbias(Element::Float32, bias),
        dscale(Element::Float32, scale),
        dfactor(Element::Float32, over_steps(factor)),
        doffset(Element::Float32, over_steps(offset)),
        dresidual(element, residual),
        y(element, int64_t{c.m} * c.n),
        codes(int64_t{c.m} * c.n) {
    args.element = element;
    args.x = dx.data(), args.weight = reinterpret_cast<const int8_t*>(dweight.data());
    args.bias = dbias.floats(), args.scale = dscale.floats();
    if (c.residual) args.residual = dresidual.data();
    if (c.codes) args.factor = dfactor.floats(), args.offset = doffset.floats();
    args.y = c.codes ? static_cast<void*>(codes.data()) : y.data();
    args.m = c.m, args.n = c.n, args.k = c.k;
    if (c.gelu) args.activation = {UnaryOp::Gelu};
  }
  std::vector<double> reference() const {
    std::vector<double> y(static_cast<size_t>(shape.m) * static_cast<size_t>(shape.n));
    const auto* w = reinterpret_cast<const int8_t*>(weight.data());
    for (int64_t i = 0; i < shape.m; ++i)
      for (int64_t j = 0; j < shape.n; ++j) {
        int64_t sum = 0;
        for (int64_t c = 0; c < shape.k; ++c)
          sum += int64_t{x[static_cast<size_t>(i * shape.k + c)]} * w[j * shape.k + c];
        const auto at = static_cast<size_t>(i * shape.n + j), column = static_cast<size_t>(j);
        double v = static_cast<double>(scale[column]) * static_cast<double>(sum) +
                   static_cast<double>(bias[column]);
        if (shape.residual) v += static_cast<double>(residual[at]);
        y[at] = shape.gelu ? exact_gelu(v) : v;
      }
    return y;
  }
  Case shape;
  std::vector<uint8_t> x, weight;
  std::vector<float> bias, scale, factor, offset, residual;
  DeviceBytes dx, dweight;
  DeviceTensor dbias, dscale, dfactor, doffset, dresidual, y;
  DeviceBytes codes;
  LinearCodesArgs args;
};

TEST_F(CodesTest, ElementsOfEveryEnd) {
  for (const Element element : {Element::Float16, Element::BFloat16})
    for (const Case& c :
         {Case{196, 960, 320, false, false, false}, Case{131, 320, 1280, false, true, false},
          Case{1, 8, 16, false, false, false}, Case{257, 200, 80, true, true, false},
          Case{20000, 136, 208, true, false, false}, Case{6272, 512, 2048, false, true, false}}) {
      Product product(c, element);
      expect_result(
          fmt::format("{} m {} n {} k {}", element_name(element), c.m, c.n, c.k), product.y,
          [&](const Launch& launch) { linear_codes(product.args, launch); }, product.reference(),
          tolerance_of(element));
    }
}

/// Codes of `value` that are right: two where it lies half-way between them.
void expect_code(uint8_t code, double value, size_t at) {
  const double clamped = std::clamp(value, 0.0, 255.0);
  EXPECT_NEAR(code, clamped, 0.5 + kCudaCodes) << at;
}

TEST_F(CodesTest, CodesOfResults) {
  for (const Case& c :
       {Case{196, 1280, 320, true, false, true}, Case{49, 48, 64, false, false, true},
        Case{20000, 144, 208, true, false, true}}) {
    SCOPED_TRACE(c.n);
    Product product(c, Element::Float16);
    linear_codes(product.args, {});
    const std::vector<uint8_t> codes = product.codes.download();
    EXPECT_TRUE(product.codes.walls_hold());
    const std::vector<double> values = product.reference();
    for (size_t i = 0; i < codes.size() && !HasFailure(); ++i) {
      const size_t column = i % static_cast<size_t>(c.n);
      expect_code(codes[i],
                  values[i] * static_cast<double>(product.factor[column]) +
                      static_cast<double>(product.offset[column]),
                  i);
    }
    linear_codes(product.args, {});
    EXPECT_EQ(codes, product.codes.download()) << "two runs differ";
  }
}

TEST_F(CodesTest, CodesOfRows) {
  for (const int c : {16, 64, 136, 320, 512, 1000, 2048, 4096})
    for (const bool layer_norm : {false, true}) {
      SCOPED_TRACE(c);
      const int rows = 37;
      const std::vector<float> x = Random(1).values(Element::Float16, int64_t{rows} * c, -1, 1.5f),
                               factor = Random(2).values(Element::Float32, c, 30, 90),
                               offset = Random(3).values(Element::Float32, c, 90, 130);
      const DeviceTensor dx(Element::Float16, x), dfactor(Element::Float32, over_steps(factor)),
          doffset(Element::Float32, over_steps(offset));
      const DeviceBytes y(int64_t{rows} * c);
      row_codes({Element::Float16, dx.data(), dfactor.floats(), doffset.floats(), y.data(), rows, c,
                 layer_norm, 1e-6f},
                {});
      std::vector<double> values(x.begin(), x.end());
      if (layer_norm) normalize_rows(values, c, 1e-6);
      const std::vector<uint8_t> codes = y.download();
      EXPECT_TRUE(y.walls_hold());
      for (size_t i = 0; i < codes.size() && !HasFailure(); ++i) {
        const size_t column = i % static_cast<size_t>(c);
        expect_code(
            codes[i],
            values[i] * static_cast<double>(factor[column]) + static_cast<double>(offset[column]),
            i);
      }
    }
}

TEST(CodesRefusals, NameWhatDoesNotFit) {
  LinearCodesArgs args;
  args.m = 4, args.n = 24, args.k = 32;
  EXPECT_EQ(linear_codes_refusal(args, 90), nullptr);
  EXPECT_STREQ(linear_codes_refusal(args, 80), "products of codes ask for sm_90");
  const float factor = 1;
  args.factor = &factor;
  EXPECT_STREQ(linear_codes_refusal(args, 90), "rows of results are not a multiple of 16 bytes");
  args.factor = nullptr, args.k = 24;
  EXPECT_STREQ(linear_codes_refusal(args, 90), "rows of codes are not a multiple of 16 bytes");
}

}  // namespace
}  // namespace vitro::cuda
