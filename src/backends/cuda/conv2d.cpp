#include "backends/cuda/conv2d.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  const auto& attrs = op.node.as<ConvAttrs>();
  if (op.input(1).dims.size() != 4) return Refusal{"it is not over two axes"};
  if (attrs.groups != 1) return Refusal{fmt::format("it has {} groups", attrs.groups)};
  return needs_weights(op);
}

}  // namespace

Conv2dKernel::Conv2dKernel(const OpContext& op)
    : tactics_(op.tactics),
      cache_(op.cache),
      weight_(op.take(1)),
      weights_(DeviceWeights::of(op.cache, op.device, op.precision)),
      device_(device_of(op)) {
  const auto windows = conv_windows(op.node, op.input(1).dims);
  const TensorType &x = op.input(0), &weight = op.input(1), &y = op.output();
  args_.element = element_of(op);
  args_.tf32 = is_tf32(op);
  args_.weight = weights_->elements(cache_, weight_);
  if (multiplies_parts(op)) args_.weight_parts = weights_->parts(cache_, weight_);
  args_.bias = take_floats(op, 2);
  args_.n = extent(x, 0), args_.h = extent(x, 1), args_.w = extent(x, 2), args_.c = extent(x, 3);
  args_.oh = extent(y, 1), args_.ow = extent(y, 2), args_.o = extent(y, 3);
  args_.kh = extent(weight, 1), args_.kw = extent(weight, 2);
  args_.stride_y = static_cast<int>(windows[0].stride);
  args_.stride_x = static_cast<int>(windows[1].stride);
  args_.dilation_y = static_cast<int>(windows[0].dilation);
  args_.dilation_x = static_cast<int>(windows[1].dilation);
  args_.pad_top = static_cast<int>(windows[0].pad_begin);
  args_.pad_left = static_cast<int>(windows[1].pad_begin);
  choose_tile();
}

void Conv2dKernel::choose_tile() {
  const Conv2dArgs& a = args_;
  const std::string key = fmt::format("cuda:conv2d({} {}x{}x{}x{}, {}x{}x{} / {}x{} to {}x{}{}{})",
                                      name_of(a.element, a.tf32), a.n, a.h, a.w, a.c, a.kh, a.kw,
                                      a.o, a.stride_y, a.stride_x, a.oh, a.ow,
                                      a.pixels  ? " of pixels"
                                      : a.image ? " of images"
                                                : "",
                                      a.gamma != nullptr ? " layer_norm" : "");
  choice_ =
      cuda::choose_tile(key, rank_conv2d_tiles(a, device_.num_sms, device_.capability), tactics_);
}

void Conv2dKernel::read_images() { read(DeviceWeights::ImageOrder::ChannelsFirst); }

void Conv2dKernel::read_pixels() {
  args_.pixels = true;
  read(DeviceWeights::ImageOrder::ChannelsLast);
}

void Conv2dKernel::read(DeviceWeights::ImageOrder order) {
  args_.image = true;
  args_.weight = weights_->of_images(cache_, weight_, order);
  if (args_.weight_parts != nullptr)
    args_.weight_parts = weights_->parts_of_images(cache_, weight_, order);
  choose_tile();
}

bool Conv2dKernel::absorb(const OpContext& next, size_t operand) {
  if (!absorb_end(args_.activation, residual_, next, operand)) return false;
  choose_tile();
  return true;
}

bool Conv2dKernel::normalize(const LayerNormKernel& norm) {
  if (residual_ || args_.activation.op != UnaryOp::None || norm.width() != args_.o) return false;
  args_.gamma = norm.weight();
  args_.beta = norm.bias();
  args_.eps = norm.eps();
  choose_tile();
  return true;
}

void Conv2dKernel::run(const KernelArgs& args) const {
  Conv2dArgs conv_args = args_;
  conv_args.x = args.inputs[0];
  if (residual_) conv_args.residual = args.inputs[kResidual];
  conv_args.y = args.outputs[0];
  conv2d(conv_args, choice_.value, launch_of(args));
}

const Impl kConv2dWindows{"cuda:conv2d_windows", can_run, make_kernel<Conv2dKernel>};

}  // namespace vitro::cuda
