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

double reduced(ReduceOp op, const std::vector<double>& x) {
  double sum = 0, product = 1, magnitudes = 0, squares = 0, exponentials = 0;
  for (const double v : x) {
    sum += v, product *= v, magnitudes += std::abs(v), squares += v * v;
    exponentials += std::exp(v);
  }
  switch (op) {
    case ReduceOp::Mean:
      return sum / static_cast<double>(x.size());
    case ReduceOp::Max:
      return *std::max_element(x.begin(), x.end());
    case ReduceOp::Min:
      return *std::min_element(x.begin(), x.end());
    case ReduceOp::Sum:
      return sum;
    case ReduceOp::Prod:
      return product;
    case ReduceOp::L1:
      return magnitudes;
    case ReduceOp::L2:
      return std::sqrt(squares);
    case ReduceOp::SumSquare:
      return squares;
    case ReduceOp::LogSum:
      return std::log(sum);
    case ReduceOp::LogSumExp:
      return std::log(exponentials);
  }
  return sum;
}

std::vector<double> reference(const ReduceArgs& args, const std::vector<float>& x) {
  Dims kept;
  for (int d = 0; d < args.dims.rank; ++d)
    if (!args.vanishes[d]) kept.push_back(args.dims.v[d]);
  std::vector<std::vector<double>> terms(static_cast<size_t>(element_count(kept)));
  for (int64_t i = 0; i < element_count(args.dims); ++i) {
    int64_t rest = i, index = 0, stride = 1;
    for (int d = args.dims.rank - 1; d >= 0; --d) {
      if (!args.vanishes[d]) {
        index += rest % args.dims.v[d] * stride;
        stride *= args.dims.v[d];
      }
      rest /= args.dims.v[d];
    }
    terms[static_cast<size_t>(index)].push_back(x[static_cast<size_t>(i)]);
  }
  std::vector<double> y;
  for (const auto& list : terms) y.push_back(reduced(args.op, list));
  return y;
}

TEST_F(ReduceTest, AnyFunctionOverAnyAxes) {
  using enum ReduceOp;
  const std::vector<Case> cases = {{{3, 49, 512}, {1}}, {{2, 7, 7, 72}, {1, 2}}, {{4, 5, 13}, {1}},
                                   {{3, 4, 100}, {2}},  {{2, 3, 4, 5}, {0, 2}},  {{6, 10}, {0, 1}},
                                   {{6, 16}, {}},       {{200, 8}, {0}}};
  for (const Element element : kElements)
    for (const Case& k : cases)
      for (const ReduceOp op : {Mean, Max, Min, Sum, Prod, L1, L2, SumSquare, LogSum, LogSumExp}) {
        Random random(5);
        // Products near 1, sums above 0.
        const bool near_one = op == Prod || op == LogSum;
        const auto x = random.values(element, element_count(k.dims), near_one ? 0.9f : -0.5f,
                                     near_one ? 1.12f : 1.0f);
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

TEST_F(ReduceTest, NothingHasAValue) {
  const DeviceTensor dx(Element::Float32, 1);
  const auto of = [&](ReduceOp op) {
    const DeviceTensor dy(Element::Float32, 2);
    reduce({op, Element::Float32, dx.data(), dy.data(), {2, 0}, {false, true}}, {});
    check_cuda(cudaDeviceSynchronize(), "reduce");
    return dy.values()[1];
  };
  EXPECT_EQ(of(ReduceOp::Max), -INFINITY);
  EXPECT_EQ(of(ReduceOp::Min), INFINITY);
  EXPECT_EQ(of(ReduceOp::Sum), 0.0f);
  EXPECT_EQ(of(ReduceOp::Prod), 1.0f);
  EXPECT_EQ(of(ReduceOp::LogSumExp), -INFINITY);
  EXPECT_TRUE(std::isnan(of(ReduceOp::Mean)));
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

TEST_F(SoftmaxTest, AnyWidthAlongAnyAxis) {
  for (const Element element : kElements)
    for (const auto& [rows, c, inner] : {std::tuple{13, 1, 1},
                                         {13, 5, 1},
                                         {13, 49, 1},
                                         {3, 196, 1},
                                         {3, 1000, 1},
                                         {2, 49, 7},
                                         {3, 5, 130},
                                         {1, 1, 9}})
      for (const bool log : {false, true}) {
        if (log && c == 1) continue;  // all are 0, to which nothing is near
        Random random(static_cast<uint32_t>(c));
        const int count = rows * c * inner;
        const auto x = random.values(element, count, -4, 4);
        std::vector<double> expected(static_cast<size_t>(count));
        for (int line = 0; line < rows * inner; ++line) {
          const int first = line / inner * c * inner + line % inner;
          double sum = 0;
          for (int i = 0; i < c; ++i) sum += std::exp(static_cast<double>(x[first + i * inner]));
          for (int i = 0; i < c; ++i) {
            const double v = x[first + i * inner];
            expected[first + i * inner] = log ? v - std::log(sum) : std::exp(v) / sum;
          }
        }
        const DeviceTensor dx(element, x);
        DeviceTensor dy(element, count);
        expect_result(
            fmt::format("{} [{}, {}, {}] log {}", element_name(element), rows, c, inner, log), dy,
            [&, rows = rows, c = c, inner = inner](const Launch& launch) {
              softmax({element, dx.data(), dy.data(), rows, c, inner, log}, launch);
            },
            expected, tolerance_of(element));
      }
}

}  // namespace
}  // namespace vitro::cuda
