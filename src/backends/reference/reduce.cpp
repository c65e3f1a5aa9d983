#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/reference/elements.h"
#include "backends/reference/ops.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::reference {
namespace {

/// The positions of operand 0 that the result keeps, and those that it reduces.
struct Split {
  Strided kept, reduced;

  explicit Split(const OpContext& op) {
    const Dims &src = op.input(0).dims, strides = dense_strides(src);
    const auto axes =
        axes_of(op.node, op.node.as<ReduceAttrs>().axes, static_cast<int64_t>(src.size()));
    for (size_t i = 0; i < src.size(); ++i) {
      const bool is_reduced = axes.empty() || std::find(axes.begin(), axes.end(), i) != axes.end();
      Strided& walk = is_reduced ? reduced : kept;
      walk.extents.push_back(src[i]);
      walk.strides.push_back(strides[i]);
    }
  }
};

/// dst[i] = finish(step over the reduced positions of i, starting with `start`), in V: double or
/// int64.
template <typename V, typename Step, typename Finish>
std::unique_ptr<Kernel> make_fold(const OpContext& op, V start, Step step, Finish finish) {
  const Split split(op);
  const int64_t num_results = num_elements(split.kept.extents);
  const int64_t num_terms = num_elements(split.reduced.extents);
  const DType dtype = op.input(0).dtype;
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(num_results, team_of(args), [&](int64_t i) {
      const int64_t first = split.kept.at(i);
      V value = start;
      for (int64_t term = 0; term < num_terms; ++term)
        value = step(value, load<V>(dtype, args.inputs[0], first + split.reduced.at(term)));
      store<V>(dtype, args.outputs[0], i, finish(value, num_terms));
    });
  });
}

/// log(sum of exp(x)), which large x must not overflow.
std::unique_ptr<Kernel> make_log_sum_exp(const OpContext& op) {
  const Split split(op);
  const int64_t num_results = num_elements(split.kept.extents);
  const int64_t num_terms = num_elements(split.reduced.extents);
  const DType dtype = op.input(0).dtype;
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(num_results, team_of(args), [&](int64_t i) {
      const auto term = [&](int64_t t) {
        return load<double>(dtype, args.inputs[0], split.kept.at(i) + split.reduced.at(t));
      };
      double peak = -std::numeric_limits<double>::infinity(), sum = 0.0;
      for (int64_t t = 0; t < num_terms; ++t) peak = std::max(peak, term(t));
      const double base = std::isfinite(peak) ? peak : 0.0;
      for (int64_t t = 0; t < num_terms; ++t) sum += std::exp(term(t) - base);
      store<double>(dtype, args.outputs[0], i, base + std::log(sum));
    });
  });
}

// Integers wrap around.
template <typename V>
V sum_of(V a, V b) {
  if constexpr (std::is_integral_v<V>) return evaluate(BinaryFunction::Add, a, b);
  return a + b;
}
template <typename V>
V product_of(V a, V b) {
  if constexpr (std::is_integral_v<V>) return evaluate(BinaryFunction::Mul, a, b);
  return a * b;
}
template <typename V>
V from_double(double value) {
  if constexpr (std::is_integral_v<V>) return to_integer<V>(value);
  return value;
}

template <typename V>
std::unique_ptr<Kernel> make_reduce_in(const OpContext& op) {
  const auto self = [](V value, int64_t) { return value; };
  const auto add = sum_of<V>;
  const auto add_square = [](V sum, V x) { return sum_of(sum, product_of(x, x)); };
  // The least of all: an infinity where there is one.
  constexpr bool kReal = std::is_floating_point_v<V>;
  constexpr V kLowest =
      kReal ? -std::numeric_limits<V>::infinity() : std::numeric_limits<V>::lowest();
  constexpr V kHighest = kReal ? std::numeric_limits<V>::infinity() : std::numeric_limits<V>::max();
  switch (op.node.as<ReduceAttrs>().function) {
    case ReduceFunction::Mean:
      return make_fold<V>(op, V{0}, add, [](V sum, int64_t count) {
        return sum / static_cast<V>(std::max<int64_t>(count, kReal ? 0 : 1));
      });
    case ReduceFunction::Max:
      // A NaN stays: it is not a number to be smaller than another.
      return make_fold<V>(
          op, kLowest, [](V peak, V x) { return x > peak || x != x ? x : peak; }, self);
    case ReduceFunction::Min:
      return make_fold<V>(
          op, kHighest, [](V low, V x) { return x < low || x != x ? x : low; }, self);
    case ReduceFunction::Sum:
      return make_fold<V>(op, V{0}, add, self);
    case ReduceFunction::Prod:
      return make_fold<V>(op, V{1}, product_of<V>, self);
    case ReduceFunction::L1:
      return make_fold<V>(
          op, V{0}, [](V sum, V x) { return sum_of(sum, product_of(x, x < 0 ? V{-1} : V{1})); },
          self);
    case ReduceFunction::L2:
      return make_fold<V>(op, V{0}, add_square, [](V sum, int64_t) {
        return from_double<V>(std::sqrt(static_cast<double>(sum)));
      });
    case ReduceFunction::SumSquare:
      return make_fold<V>(op, V{0}, add_square, self);
    case ReduceFunction::LogSum:
      return make_fold<V>(op, V{0}, add, [](V sum, int64_t) {
        return from_double<V>(std::log(static_cast<double>(sum)));
      });
    case ReduceFunction::LogSumExp:
      return make_log_sum_exp(op);
  }
  return nullptr;
}

