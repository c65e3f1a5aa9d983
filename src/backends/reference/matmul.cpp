#include <algorithm>
#include <vector>

#include "backends/reference/codes.h"
#include "backends/reference/ops.h"
#include "ir/strided.h"

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

/// The same for a column of a, whose elements are `step` apart, and b that may be transposed.
void column_times_matrix(const float* a, int64_t step, const float* b, bool transpose_b,
                         int64_t inner, int64_t columns, float* dst) {
  for (int64_t j = 0; j < columns; ++j) {
    double sum = 0;
    for (int64_t p = 0; p < inner; ++p)
      sum += static_cast<double>(a[p * step]) *
             static_cast<double>(transpose_b ? b[j * inner + p] : b[p * columns + j]);
    dst[j] = static_cast<float>(sum);
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

// dst[r, o] = scale[o] * sum over i of code_of(src[r, i]) * w[o, i] + bias[o]
std::unique_ptr<Kernel> make_quantized_linear(const OpContext& op) {
  const Dims& dims = op.input(1).dims;  // [out, in]
  const int64_t out = dims[0], in = dims[1];
  const int64_t num_rows = num_elements(op.output().dims) / std::max<int64_t>(out, 1);
  return with_codes(op, [&]<typename Codes>(Codes) {
    return make_kernel(
        [=, weight = CodeOperand<typename Codes::Weight>(op, 1)](const KernelArgs& args) {
          const auto* w = weight.data(args);
          const float *bias = args.in<float>(2), *scale = args.in<float>(3);
          const float *factor = args.in<float>(4), *offset = args.in<float>(5);
          parallel_for(num_rows, team_of(args), [&](int64_t row) {
            std::vector<typename Codes::Code> codes(static_cast<size_t>(in));
            const float* src = args.in<float>(0) + row * in;
            for (int64_t i = 0; i < in; ++i)
              codes[static_cast<size_t>(i)] = Codes::code_of(src[i], factor[i], offset[i]);
            for (int64_t o = 0; o < out; ++o)
              args.out<float>()[row * out + o] =
                  Codes::result(codes.data(), w + o * in, in, scale[o], bias[o]);
          });
        });
  });
}

// dst[..., i, j] = sum over p of a[..., i, p] * b[..., p, j]; a and b may be given transposed, and
// their batches broadcast
std::unique_ptr<Kernel> make_matmul(const OpContext& op) {
  const auto& attrs = op.node.as<MatMulAttrs>();
  const bool transpose_a = attrs.transpose_a, transpose_b = attrs.transpose_b;
  const Dims &a = op.input(0).dims, &b = op.input(1).dims, &c = op.output().dims;
  const int64_t inner = transpose_a ? a[a.size() - 2] : a.back();
  const int64_t columns = c.back(), rows = c[c.size() - 2];
  const int64_t num_rows = num_elements(c) / std::max<int64_t>(columns, 1);  // of all batches
  const Dims batches(c.begin(), c.end() - 2);
  const Strided batch_a = broadcast_walk({a.begin(), a.end() - 2}, batches);
  const Strided batch_b = broadcast_walk({b.begin(), b.end() - 2}, batches);
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(num_rows, team_of(args), [&](int64_t row) {
      const float* left = args.in<float>(0) + batch_a.at(row / rows) * rows * inner;
      const float* right = args.in<float>(1) + batch_b.at(row / rows) * inner * columns;
      float* dst = args.out<float>() + row * columns;
      if (transpose_a) {
        column_times_matrix(left + row % rows, rows, right, transpose_b, inner, columns, dst);
      } else if (!transpose_b) {
        row_times_matrix(left + row % rows * inner, right, inner, columns, dst);
      } else {
        for (int64_t j = 0; j < columns; ++j)
          dst[j] = static_cast<float>(dot(left + row % rows * inner, right + j * inner, inner));
      }
    });
  });
}

}  // namespace vitro::reference
