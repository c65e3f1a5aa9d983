#include <cmath>
#include <numbers>

#include "backends/reference/ops.h"

namespace vitro::reference {
namespace {

/// dst[i] = function(a[i], b[i % period]): operand 1 is as large as operand 0, one value per
/// channel or one value in all.
template <typename Function>
std::unique_ptr<Kernel> make_binary(const OpContext& op, Function function) {
  const int64_t count = num_elements(op.output().dims), period = num_elements(op.input(1).dims);
  const auto run = [=](const KernelArgs& args) {
    const float *a = args.in<float>(0), *b = args.in<float>(1);
    parallel_for(count, team_of(args),
                 [&](int64_t i) { args.out<float>()[i] = function(a[i], b[i % period]); });
  };
  return make_kernel(run, 0);
}

}  // namespace

std::unique_ptr<Kernel> make_add(const OpContext& op) {
  return make_binary(op, [](float a, float b) { return a + b; });
}

std::unique_ptr<Kernel> make_mul(const OpContext& op) {
  return make_binary(op, [](float a, float b) { return a * b; });
}

// dst = src / 2 * (1 + erf(src / sqrt(2))) (Hendrycks and Gimpel, 2016), not the tanh approximation
std::unique_ptr<Kernel> make_gelu(const OpContext& op) {
  const int64_t count = num_elements(op.output().dims);
  const auto run = [=](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      const double x = args.in<float>(0)[i];
      // erfc keeps the digits of the left tail that 1 + erf would cancel.
      args.out<float>()[i] = static_cast<float>(0.5 * x * std::erfc(-x / std::numbers::sqrt2));
    });
  };
  return make_kernel(run, 0);
}

}  // namespace vitro::reference
