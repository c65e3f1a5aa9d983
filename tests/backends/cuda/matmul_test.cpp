#include "backends/cuda/kernels/matmul.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using MatmulTest = DeviceTest;

struct Case {
  Dims batch, a_batch, b_batch;  // extents; those of an operand may be 1
  int m, n, k;
};

/// Of an operand with those extents in front of matrices of `matrix` elements.
Dims batch_strides(const Dims& extents, int64_t matrix) {
  Dims strides = dense_strides(extents);
  for (int i = 0; i < strides.rank; ++i)
    strides.v[i] = extents.v[i] == 1 ? 0 : strides.v[i] * matrix;
  return strides;
}

int64_t offset(int64_t index, const Dims& dims, const Dims& strides) {
  int64_t result = 0;
  for (int d = dims.rank - 1; d >= 0; --d) {
    result += index % dims.v[d] * strides.v[d];
    index /= dims.v[d];
  }
  return result;
}

std::vector<double> reference(const MatmulArgs& args, const std::vector<float>& a,
                              const std::vector<float>& b) {
  std::vector<double> y;
  for (int64_t i = 0; i < element_count(args.batch); ++i) {
    const float* left = a.data() + offset(i, args.batch, args.a_batch_strides);
    const float* right = b.data() + offset(i, args.batch, args.b_batch_strides);
    for (int row = 0; row < args.m; ++row)
      for (int column = 0; column < args.n; ++column) {
        double sum = 0;
        for (int k = 0; k < args.k; ++k)
          sum += static_cast<double>(left[args.transpose_a ? k * args.m + row : row * args.k + k]) *
                 right[args.transpose_b ? column * args.k + k : k * args.n + column];
        y.push_back(sum);
      }
  }
  return y;
}

TEST_F(MatmulTest, AnyExtentsBatchesAndTranspositions) {
  for (const Element element : kElements)
    for (const Case& c : {Case{{}, {}, {}, 1, 1, 1}, Case{{3}, {3}, {3}, 17, 33, 20},
                          Case{{2}, {2}, {2}, 16, 16, 64}, Case{{4}, {4}, {1}, 5, 31, 47},
                          Case{{2, 3}, {2, 1}, {1, 3}, 9, 3, 50}, Case{{6}, {1}, {6}, 40, 3, 100}})
      for (const int transposed : {0, 1, 2, 3}) {
        MatmulArgs args{element, nullptr, nullptr, nullptr, c.batch, {}, {}, c.m, c.n, c.k};
        args.a_batch_strides = batch_strides(c.a_batch, c.m * c.k);
        args.b_batch_strides = batch_strides(c.b_batch, c.k * c.n);
        args.transpose_a = transposed & 1, args.transpose_b = transposed & 2;
        Random random(static_cast<uint32_t>(c.m));
        const auto a = random.values(element, element_count(c.a_batch) * c.m * c.k);
        const auto b = random.values(element, element_count(c.b_batch) * c.k * c.n);
        const DeviceTensor da(element, a), db(element, b);
        DeviceTensor dy(element, element_count(c.batch) * c.m * c.n);
        args.a = da.data(), args.b = db.data(), args.y = dy.data();
        expect_result(
            fmt::format("{} {} x [{}, {}, {}] transposed {}", element_name(element),
                        element_count(c.batch), c.m, c.n, c.k, transposed),
            dy, [&](const Launch& launch) { matmul(args, launch); }, reference(args, a, b),
            tolerance_of(element));
      }
}

}  // namespace
}  // namespace vitro::cuda
