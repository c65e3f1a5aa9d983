#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/reference/ops.h"

namespace vitro::reference {
namespace {

/// How to walk a tensor: extents and strides, outermost axis first.
struct Walk {
  Dims extents;
  Dims strides;

  int64_t offset(int64_t index) const {
    int64_t result = 0;
    for (size_t axis = extents.size(); axis-- > 0; index /= extents[axis])
      result += index % extents[axis] * strides[axis];
    return result;
  }
};

/// dst[i] = finish(step over the reduced positions of i, starting with `start`).
template <typename Step, typename Finish>
std::unique_ptr<Kernel> make_reduce(const OpContext& op, double start, Step step, Finish finish) {
  const auto& axes = op.node.as<ReduceAttrs>().axes;
  const Dims& src = op.input(0).dims;
  Walk kept, reduced;
  for (size_t i = 0; i < src.size(); ++i) {
    const bool is_reduced =
        std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    Walk& walk = is_reduced ? reduced : kept;
    walk.extents.push_back(src[i]);
    walk.strides.push_back(
        num_elements(Dims(src.begin() + static_cast<int64_t>(i) + 1, src.end())));
  }
  const int64_t num_results = num_elements(kept.extents), num_terms = num_elements(reduced.extents);
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(num_results, team_of(args), [&](int64_t i) {
      const float* first = args.in<float>(0) + kept.offset(i);
      double value = start;
      for (int64_t term = 0; term < num_terms; ++term)
        value = step(value, static_cast<double>(first[reduced.offset(term)]));
      args.out<float>()[i] = static_cast<float>(finish(value, static_cast<double>(num_terms)));
    });
  });
}

}  // namespace

std::unique_ptr<Kernel> make_reduce_mean(const OpContext& op) {
  return make_reduce(
      op, 0.0, [](double sum, double x) { return sum + x; },
      [](double sum, double count) { return sum / count; });
}

std::unique_ptr<Kernel> make_reduce_max(const OpContext& op) {
  return make_reduce(
      op, -std::numeric_limits<double>::infinity(),
      // A NaN stays: it is not a number to be smaller than another.
      [](double peak, double x) { return x > peak || std::isnan(x) ? x : peak; },
      [](double peak, double) { return peak; });
}

}  // namespace vitro::reference
