#include "backends/cuda/kernels/layer_norm.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using LayerNormTest = DeviceTest;

std::vector<double> reference(int64_t rows, int c, double eps, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias) {
  std::vector<double> y;
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x.data() + r * c;
    double mean = 0, variance = 0;
    for (int i = 0; i < c; ++i) mean += row[i];
    mean /= c;
    for (int i = 0; i < c; ++i) variance += (row[i] - mean) * (row[i] - mean);
    for (int i = 0; i < c; ++i) {
      const double v = (row[i] - mean) / std::sqrt(variance / c + eps);
      y.push_back(weight.empty() ? v : v * weight[i] + bias[i]);
    }
  }
  return y;
}

TEST_F(LayerNormTest, AnyWidth) {
  for (const Element element : kElements)
    for (const int c :
         {64, 128, 320, 512, 8, 72, 96, 200, 768, 1024, 1280, 2048, 4104, 1, 7, 33, 100})
      for (const bool affine : {false, true}) {
        Random random(static_cast<uint32_t>(c));
        const int64_t rows = 37;
        const auto x = random.values(element, rows * c, 0.5f, 2.0f);
        const auto weight = affine ? random.values(Element::Float32, c) : std::vector<float>{};
        const auto bias = affine ? random.values(Element::Float32, c) : std::vector<float>{};
        const DeviceTensor dx(element, x), dweight(Element::Float32, weight),
            dbias(Element::Float32, bias);
        DeviceTensor dy(element, rows * c);
        const LayerNormArgs args{element,
                                 dx.data(),
                                 affine ? dweight.floats() : nullptr,
                                 affine ? dbias.floats() : nullptr,
                                 dy.data(),
                                 rows,
                                 c,
                                 1e-5f};
        // A row of one element is its bias, or zero.
        expect_result(
            fmt::format("{} c {} affine {}", element_name(element), c, affine), dy,
            [&](const Launch& launch) { layer_norm(args, launch); },
            reference(rows, c, 1e-5, x, weight, bias), tolerance_of(element));
      }
}

}  // namespace
}  // namespace vitro::cuda
