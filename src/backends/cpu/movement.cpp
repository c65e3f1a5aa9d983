#include <fmt/format.h>

#include <cstring>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/strided_copy.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

Strided whole(const Dims& dims) { return {dims, dense_strides(dims), 0}; }

/// The positions of `dims` from `first` along each axis.
Strided part_of(const Dims& dims, const Dims& first, const Dims& extents) {
  Strided part{extents, dense_strides(dims), 0};
  for (size_t i = 0; i < dims.size(); ++i) part.offset += first[i] * part.strides[i];
  return part;
}

size_t axis_attr(const OpContext& op, int64_t axis) {
  return axis_of(op.node, axis, static_cast<int64_t>(op.input(0).dims.size()));
}

/// Copies between operands and results, and what lies around the copies.
class MovementKernel final : public Kernel {
 public:
  explicit MovementKernel(const OpContext& op)
      : element_bytes_(dtype_size(op.output().dtype)),
        threads_(op.threads),
        fill_bands_(element_bands(op.output(), op.threads)) {}

  void add(size_t operand, const Strided& from, size_t result, const Strided& to) {
    parts_.push_back({{element_bytes_, from, to, threads_}, operand, result});
  }
  /// Fills the only result before the copies.
  void fill(float value) { fill_ = value; }

  void run(const KernelArgs& args) const override {
    ThreadTeam& team = team_of(args);
    if (fill_) fill_result(team, args.outputs[0]);
    for (const Part& part : parts_)
      if (args.outputs[part.result])
        part.copy.run(team, args.inputs[part.operand], args.outputs[part.result]);
  }

 private:
  struct Part {
    StridedCopy copy;
    size_t operand, result;
  };

  void fill_result(ThreadTeam& team, std::byte* result) const {
    team.parallel_for(fill_bands_.count, [&](int64_t band, int) {
      const int64_t begin = fill_bands_.begin(band), count = fill_bands_.size(band);
      if (*fill_ == 0.0f)
        std::memset(result + static_cast<size_t>(begin) * element_bytes_, 0,
                    static_cast<size_t>(count) * element_bytes_);
      else
        std::fill_n(reinterpret_cast<float*>(result) + begin, count, *fill_);
    });
  }

  size_t element_bytes_;
  int threads_;
  Bands fill_bands_;
  std::optional<float> fill_;
  std::vector<Part> parts_;
};

std::optional<Refusal> any(const OpContext&) { return std::nullopt; }

/// One operand, walked through.
template <typename Walk>
std::unique_ptr<Kernel> make_walk(const OpContext& op, const Walk& walk) {
  auto kernel = std::make_unique<MovementKernel>(op);
  kernel->add(0, walk, 0, whole(op.output().dims));
  return kernel;
}

std::unique_ptr<Kernel> make_transpose(const OpContext& op) {
  return make_walk(op, transpose_walk(op.input(0).dims, op.node.as<TransposeAttrs>().perm));
}
std::unique_ptr<Kernel> make_slice(const OpContext& op) {
  return make_walk(op, slice_walk(op.node, operands_of(op.node, op.types, op.contents)));
}
std::unique_ptr<Kernel> make_expand(const OpContext& op) {
  return make_walk(op, broadcast_walk(op.input(0).dims, op.output().dims));
}

std::unique_ptr<Kernel> make_concat(const OpContext& op) {
  auto kernel = std::make_unique<MovementKernel>(op);
  const size_t axis = axis_attr(op, op.node.as<AxisAttrs>().axis);
  Dims first(op.output().dims.size());
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    const Dims& dims = op.input(i).dims;
    if (num_elements(dims) > 0)
      kernel->add(i, whole(dims), 0, part_of(op.output().dims, first, dims));
    first[axis] += dims[axis];
  }
  return kernel;
}

std::unique_ptr<Kernel> make_split(const OpContext& op) {
  auto kernel = std::make_unique<MovementKernel>(op);
  const Dims& src = op.input(0).dims;
  const size_t axis = axis_attr(op, op.node.as<SplitAttrs>().axis);
  Dims first(src.size());
  size_t result = 0;
  for (int64_t size : split_sizes(op.node, src[axis])) {
    Dims dims = src;
    dims[axis] = size;
    if (size > 0) kernel->add(0, part_of(src, first, dims), result, whole(dims));
    first[axis] += size;
    ++result;
  }
  return kernel;
}

std::optional<Refusal> can_pad(const OpContext& op) {
  const auto& attrs = op.node.as<PadAttrs>();
  if (attrs.mode != PadMode::Constant) return Refusal{"its border is made of elements"};
  if (attrs.value == 0.0 || op.output().dtype == DType::Float32) return std::nullopt;
  return Refusal{"its border is not zero and not of float32"};
}

std::unique_ptr<Kernel> make_pad(const OpContext& op) {
  const auto& attrs = op.node.as<PadAttrs>();
  const auto operands = operands_of(op.node, op.types, op.contents);
  const Dims &src = op.input(0).dims, &dst = op.output().dims;
  Ints begin = operands[1] ? *operands[1].known : attrs.begin;
  begin.resize(src.size());  // the operand has those behind as well
  Dims from(src.size()), to(src.size()), extents(src.size());
  for (size_t i = 0; i < src.size(); ++i) {
    from[i] = std::max<int64_t>(0, -begin[i]);
    to[i] = std::max<int64_t>(0, begin[i]);
    extents[i] = std::max<int64_t>(0, std::min(src[i] - from[i], dst[i] - to[i]));
  }
  auto kernel = std::make_unique<MovementKernel>(op);
  const int64_t kept = num_elements(extents);
  if (kept < num_elements(dst)) kernel->fill(static_cast<float>(attrs.value));
  if (kept > 0) kernel->add(0, part_of(src, from, extents), 0, part_of(dst, to, extents));
  return kernel;
}

std::optional<Refusal> can_fill(const OpContext& op) {
  if (op.node.as<FillAttrs>().value == 0 || op.output().dtype == DType::Float32)
    return std::nullopt;
  return Refusal{fmt::format("of {} other than 0", dtype_name(op.output().dtype))};
}

std::unique_ptr<Kernel> make_constant_of_shape(const OpContext& op) {
  auto kernel = std::make_unique<MovementKernel>(op);
  kernel->fill(static_cast<float>(op.node.as<FillAttrs>().value));
  return kernel;
}

}  // namespace

const Impl kTransposeCopy{"cpu:transpose_copy", any, make_transpose};
const Impl kSliceCopy{"cpu:slice_copy", any, make_slice};
const Impl kExpandCopy{"cpu:expand_copy", any, make_expand};
const Impl kConcatCopy{"cpu:concat_copy", any, make_concat};
const Impl kSplitCopy{"cpu:split_copy", any, make_split};
const Impl kPadCopy{"cpu:pad_copy", can_pad, make_pad};
const Impl kConstantOfShapeFill{"cpu:constant_of_shape_fill", can_fill, make_constant_of_shape};

}  // namespace vitro::cpu
