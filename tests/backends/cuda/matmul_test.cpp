#include "backends/cuda/kernels/matmul.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using MatmulTest = DeviceTest;

TEST_F(MatmulTest, AnyExtents) {
  struct Case {
    int batch, m, n, k;
    bool transpose_b, shared_b;
  };
  for (const Element element : kElements)
    for (const Case& c : {Case{1, 1, 1, 1, false, false}, Case{3, 17, 33, 20, false, false},
                          Case{2, 16, 16, 64, true, false}, Case{4, 5, 31, 47, true, true},
                          Case{2, 40, 3, 100, false, true}}) {
      Random random(static_cast<uint32_t>(c.m));
      const auto a = random.values(element, c.batch * c.m * c.k);
      const auto b = random.values(element, (c.shared_b ? 1 : c.batch) * c.k * c.n);
      const DeviceTensor da(element, a), db(element, b);
      DeviceTensor dy(element, c.batch * c.m * c.n);
      const MatmulArgs args{
          element,      da.data(), db.data(), dy.data(), c.batch,
          c.m,          c.n,       c.k,       c.m * c.k, c.shared_b ? 0 : c.k * c.n,
          c.transpose_b};
      std::vector<double> expected;
      for (int i = 0; i < c.batch; ++i)
        for (int row = 0; row < c.m; ++row)
          for (int column = 0; column < c.n; ++column) {
            double sum = 0;
            for (int k = 0; k < c.k; ++k)
              sum += static_cast<double>(a[i * args.a_batch_stride + row * c.k + k]) *
                     b[i * args.b_batch_stride +
                       (c.transpose_b ? column * c.k + k : k * c.n + column)];
            expected.push_back(sum);
          }
      expect_result(
          fmt::format("{} {} x [{}, {}, {}]", element_name(element), c.batch, c.m, c.n, c.k), dy,
          [&](const Launch& launch) { matmul(args, launch); }, expected, tolerance_of(element));
    }
}

}  // namespace
}  // namespace vitro::cuda
