#include <algorithm>
#include <cstring>

#include "backends/reference/elements.h"
#include "backends/reference/ops.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::reference {
namespace {

/// Element i of the result is element at(i) of operand 0. Movement needs the size of elements
/// alone.
template <typename At>
std::unique_ptr<Kernel> make_moved(const OpContext& op, At at) {
  const int64_t count = num_elements(op.output().dims);
  const size_t size = dtype_size(op.output().dtype);
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      std::memcpy(args.outputs[0] + static_cast<size_t>(i) * size,
                  args.inputs[0] + static_cast<size_t>(at(i)) * size, size);
    });
  });
}

std::unique_ptr<Kernel> make_strided(const OpContext& op, Strided walk) {
  return make_moved(op, [walk = std::move(walk)](int64_t i) { return walk.at(i); });
}

int64_t product(const Dims& dims, size_t begin, size_t end) {
  return num_elements({dims.begin() + static_cast<std::ptrdiff_t>(begin),
                       dims.begin() + static_cast<std::ptrdiff_t>(end)});
}

size_t axis_attr(const OpContext& op, int64_t axis, size_t operand = 0) {
  return axis_of(op.node, axis, static_cast<int64_t>(op.input(operand).dims.size()));
}

}  // namespace

std::unique_ptr<Kernel> make_transpose(const OpContext& op) {
  return make_strided(op, transpose_walk(op.input(0).dims, op.node.as<TransposeAttrs>().perm));
}

std::unique_ptr<Kernel> make_slice(const OpContext& op) {
  return make_strided(op, slice_walk(op.node, operands_of(op.node, op.types, op.contents)));
}

std::unique_ptr<Kernel> make_expand(const OpContext& op) {
  return make_strided(op, broadcast_walk(op.input(0).dims, op.output().dims));
}

std::unique_ptr<Kernel> make_tile(const OpContext& op) {
  const Dims src = op.input(0).dims, dst = op.output().dims, strides = dense_strides(src);
  return make_moved(op, [=](int64_t i) {
    int64_t position = 0;
    for (size_t axis = dst.size(); axis-- > 0; i /= dst[axis])
      position += i % dst[axis] % src[axis] * strides[axis];
    return position;
  });
}

// Runs of one operand after the other, for each position of the axes before.
std::unique_ptr<Kernel> make_concat(const OpContext& op) {
  const size_t axis = axis_attr(op, op.node.as<AxisAttrs>().axis);
  const int64_t outer = product(op.output().dims, 0, axis);
  std::vector<size_t> runs;
  size_t whole = 0;
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    const Dims& dims = op.input(i).dims;
    runs.push_back(static_cast<size_t>(product(dims, axis, dims.size())) *
                   dtype_size(op.output().dtype));
    whole += runs.back();
  }
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(outer, team_of(args), [&](int64_t row) {
      std::byte* dst = args.outputs[0] + static_cast<size_t>(row) * whole;
      for (size_t i = 0; i < runs.size(); dst += runs[i++])
        if (runs[i] > 0)
          std::memcpy(dst, args.inputs[i] + static_cast<size_t>(row) * runs[i], runs[i]);
    });
  });
}

std::unique_ptr<Kernel> make_split(const OpContext& op) {
  const size_t axis = axis_attr(op, op.node.as<SplitAttrs>().axis);
  const Dims& src = op.input(0).dims;
  const int64_t outer = product(src, 0, axis);
  const size_t inner =
      static_cast<size_t>(product(src, axis + 1, src.size())) * dtype_size(op.input(0).dtype);
  std::vector<size_t> runs;
  for (int64_t size : split_sizes(op.node, src[axis]))
    runs.push_back(static_cast<size_t>(size) * inner);
  const size_t whole = static_cast<size_t>(src[axis]) * inner;
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(outer, team_of(args), [&](int64_t row) {
      const std::byte* from = args.inputs[0] + static_cast<size_t>(row) * whole;
      for (size_t i = 0; i < runs.size(); from += runs[i++])
        if (args.outputs[i] && runs[i] > 0)
          std::memcpy(args.outputs[i] + static_cast<size_t>(row) * runs[i], from, runs[i]);
    });
  });
}

namespace {

/// The position in [0, extent) that one outside of it stands for.
int64_t inside(PadMode mode, int64_t position, int64_t extent) {
  if (mode == PadMode::Edge) return std::clamp<int64_t>(position, 0, extent - 1);
  if (mode == PadMode::Wrap) return ((position % extent) + extent) % extent;
  const int64_t period = std::max<int64_t>(2 * (extent - 1), 1);  // Reflect
  const int64_t rest = ((position % period) + period) % period;
  return std::min(rest, period - rest);
}

}  // namespace

std::unique_ptr<Kernel> make_pad(const OpContext& op) {
  const auto& attrs = op.node.as<PadAttrs>();
  const auto operands = operands_of(op.node, op.types, op.contents);
  const Dims src = op.input(0).dims, dst = op.output().dims, strides = dense_strides(src);
  Ints begin = operands[1] ? *operands[1].known : attrs.begin;
  begin.resize(src.size());  // the operand has those behind as well
  const int64_t count = num_elements(dst);
  const DType dtype = op.output().dtype;
  return make_kernel([=, mode = attrs.mode, value = attrs.value](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      int64_t position = 0, rest = i;
      bool outside = false;
      for (size_t axis = dst.size(); axis-- > 0; rest /= dst[axis]) {
        int64_t at = rest % dst[axis] - begin[axis];
        if (at < 0 || at >= src[axis]) {
          outside = outside || mode == PadMode::Constant;
          if (!outside) at = inside(mode, at, src[axis]);
        }
        position += at * strides[axis];
      }
      const size_t size = dtype_size(dtype);
      if (outside)
        store<double>(dtype, args.outputs[0], i, value);
      else
        std::memcpy(args.outputs[0] + static_cast<size_t>(i) * size,
                    args.inputs[0] + static_cast<size_t>(position) * size, size);
    });
  });
}

