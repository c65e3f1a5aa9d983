#include "backends/cuda/kernels/resize.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/strided_copy.h"
#include "backends/cuda/operands.h"
#include "ir/resize_taps.h"

namespace vitro::cuda {
namespace {

using Taps = std::vector<std::vector<vitro::ResizeTap>>;  // by position of the result

size_t most_taps(const Taps& taps) {
  size_t most = 0;
  for (const auto& position : taps) most = std::max(most, position.size());
  return most;
}

/// Rows of equal size; a position below zero ends a shorter one.
std::vector<std::byte> table_of(const Taps& taps) {
  const size_t most = most_taps(taps);
  std::vector<ResizeTap> rows(taps.size() * most, ResizeTap{-1, 0.0f});
  for (size_t i = 0; i < taps.size(); ++i)
    for (size_t t = 0; t < taps[i].size(); ++t)
      rows[i * most + t] = {static_cast<int32_t>(taps[i][t].position),
                            static_cast<float>(taps[i][t].weight)};
  std::vector<std::byte> bytes(rows.size() * sizeof(ResizeTap));
  std::memcpy(bytes.data(), rows.data(), bytes.size());
  return bytes;
}

/// All that the taps of an axis follow from.
std::string key_of(const ResizeAttrs& attrs, size_t axis, int64_t in, int64_t out) {
  return fmt::format("resize {} {} {} {} {} {} {} {} {}", static_cast<int>(attrs.mode),
                     static_cast<int>(attrs.coordinates), static_cast<int>(attrs.nearest),
                     attrs.scales.empty() ? 0.0 : attrs.scales[axis], attrs.cubic_a,
                     attrs.exclude_outside, attrs.antialias, in, out);
}

/// Along one axis after the other, with float32 between them.
class ResizeKernel final : public Kernel {
 public:
  explicit ResizeKernel(const OpContext& op) : x_(op, 0), element_(element_of(op)) {
    const auto& attrs = op.node.as<ResizeAttrs>();
    const auto weights = DeviceWeights::of(op.cache, op.device, op.precision);
    vitro::Dims dims = op.input(0).dims;
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const int64_t in = dims[axis], out = op.output().dims[axis];
      const auto taps = resize_taps(attrs, axis, in, out);
      if (!taps) continue;
      if (!axes_.empty())
        between_ = std::max(between_,
                            aligned_bytes(static_cast<size_t>(num_elements(dims)) * sizeof(float)));
      const Lines lines(op, {DType::Float32, dims}, static_cast<int64_t>(axis));
      ResizeArgs args;
      args.from = args.to = Element::Float32;
      args.outer = lines.outer, args.inner = lines.inner;
      args.in = static_cast<int>(in), args.out = static_cast<int>(out);
      args.taps = static_cast<const ResizeTap*>(
          weights->table(key_of(attrs, axis, in, out), [&] { return table_of(*taps); }));
      args.most_taps = static_cast<int>(most_taps(*taps));
      axes_.push_back(args);
      dims[axis] = out;
    }
    count_ = num_elements(dims);
    if (axes_.empty()) return;
    axes_.front().from = axes_.back().to = element_;
  }
  size_t scratch_bytes() const override {
    return between_ * std::min<size_t>(axes_.empty() ? 0 : axes_.size() - 1, 2);
  }
  void run(const KernelArgs& args) const override {
    const void* from = x_.in(args);
    if (axes_.empty())
      return strided_copy(
          {static_cast<int>(element_size(element_)), from, args.outputs[0], {count_}, {1}, {}},
          launch_of(args));
    for (size_t i = 0; i < axes_.size(); ++i) {
      ResizeArgs resize_args = axes_[i];
      resize_args.x = from;
      resize_args.y = i + 1 < axes_.size() ? args.scratch + i % 2 * between_ : args.outputs[0];
      resize(resize_args, launch_of(args));
      from = resize_args.y;
    }
  }

 private:
  Operand x_;
  Element element_;
  int64_t count_;
  std::vector<ResizeArgs> axes_;
  size_t between_ = 0;  // bytes of one of two places for what lies between axes
};

std::optional<Refusal> can_run(const OpContext& op) { return needs_float_operands(op, 1); }

}  // namespace

const Impl kResizeAxes{"cuda:resize_axes", can_run, make_kernel<ResizeKernel>};

}  // namespace vitro::cuda
