#include "backends/cuda/kernels/pad.h"

#include <algorithm>

#include "backends/cuda/impls.h"
#include "backends/cuda/movement.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::cuda {
namespace {

Ints pad_begin(const OpContext& op) {
  const auto operands = operands_of(op.node, op.types, op.contents);
  Ints begin = operands[1] ? *operands[1].known : op.node.as<PadAttrs>().begin;
  begin.resize(op.input(0).dims.size());  // an operand has those behind as well
  return begin;
}

bool is_constant(const OpContext& op) { return op.node.as<PadAttrs>().mode == PadMode::Constant; }

std::optional<Refusal> pads_constant(const OpContext& op) {
  if (!is_constant(op)) return Refusal{"it does not pad with a constant"};
  return needs_float_operands(op, 1);
}

std::optional<Refusal> pads_border(const OpContext& op) {
  if (is_constant(op)) return Refusal{"it pads with a constant"};
  return needs_first_size(op);
}

/// With zeros, or another constant, that the copy then partly overwrites.
class PadCopyKernel final : public CopyKernel {
 public:
  explicit PadCopyKernel(const OpContext& op)
      : CopyKernel(op),
        count_(num_elements(op.output().dims)),
        bits_(bits_of(element_of(op), static_cast<float>(op.node.as<PadAttrs>().value))) {
    const vitro::Dims &x = op.input(0).dims, &y = op.output().dims;
    const vitro::Dims x_strides = vitro::dense_strides(x), y_strides = vitro::dense_strides(y);
    const Ints begin = pad_begin(op);
    vitro::Dims extents(x.size());
    int64_t from = 0, to = 0;
    for (size_t axis = 0; axis < x.size(); ++axis) {
      const int64_t first = std::max<int64_t>(-begin[axis], 0),
                    last = std::min(x[axis], y[axis] - begin[axis]);
      extents[axis] = std::max<int64_t>(last - first, 0);
      from += first * x_strides[axis];
      to += (first + begin[axis]) * y_strides[axis];
    }
    if (num_elements(extents) > 0) add(0, from, 0, to, extents, x_strides, y_strides);
    covers_all_ = extents == y;
  }
  void run(const KernelArgs& args) const override {
    if (!covers_all_) fill(bytes_, args.outputs[0], bits_, count_, launch_of(args));
    CopyKernel::run(args);
  }

 private:
  int64_t count_;
  uint32_t bits_;
  bool covers_all_;  // there is no padding at this shape
};

PadBorder border_of(PadMode mode) {
  return mode == PadMode::Reflect ? PadBorder::Reflect
         : mode == PadMode::Edge  ? PadBorder::Edge
                                  : PadBorder::Wrap;
}

class PadBorderKernel final : public Kernel {
 public:
  explicit PadBorderKernel(const OpContext& op) : x_(op, 0) {
    args_.border = border_of(op.node.as<PadAttrs>().mode);
    args_.element_bytes = stored_element_bytes(op, op.input(0));
    args_.x_dims = to_dims(op.input(0).dims);
    args_.y_dims = to_dims(op.output().dims);
    args_.begin = to_dims(pad_begin(op));
  }
  void run(const KernelArgs& args) const override {
    PadArgs pad_args = args_;
    pad_args.x = x_.in(args);
    pad_args.y = args.outputs[0];
    pad(pad_args, launch_of(args));
  }

 private:
  Operand x_;
  PadArgs args_;
};

}  // namespace

const Impl kPadCopy{"cuda:pad_copy", pads_constant, make_kernel<PadCopyKernel>};
const Impl kPadBorder{"cuda:pad_border", pads_border, make_kernel<PadBorderKernel>};

}  // namespace vitro::cuda