namespace {

/// An index into an axis, which may count from the end; one out of range is moved to the edge, so
/// that no memory of others is read.
int64_t index_at(DType dtype, const std::byte* indices, int64_t i, int64_t extent) {
  const int64_t index = load<int64_t>(dtype, indices, i);
  return std::clamp<int64_t>(index < 0 ? index + extent : index, 0, extent - 1);
}

}  // namespace

// dst[batch, outer, indices, inner] = src[batch, outer, index, inner], indices are [batch, ...]
std::unique_ptr<Kernel> make_gather(const OpContext& op) {
  const auto& attrs = op.node.as<GatherAttrs>();
  const size_t axis = axis_attr(op, attrs.axis), batch_dims = static_cast<size_t>(attrs.batch_dims);
  const Dims &src = op.input(0).dims, &places = op.input(1).dims;
  const int64_t extent = src[axis], picked = product(places, batch_dims, places.size());
  const int64_t rows_of_image = product(src, batch_dims, axis) * picked;
  const size_t run =
      static_cast<size_t>(product(src, axis + 1, src.size())) * dtype_size(op.input(0).dtype);
  const int64_t rows = product(src, 0, axis) * picked;
  const DType indices = op.input(1).dtype;
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(rows, team_of(args), [&](int64_t row) {
      const int64_t image = row / rows_of_image;
      const int64_t index =
          index_at(indices, args.inputs[1], image * picked + row % picked, extent);
      std::memcpy(args.outputs[0] + static_cast<size_t>(row) * run,
                  args.inputs[0] + static_cast<size_t>(row / picked * extent + index) * run, run);
    });
  });
}

// dst[..., i, ...] = src[..., index[..., i, ...], ...]
std::unique_ptr<Kernel> make_gather_elements(const OpContext& op) {
  const size_t axis = axis_attr(op, op.node.as<AxisAttrs>().axis);
  const Dims src = op.input(0).dims, dst = op.output().dims, strides = dense_strides(src);
  const int64_t count = num_elements(dst);
  const size_t size = dtype_size(op.output().dtype);
  const DType indices = op.input(1).dtype;
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      int64_t position = 0, rest = i;
      for (size_t a = dst.size(); a-- > 0; rest /= dst[a])
        position +=
            strides[a] * (a == axis ? index_at(indices, args.inputs[1], i, src[a]) : rest % dst[a]);
      std::memcpy(args.outputs[0] + static_cast<size_t>(i) * size,
                  args.inputs[0] + static_cast<size_t>(position) * size, size);
    });
  });
}

// dst = src but for dst[indices[i, 0], indices[i, 1], ...] = updates[i], of several the last one.
std::unique_ptr<Kernel> make_scatter_nd(const OpContext& op) {
  const Dims x = op.input(0).dims, places = op.input(1).dims;
  const auto count = static_cast<size_t>(places.back());
  const size_t size = dtype_size(op.output().dtype);
  const size_t run = static_cast<size_t>(product(x, count, x.size())) * size;
  const size_t bytes = static_cast<size_t>(num_elements(x)) * size;
  const int64_t updates = product(places, 0, places.size() - 1);
  const DType indices = op.input(1).dtype;
  return make_kernel([=](const KernelArgs& args) {
    std::memcpy(args.outputs[0], args.inputs[0], bytes);
    for (int64_t i = 0; i < updates; ++i) {
      int64_t row = 0;
      for (size_t axis = 0; axis < count; ++axis)
        row = row * x[axis] + index_at(indices, args.inputs[1],
                                       i * static_cast<int64_t>(count) + static_cast<int64_t>(axis),
                                       x[axis]);
      std::memcpy(args.outputs[0] + static_cast<size_t>(row) * run,
                  args.inputs[2] + static_cast<size_t>(i) * run, run);
    }
  });
}

// Its elements are known, but for those of a float or a large one.
std::unique_ptr<Kernel> make_constant_of_shape(const OpContext& op) {
  const int64_t count = num_elements(op.output().dims);
  const DType dtype = op.output().dtype;
  const double value = op.node.as<FillAttrs>().value;
  return make_kernel([=](const KernelArgs& args) {
    for (int64_t i = 0; i < count; ++i) store<double>(dtype, args.outputs[0], i, value);
  });
}

std::unique_ptr<Kernel> make_range(const OpContext& op) {
  const int64_t count = num_elements(op.output().dims);
  const DType dtype = op.output().dtype;
  return make_kernel([=](const KernelArgs& args) {
    const auto start = load<int64_t>(dtype, args.inputs[0], 0);
    const auto delta = load<int64_t>(dtype, args.inputs[2], 0);
    for (int64_t i = 0; i < count; ++i)
      store<int64_t>(dtype, args.outputs[0], i, start + i * delta);
  });
}

}  // namespace vitro::reference
