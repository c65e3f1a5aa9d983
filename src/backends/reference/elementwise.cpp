#include <algorithm>
#include <cmath>

#include "backends/reference/elements.h"
#include "backends/reference/ops.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::reference {
namespace {

/// Element i of the result for each i, computed in V: float64 or int64.
template <typename V, typename Function>
std::unique_ptr<Kernel> for_each_element(const OpContext& op, Function function, int in_place) {
  const int64_t count = num_elements(op.output().dims);
  const DType dtype = op.output().dtype;
  const auto run = [=](const KernelArgs& args) {
    parallel_for(count, team_of(args),
                 [&](int64_t i) { store<V>(dtype, args.outputs[0], i, function(args, i)); });
  };
  return make_kernel(run, in_place);
}

/// An operand as broadcast to the result.
class Broadcast {
 public:
  Broadcast(const OpContext& op, size_t index)
      : index_(index),
        dtype_(op.input(index).dtype),
        period_(num_elements(op.input(index).dims)),
        walk_(broadcast_walk(op.input(index).dims, op.output().dims)),
        repeats_(is_suffix(op.input(index).dims, op.output().dims)) {}

  template <typename V>
  V at(const KernelArgs& args, int64_t i) const {
    return load<V>(dtype_, args.inputs[index_], repeats_ ? i % period_ : walk_.at(i));
  }

 private:
  /// As large as the result, or as its last axes: the common cases need no walk.
  static bool is_suffix(const Dims& dims, const Dims& result) {
    return std::equal(dims.rbegin(), dims.rend(), result.rbegin());
  }

  size_t index_;
  DType dtype_;
  int64_t period_;
  Strided walk_;
  bool repeats_;
};

}  // namespace

std::unique_ptr<Kernel> make_unary(const OpContext& op) {
  const auto& attrs = op.node.as<UnaryAttrs>();
  const auto function = attrs.function;
  const double alpha = static_cast<double>(attrs.alpha), beta = static_cast<double>(attrs.beta);
  const DType dtype = op.input(0).dtype;
  return with_compute_type(dtype, [&](auto type) {
    using V = decltype(type);
    const auto element = [=](const KernelArgs& args, int64_t i) {
      return evaluate(function, load<V>(dtype, args.inputs[0], i), alpha, beta);
    };
    return for_each_element<V>(op, element, dtype == op.output().dtype ? 0 : -1);
  });
}

std::unique_ptr<Kernel> make_binary(const OpContext& op) {
  const auto function = op.node.as<BinaryAttrs>().function;
  return with_compute_type(op.input(0).dtype, [&](auto type) {
    using V = decltype(type);
    const auto element = [=, a = Broadcast(op, 0), b = Broadcast(op, 1)](const KernelArgs& args,
                                                                         int64_t i) {
      return evaluate(function, a.at<V>(args, i), b.at<V>(args, i));
    };
    return for_each_element<V>(op, element, op.input(0).dims == op.output().dims ? 0 : -1);
  });
}

std::unique_ptr<Kernel> make_compare(const OpContext& op) {
  const auto function = op.node.as<CompareAttrs>().function;
  return with_compute_type(op.input(0).dtype, [&](auto type) {
    using V = decltype(type);
    const auto element = [=, a = Broadcast(op, 0), b = Broadcast(op, 1)](const KernelArgs& args,
                                                                         int64_t i) -> int64_t {
      return evaluate(function, a.at<V>(args, i), b.at<V>(args, i));
    };
    return for_each_element<int64_t>(op, element, -1);
  });
}

std::unique_ptr<Kernel> make_cast(const OpContext& op) {
  const DType from = op.input(0).dtype;
  return with_compute_type(from, [&](auto type) {
    using V = decltype(type);
    const auto element = [=](const KernelArgs& args, int64_t i) {
      return load<V>(from, args.inputs[0], i);
    };
    return for_each_element<V>(op, element, -1);
  });
}

std::unique_ptr<Kernel> make_clip(const OpContext& op) {
  const DType dtype = op.input(0).dtype;
  return with_compute_type(dtype, [&](auto type) {
    using V = decltype(type);
    const auto element = [=](const KernelArgs& args, int64_t i) {
      V x = load<V>(dtype, args.inputs[0], i);
      // In this order: where the bounds cross, the upper one wins.
      if (args.in<std::byte>(1)) x = std::max(x, load<V>(dtype, args.inputs[1], 0));
      if (args.in<std::byte>(2)) x = std::min(x, load<V>(dtype, args.inputs[2], 0));
      return x;
    };
    return for_each_element<V>(op, element, 0);
  });
}

std::unique_ptr<Kernel> make_where(const OpContext& op) {
  return with_compute_type(op.output().dtype, [&](auto type) {
    using V = decltype(type);
    const auto element = [condition = Broadcast(op, 0), yes = Broadcast(op, 1),
                          no = Broadcast(op, 2)](const KernelArgs& args, int64_t i) {
      return condition.at<int64_t>(args, i) != 0 ? yes.at<V>(args, i) : no.at<V>(args, i);
    };
    return for_each_element<V>(op, element, -1);
  });
}

namespace {

/// Scale and zero point of each element.
class Scales {
 public:
  explicit Scales(const OpContext& op)
      : scale_dtype_(op.input(1).dtype), count_(num_elements(op.input(1).dims)) {
    if (op.has_input(2)) zero_dtype_ = op.input(2).dtype;
    if (count_ == 1) return;
    const Dims& dims = op.input(0).dims;
    const auto axis = static_cast<std::ptrdiff_t>(
        axis_of(op.node, op.node.as<QuantizeAttrs>().axis, static_cast<int64_t>(dims.size())));
    inner_ = num_elements({dims.begin() + axis + 1, dims.end()});
  }
  double scale(const KernelArgs& args, int64_t i) const {
    return load<double>(scale_dtype_, args.inputs[1], i / inner_ % count_);
  }
  double zero(const KernelArgs& args, int64_t i) const {
    return args.in<std::byte>(2) ? load<double>(zero_dtype_, args.inputs[2], i / inner_ % count_)
                                 : 0.0;
  }

 private:
  DType scale_dtype_, zero_dtype_ = DType::Float32;
  int64_t count_, inner_ = 1;
};

}  // namespace

std::unique_ptr<Kernel> make_quantize_linear(const OpContext& op) {
  const auto element = [scales = Scales(op), dtype = op.input(0).dtype](const KernelArgs& args,
                                                                        int64_t i) {
    const double x = load<double>(dtype, args.inputs[0], i), scale = scales.scale(args, i);
    // As ONNX has it, in the precision of x: where that rounds to a half decides the result.
    const double quotient =
        dtype == DType::Float64
            ? x / scale
            : static_cast<double>(static_cast<float>(x) / static_cast<float>(scale));
    return std::nearbyint(quotient) + scales.zero(args, i);
  };
  return for_each_element<double>(op, element, -1);  // store() keeps it in range
}

std::unique_ptr<Kernel> make_dequantize_linear(const OpContext& op) {
  const auto element = [scales = Scales(op), dtype = op.input(0).dtype](const KernelArgs& args,
                                                                        int64_t i) {
    return (load<double>(dtype, args.inputs[0], i) - scales.zero(args, i)) * scales.scale(args, i);
  };
  return for_each_element<double>(op, element, -1);
}

}  // namespace vitro::reference
