#include <cstring>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/host_lane.h"
#include "ir/infer.h"
#include "ir/strided.h"

// Elements at positions that an operand names: constant, known from shapes, or computed from data.
namespace vitro::cpu {
namespace {

/// A position that may count from the end; one out of range is moved to the edge, so that no memory
/// of others is read.
int64_t inside(int64_t index, int64_t extent) {
  return std::clamp<int64_t>(index < 0 ? index + extent : index, 0, extent - 1);
}

int64_t product(const Dims& dims, size_t begin, size_t end) {
  return num_elements({dims.begin() + static_cast<std::ptrdiff_t>(begin),
                       dims.begin() + static_cast<std::ptrdiff_t>(end)});
}

size_t axis_attr(const OpContext& op, int64_t axis) {
  return axis_of(op.node, axis, static_cast<int64_t>(op.input(0).dims.size()));
}

/// dst[image, outer, i, inner] = src[image, outer, indices[image, i], inner].
template <typename Index>
class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const OpContext& op) {
    const auto& attrs = op.node.as<GatherAttrs>();
    const Dims &src = op.input(0).dims, &places = op.input(1).dims;
    const size_t axis = axis_attr(op, attrs.axis),
                 batch_dims = static_cast<size_t>(attrs.batch_dims);
    extent_ = src[axis];
    picked_ = product(places, batch_dims, places.size());
    rows_of_image_ = product(src, batch_dims, axis) * picked_;
    run_ = product(src, axis + 1, src.size()) * static_cast<int64_t>(dtype_size(op.input(0).dtype));
    const int64_t rows = product(src, 0, axis) * picked_;
    bands_ = {rows, 1, std::min(rows, element_bands(op.output(), op.threads).count)};
  }
  void run(const KernelArgs& args) const override {
    const auto* indices = args.in<Index>(1);
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      for (int64_t row = bands_.begin(band); row < bands_.begin(band + 1); ++row) {
        const int64_t place = row / rows_of_image_ * picked_ + row % picked_;
        const int64_t from = row / picked_ * extent_ + inside(indices[place], extent_);
        std::memcpy(args.outputs[0] + row * run_, args.inputs[0] + from * run_,
                    static_cast<size_t>(run_));
      }
    });
  }

 private:
  int64_t extent_, picked_, rows_of_image_, run_;
  Bands bands_;  ///< of runs
};

/// dst[..., i, ...] = src[..., indices[..., i, ...], ...], for elements of any type as large as
/// Element.
template <typename Index, typename Element>
class GatherElementsKernel final : public Kernel {
 public:
  explicit GatherElementsKernel(const OpContext& op)
      : dst_(op.output().dims), strides_(dense_strides(op.input(0).dims)) {
    axis_ = axis_attr(op, op.node.as<AxisAttrs>().axis);
    extent_ = op.input(0).dims[axis_];
    stride_ = strides_[axis_];
    strides_[axis_] = 0;
    const int64_t rows = num_elements(dst_) / dst_.back();
    bands_ = {rows, 1, std::min(rows, element_bands(op.output(), op.threads).count)};
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t width = dst_.back(), step = strides_.back();
      for (int64_t row = bands_.begin(band); row < bands_.begin(band + 1); ++row) {
        const Index* indices = args.in<Index>(1) + row * width;
        const Element* src = args.in<Element>(0) + start_of(row);
        Element* dst = args.out<Element>() + row * width;
        for (int64_t i = 0; i < width; ++i)
          dst[i] = src[i * step + inside(indices[i], extent_) * stride_];
      }
    });
  }

 private:
  /// Where the elements of a row of the result lie, at position 0 of the axis.
  int64_t start_of(int64_t row) const {
    int64_t start = 0;
    for (size_t axis = dst_.size() - 1; axis-- > 0; row /= dst_[axis])
      start += row % dst_[axis] * strides_[axis];
    return start;
  }

  Dims dst_, strides_;  ///< those of the operand, 0 along the axis
  size_t axis_;
  int64_t extent_, stride_;
  Bands bands_;  ///< of rows
};

std::optional<Refusal> any(const OpContext&) { return std::nullopt; }

std::optional<Refusal> has_rows(const OpContext& op) {
  if (op.output().dims.empty()) return Refusal{"it is a scalar"};
  return std::nullopt;
}

bool is_wide(const OpContext& op) { return op.input(1).dtype == DType::Int64; }

std::unique_ptr<Kernel> make_gather(const OpContext& op) {
  if (is_wide(op)) return std::make_unique<GatherKernel<int64_t>>(op);
  return std::make_unique<GatherKernel<int32_t>>(op);
}

template <typename Element>
std::unique_ptr<Kernel> make_elements(const OpContext& op) {
  if (is_wide(op)) return std::make_unique<GatherElementsKernel<int64_t, Element>>(op);
  return std::make_unique<GatherElementsKernel<int32_t, Element>>(op);
}

std::unique_ptr<Kernel> make_gather_elements(const OpContext& op) {
  switch (dtype_size(op.input(0).dtype)) {
    case 1:
      return make_elements<uint8_t>(op);
    case 2:
      return make_elements<uint16_t>(op);
    case 4:
      return make_elements<uint32_t>(op);
    default:
      return make_elements<uint64_t>(op);
  }
}

}  // namespace

const Impl kGatherRuns{"cpu:gather_runs", any, make_gather};
const Impl kGatherElementsRows{"cpu:gather_elements_rows", has_rows, make_gather_elements};

}  // namespace vitro::cpu
