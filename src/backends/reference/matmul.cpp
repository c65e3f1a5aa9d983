#include <algorithm>

#include "backends/reference/ops.h"

namespace vitro::reference {
namespace {

/// dst[j] = sum over p of a[p] * b[p, j], b [inner, columns].
void row_times_matrix(const float* a, const float* b, int64_t inner, int64_t columns, float* dst) {
  constexpr int64_t kBlock = 64;  // columns whose sums live on the stack
  for (int64_t first = 0; first < columns; first += kBlock) {
    const int64_t count = std::min(kBlock, columns - first);
    double sums[kBlock] = {};
    for (int64_t p = 0; p < inner; ++p)
      for (int64_t j = 0; j < count; ++j)
        sums[j] += static_cast<double>(a[p]) * static_cast<double>(b[p * columns + first + j]);
    for (int64_t j = 0; j < count; ++j) dst[first + j] = static_cast<float>(sums[j]);
  }
}

}  // namespace

// dst[r, o] = bias[o] + sum over i of src[r, i] * w[o, i]
std::unique_ptr<Kernel> make_linear(const OpContext& op) {
  const Dims& dims = op.input(1).dims;  // [out, in]
  const int64_t out = dims[0], in = dims[1];
  const int64_t num_results = num_elements(op.output().dims);
  return make_kernel([=, weight = Float32Operand(op, 1)](const KernelArgs& args) {
    const float* src = args.in<float>(0);
    const float* w = weight.data(args);
    const float* bias = args.in<float>(2);
    parallel_for(num_results, team_of(args), [&](int64_t i) {
      const int64_t row = i / out, o = i % out;
      args.out<float>()[i] =
          static_cast<float>(dot(src + row * in, w + o * in, in) + (bias ? bias[o] : 0.0f));
    });
  });
}

// dst[..., i, j] = sum over p of a[..., i, p] * b[..., p, j], or b[..., j, p] when transposed
std::unique_ptr<Kernel> make_matmul(const OpContext& op) {
  const bool transpose_b = op.node.as<MatMulAttrs>().transpose_b;
  const Dims &a = op.input(0).dims, &c = op.output().dims;
  const int64_t inner = a.back(), columns = c.back(), rows = c[c.size() - 2];
  const int64_t num_rows = num_elements(c) / std::max<int64_t>(columns, 1);  // of all batches
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(num_rows, team_of(args), [&](int64_t row) {
      const float* left = args.in<float>(0) + row * inner;
      const float* right = args.in<float>(1) + row / rows * inner * columns;
      float* dst = args.out<float>() + row * columns;
      if (!transpose_b) {
        row_times_matrix(left, right, inner, columns, dst);
      } else {
        for (int64_t j = 0; j < columns; ++j)
          dst[j] = static_cast<float>(dot(left, right + j * inner, inner));
      }
    });
  });
}

}  // namespace vitro::reference
