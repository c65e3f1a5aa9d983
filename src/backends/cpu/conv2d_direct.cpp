#include <fmt/core.h>

#include <numeric>

#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/conv2d.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

DirectConvArgs direct_args(const OpContext& op) {
  const PatchSource patches = conv2d_patches(op);
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  DirectConvArgs args;
  args.in_h = patches.in_h;
  args.in_w = patches.in_w;
  args.out_h = patches.out_h;
  args.out_w = patches.out_w;
  args.groups = groups;
  args.group_in = patches.channels;
  args.group_out = op.output().dims[3] / groups;
  args.kernel = patches.kernel_h;
  args.stride = patches.stride_h;
  args.pad_top = patches.pad_top;
  args.pad_left = patches.pad_left;
  return args;
}

std::optional<Refusal> can_vectorise(const DirectConvArgs& args, int64_t width) {
  if (args.group_out % width == 0) return std::nullopt;
  const bool narrow = args.group_out == args.group_in && args.kernel == 3 &&
                      (args.group_out == 4 || args.group_out == 8) && args.group_out < width;
  if (narrow && args.groups * args.group_out % width == 0) return std::nullopt;
  return Refusal{fmt::format("{} groups of {} channels from {} do not fill vectors of {}",
                             args.groups, args.group_out, args.group_in, width)};
}

// Deeper sums are faster as products of gathered rows: a panel of their weights leaves the
// first-level cache. Gathering costs more where it is done for each group.
constexpr int64_t kMaxTerms = 9 * 32, kMaxGroupTerms = 9 * 64;

std::optional<Refusal> can_unroll(const OpContext& op) {
  const auto axes = conv_windows(op.node, op.input(1).dims);
  const WindowAxis &y = axes[0], &x = axes[1];
  for (const WindowAxis& axis : {y, x})
    if (axis.dilation != 1) return Refusal{fmt::format("its dilation is {}, not 1", axis.dilation)};
  const bool square = y.kernel == x.kernel && y.stride == x.stride;
  if (square && (y.kernel == 3 ? y.stride <= 2 : y.kernel == 7 && y.stride == 2))
    return std::nullopt;
  return Refusal{
      fmt::format("its {}x{} taps of stride {}x{} are not 3x3 of 1x1 or 2x2, or 7x7 of 2x2",
                  y.kernel, x.kernel, y.stride, x.stride)};
}

}  // namespace

std::optional<Refusal> can_conv2d_direct(const OpContext& op) {
  if (auto refusal = can_conv2d(op)) return refusal;
  if (op.precision == Precision::BFloat16 && op.node.as<ConvAttrs>().groups == 1)
    return Refusal{"it multiplies float32, not bf16"};
  if (op.input(1).dtype != DType::Float32)
    return Refusal{fmt::format("its weight is {}, not F32", dtype_name(op.input(1).dtype))};
  if (auto refusal = can_unroll(op)) return refusal;
  const DirectConvArgs args = direct_args(op);
  const int64_t terms = args.kernel * args.kernel * args.group_in;
  const int64_t most = args.groups == 1 ? kMaxTerms : kMaxGroupTerms;
  if (terms > most)
    return Refusal{fmt::format("its sums have {} terms, more than {}", terms, most)};
  return can_vectorise(args, active_kernels().direct_conv.width);
}

namespace {

// The padded input of a task stays in the second-level cache, and so do the rows that it is a part
// of until the tasks of the other blocks have read theirs, unless that is too few rows to be worth
// reading their neighbours again.
constexpr int64_t kScratchFloats = 32 * 1024;
constexpr int64_t kInputFloats = 64 * 1024;
constexpr int64_t kMinRows = 4;

/// Tasks are bands of rows by blocks of whole groups and whole panels.
class Conv2dDirectKernel final : public Kernel {
 public:
  explicit Conv2dDirectKernel(const OpContext& op)
      : conv_(active_kernels().direct_conv.run),
        images_(op.input(0).dims[0]),
        threads_(op.threads),
        args_(direct_args(op)),
        weights_(op.packed(1, kPanel16)),
        epilogue_(3) {
    const int64_t panels = num_panels(args_.groups * args_.group_out);
    const int64_t together = std::lcm(args_.group_out, kPanelWidth) / kPanelWidth;
    blocks_ = {panels, together, (panels + together - 1) / together};
    // Rows are what threads share of most ops before and behind: those of blocks would cross cores.
    const bool by_blocks =
        args_.out_h < kMinRows * threads_ && images_ * blocks_.count % threads_ == 0;
    bands_ = make_bands(args_.out_h, 1, band_rows(), by_blocks ? 1 : threads_);
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    return scratch_size() * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const int64_t in_size = args_.in_h * args_.in_w * args_.groups * args_.group_in;
    const int64_t out_size = args_.out_h * args_.out_w * args_.groups * args_.group_out;
    const int64_t tasks = bands_.count * blocks_.count;
    team_of(args).parallel_for(images_ * tasks, [&](int64_t task, int thread) {
      const int64_t image = task / tasks, band = task % tasks / blocks_.count,
                    block = task % blocks_.count;
      DirectConvArgs local = args_;
      local.input = args.in<float>(0) + image * in_size;
      local.weights = reinterpret_cast<const float*>(weights_.bytes.data());
      local.bias = args.in<float>(2);
      if (const float* residual = epilogue_.residual(args))
        local.residual = residual + image * out_size;
      local.output = args.out<float>() + image * out_size;
      local.activation = epilogue_.activation();
      local.scratch =
          reinterpret_cast<float*>(args.scratch) + scratch_size() * static_cast<size_t>(thread);
      conv_(local, bands_.begin(band), bands_.begin(band + 1), blocks_.begin(block),
            blocks_.begin(block + 1));
    });
  }

 private:
  /// Rows of a task.
  int64_t band_rows() const {
    const auto rows_of = [&](int64_t floats, int64_t row, int64_t least) {
      return std::max(least, (floats / row - args_.kernel) / args_.stride + 1);
    };
    const int64_t across = direct_conv_reach(args_, args_.out_w);
    return std::min(rows_of(kScratchFloats, across * width_of(0), 1),
                    rows_of(kInputFloats, args_.in_w * args_.groups * args_.group_in, kMinRows));
  }
  DirectConvChannels channels_of(int64_t block) const {
    return direct_conv_channels(args_, blocks_.begin(block), blocks_.begin(block + 1));
  }
  /// Channels of the input that a block reads.
  int64_t width_of(int64_t block) const {
    const DirectConvChannels channels = channels_of(block);
    return channels.in_end - channels.in_begin;
  }
  size_t scratch_size() const {
    return aligned_floats(direct_conv_scratch_size(args_, bands_.max_size(), channels_of(0)));
  }

  const DirectConv conv_;
  int64_t images_;
  int threads_;
  DirectConvArgs args_;
  Constant weights_;
  Epilogue epilogue_;
  Bands blocks_;  ///< of panels
  Bands bands_;   ///< of rows
};

}  // namespace

const Impl kConv2dDirect{"cpu:conv2d_direct", can_conv2d_direct, make_kernel<Conv2dDirectKernel>};

}  // namespace vitro::cpu