/// Runs along one axis: `count` elements, `inner` apart.
struct Lines {
  int64_t count, inner, num_lines;

  Lines(const OpContext& op, int64_t axis) {
    const Dims& dims = op.input(0).dims;
    const auto a =
        static_cast<std::ptrdiff_t>(axis_of(op.node, axis, static_cast<int64_t>(dims.size())));
    count = dims[static_cast<size_t>(a)];
    inner = num_elements({dims.begin() + a + 1, dims.end()});
    num_lines = num_elements({dims.begin(), dims.begin() + a}) * inner;
  }
  /// Position of element i of a line, in a tensor with `extent` elements along the axis.
  int64_t at(int64_t line, int64_t i, int64_t extent) const {
    return line / inner * extent * inner + i * inner + line % inner;
  }
};

/// Whether element a of a line comes before b: the larger one, or the smaller one, NaN first; equal
/// ones by position.
template <typename V>
bool precedes(V a, int64_t index_a, V b, int64_t index_b, bool largest) {
  if (a != a || b != b) return a != a && (b == b || index_a < index_b);
  if (a != b) return largest ? a > b : a < b;
  return index_a < index_b;
}

}  // namespace

std::unique_ptr<Kernel> make_reduce(const OpContext& op) {
  return with_compute_type(op.input(0).dtype,
                           [&](auto type) { return make_reduce_in<decltype(type)>(op); });
}

std::unique_ptr<Kernel> make_arg(const OpContext& op) {
  const auto attrs = op.node.as<ArgAttrs>();
  const Lines lines(op, attrs.axis);
  const DType dtype = op.input(0).dtype;
  return with_compute_type(dtype, [&](auto type) {
    using V = decltype(type);
    return make_kernel([=](const KernelArgs& args) {
      parallel_for(lines.num_lines, team_of(args), [&](int64_t line) {
        int64_t best = 0;
        for (int64_t i = 1; i < lines.count; ++i) {
          const V x = load<V>(dtype, args.inputs[0], lines.at(line, i, lines.count));
          const V y = load<V>(dtype, args.inputs[0], lines.at(line, best, lines.count));
          const bool better = attrs.function == ArgFunction::Max ? x > y : x < y;
          if (better || (attrs.last && x == y)) best = i;
        }
        args.out<int64_t>()[line] = best;
      });
    });
  });
}

// The k elements that precede all others, in order: each is the first after the one before, so that
// nothing need be stored.
std::unique_ptr<Kernel> make_top_k(const OpContext& op) {
  const auto attrs = op.node.as<TopKAttrs>();
  const Lines lines(op, attrs.axis);
  const int64_t k = top_k_count(op.node, operands_of(op.node, op.types, op.contents));
  const DType dtype = op.input(0).dtype;
  return with_compute_type(dtype, [&](auto type) {
    using V = decltype(type);
    return make_kernel([=](const KernelArgs& args) {
      parallel_for(lines.num_lines, team_of(args), [&](int64_t line) {
        const auto element = [&](int64_t i) {
          return load<V>(dtype, args.inputs[0], lines.at(line, i, lines.count));
        };
        int64_t before = -1;
        for (int64_t rank = 0; rank < k; ++rank) {
          int64_t best = -1;
          for (int64_t i = 0; i < lines.count; ++i) {
            const bool taken =
                before >= 0 && !precedes(element(before), before, element(i), i, attrs.largest);
            if (taken) continue;
            if (best < 0 || precedes(element(i), i, element(best), best, attrs.largest)) best = i;
          }
          const int64_t position = lines.at(line, rank, k);
          if (args.outputs[0]) store<V>(dtype, args.outputs[0], position, element(best));
          if (args.outputs.size() > 1 && args.outputs[1]) args.out<int64_t>(1)[position] = best;
          before = best;
        }
      });
    });
  });
}

std::unique_ptr<Kernel> make_cum_sum(const OpContext& op) {
  const auto attrs = op.node.as<CumSumAttrs>();
  const Lines lines(op, attrs.axis);
  const DType dtype = op.input(0).dtype;
  return with_compute_type(dtype, [&](auto type) {
    using V = decltype(type);
    return make_kernel([=](const KernelArgs& args) {
      parallel_for(lines.num_lines, team_of(args), [&](int64_t line) {
        V sum = 0;
        for (int64_t i = 0; i < lines.count; ++i) {
          const int64_t at = lines.at(line, attrs.reverse ? lines.count - 1 - i : i, lines.count);
          const V x = load<V>(dtype, args.inputs[0], at);
          store<V>(dtype, args.outputs[0], at, attrs.exclusive ? sum : sum + x);
          sum += x;
        }
      });
    });
  });
}

}  // namespace vitro::reference
