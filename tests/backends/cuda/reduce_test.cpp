#include "backends/cuda/kernels/reduce.h"

#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/softmax.h"

namespace vitro::cuda {
namespace {

using ReduceTest = DeviceTest;
using SoftmaxTest = DeviceTest;

struct Case {
  Dims dims;
  std::vector<int> axes;
};

std::vector<double> reference(const ReduceArgs& args, const std::vector<float>& x) {
  Dims kept;
  int64_t gone = 1;
  for (int d = 0; d < args.dims.rank; ++d) {
    if (args.vanishes[d])
      gone *= args.dims.v[d];
    else
      kept.push_back(args.dims.v[d]);
  }
  const bool mean = args.op == ReduceOp::Mean;
  std::vector<double> y(static_cast<size_t>(element_count(kept)), mean ? 0.0 : -INFINITY);
  for (int64_t i = 0; i < element_count(args.dims); ++i) {
    int64_t rest = i, index = 0, stride = 1;
    for (int d = args.dims.rank - 1; d >= 0; --d) {
      if (!args.vanishes[d]) {
        index += rest % args.dims.v[d] * stride;
        stride *= args.dims.v[d];
      }
      rest /= args.dims.v[d];
    }
    double& result = y[static_cast<size_t>(index)];
    result = mean ? result + x[static_cast<size_t>(i)] / static_cast<double>(gone)
                  : std::max(result, static_cast<double>(x[static_cast<size_t>(i)]));
  }
  return y;
}

TEST_F(ReduceTest, MeanAndMaxOverAnyAxes) {
  const std::vector<Case> cases = {{{3, 49, 512}, {1}}, {{2, 7, 7, 72}, {1, 2}}, {{4, 5, 13}, {1}},
                                   {{3, 4, 100}, {2}},  {{2, 3, 4, 5}, {0, 2}},  {{6, 10}, {0, 1}},
                                   {{6, 16}, {}},       {{200, 8}, {0}}};
  for (const Element element : kElements)
    for (const Case& k : cases)
      for (const ReduceOp op : {ReduceOp::Mean, ReduceOp::Max}) {
        Random random(5);
        const auto x = random.values(element, element_count(k.dims), -0.5f, 1.0f);
        const DeviceTensor dx(element, x);
        ReduceArgs args{op, element, dx.data(), nullptr, k.dims, {}};
        for (const int axis : k.axes) args.vanishes[axis] = true;
        const std::vector<double> expected = reference(args, x);
        DeviceTensor dy(element, static_cast<int64_t>(expected.size()));
        args.y = dy.data();
        expect_result(
            fmt::format("{} op {} of {} to {}", element_name(element), static_cast<int>(op),
                        element_count(k.dims), expected.size()),
            dy, [&](const Launch& launch) { reduce(args, launch); }, expected,
            tolerance_of(element));
      }
}

TEST_F(ReduceTest, MaximumKeepsNaN) {
  for (const int c : {16, 3}) {
    std::vector<float> x(static_cast<size_t>(40 * c), 1.0f);
    x[static_cast<size_t>(17 * c + 1)] = NAN;
    const DeviceTensor dx(Element::Float32, x);
    DeviceTensor dy(Element::Float32, c);
    reduce({ReduceOp::Max, Element::Float32, dx.data(), dy.data(), {40, c}, {true, false}}, {});
    check_cuda(cudaDeviceSynchronize(), "reduce");
    const std::vector<float> y = dy.values();
    EXPECT_TRUE(std::isnan(y[1]));
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[2], 1.0f);
  }
}

TEST_F(SoftmaxTest, AnyWidth) {
  for (const Element element : kElements)
    for (const int c : {1, 5, 49, 196, 1000}) {
      Random random(static_cast<uint32_t>(c));
      const int64_t rows = 13;
      const auto x = random.values(element, rows * c, -4, 4);
      std::vector<double> expected;
      for (int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (int i = 0; i < c; ++i) sum += std::exp(static_cast<double>(x[r * c + i]));
        for (int i = 0; i < c; ++i)
          expected.push_back(std::exp(static_cast<double>(x[r * c + i])) / sum);
      }
      const DeviceTensor dx(element, x);
      DeviceTensor dy(element, rows * c);
      expect_result(
          fmt::format("{} c {}", element_name(element), c), dy,
          [&](const Launch& launch) {
            softmax({element, dx.data(), dy.data(), rows, c}, launch);
          },
          expected, tolerance_of(element));
    }
}

}  // namespace
}  // namespace vitro::cuda
