#include "backends/cuda/kernels/mlp.h"

#include <fmt/core.h>

#include "backends/cuda/codes_product.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/local_block.h"
#include "backends/cuda/product.h"
#include "backends/cuda/row_sums.h"
#include "backends/cuda/transformer_part.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

MlpArgs fused_args(const OpContext& op) {
  const auto& attrs = op.node.as<MlpAttrs>();
  MlpArgs args;
  args.element = element_of(op);
  args.fc1_weight = take_elements(op, 1);
  args.fc1_bias = take_floats(op, 2);
  args.fc2_weight = take_elements(op, 3);
  args.fc2_bias = take_floats(op, 4);
  args.m = num_rows(op.input(0));
  args.c = width(op.input(0));
  args.hidden = extent(op.input(1), 0);
  args.layer_norm = attrs.layer_norm;
  args.eps = attrs.eps;
  return args;
}

int fused_tile(const OpContext& op, const MlpArgs& args) {
  return choose_mlp_tile(args, device_of(op).num_sms, device_of(op).capability);
}

std::optional<Refusal> can_fuse(const OpContext& op) {
  if (auto refusal = needs_weights(op)) return refusal;
  const MlpArgs args = fused_args(op);
  if (fused_tile(op, args) >= 0) return std::nullopt;
  const char* why = "two products should be faster";
  for (size_t i = 0; i < mlp_tiles().size(); ++i)
    if (mlp_tiles()[i].c == args.c)
      if (const char* refusal = mlp_refusal(args, static_cast<int>(i), device_of(op).capability))
        why = refusal;
  const bool has_width = std::any_of(mlp_tiles().begin(), mlp_tiles().end(),
                                     [&](const MlpTile& tile) { return tile.c == args.c; });
  if (!has_width) return Refusal{"no tile is for " + std::to_string(args.c) + " channels"};
  return Refusal{why};
}

/// One launch; the hidden activations never leave the multiprocessors.
class MlpFused final : public Kernel, public ComputesMlp {
 public:
  explicit MlpFused(const OpContext& op) : args_(fused_args(op)), tile_(fused_tile(op, args_)) {}
  int in_place_operand() const override { return 0; }
  std::string choices() const override { return mlp_tiles()[static_cast<size_t>(tile_)].name; }
  MlpArgs mlp_args() const override { return args_; }
  void run(const KernelArgs& args) const override {
    MlpArgs mlp_args = args_;
    mlp_args.x = args.inputs[0];
    mlp_args.y = args.outputs[0];
    mlp(mlp_args, tile_, launch_of(args));
  }

 private:
  MlpArgs args_;
  int tile_;
};

/// y = x + fc2(hidden), hidden = gelu(fc1(x')): norm, activation and sum inside of the products.
class MlpProducts final : public Kernel,
                          public LeavesRowSums,
                          public ReadsRowSums,
                          public ComputesMlp,
                          public TransformerPart {
 public:
  enum Phase { kFc1, kFc2 };
  explicit MlpProducts(const OpContext& op)
      : args_(fused_args(op)),
        fc1_(op,
             product_args(
                 op, 1, 2, num_rows(op.input(0)),
                 {op.node.as<MlpAttrs>().layer_norm, op.node.as<MlpAttrs>().eps, {UnaryOp::Gelu}})),
        fc2_(op, product_args(op, 3, 4, num_rows(op.input(0)))) {}
  int in_place_operand() const override { return 0; }
  MlpArgs mlp_args() const override { return args_; }
  size_t scratch_bytes() const override { return fc1_.result_bytes(); }
  int row_parts() const override { return fc2_.result_parts(); }
  void leave_row_sums() override { leaves_row_sums_ = true; }
  void read_row_sums(int parts) override { fc1_.read_row_sums(parts); }
  size_t tail_bytes() const override { return fc2_.result_sums_bytes(); }
  std::vector<Section> sections() const override {
    return {{"fc1", fc1_.flops(), {0, 1, 2}, true}, {"fc2", fc2_.flops(), {3, 4}, true}};
  }
  std::vector<TunableOp> tunables() const override { return {fc1_.tunable(), fc2_.tunable()}; }
  std::string choices() const override {
    return fmt::format("fc1 {}, fc2 {}", fc1_.tile_name(), fc2_.tile_name());
  }
  bool join(TransformerBlock& block) const override {
    const LinearArgs &fc1 = fc1_.args(), &fc2 = fc2_.args();
    TransformerBlockWeights& weights = block.weights;
    if (!weights.qkv || weights.fc1 || !fc1.layer_norm || fc1.k != block.c ||
        fc1.n != 4 * block.c || fc1.element != block.element || !fc1.bias || !fc2.bias)
      return false;
    weights.fc1 = fc1.weight, weights.fc1_bias = fc1.bias, weights.fc1_sums = fc1.weight_sums;
    weights.fc2 = fc2.weight, weights.fc2_bias = fc2.bias;
    block.eps2 = fc1.eps;
    return true;
  }
  void run(const KernelArgs& args) const override {
    lane_of(args).begin_section(kFc1);
    fc1_.run(args.inputs[0], nullptr, args.scratch, launch_of(args),
             row_sums_behind(args.inputs[0], fc2_.result_bytes()));
    lane_of(args).begin_section(kFc2);
    fc2_.run(args.scratch, args.inputs[0], args.outputs[0], launch_of(args), nullptr,
             leaves_row_sums_ ? row_sums_behind(args.outputs[0], fc2_.result_bytes()) : nullptr);
  }

 private:
  MlpArgs args_;
  Product fc1_, fc2_;
  bool leaves_row_sums_ = false;
};

/// The same with both products in 8 bits: codes of the rows, of the hidden values, and their
/// product.
class MlpCodes final : public Kernel {
 public:
  enum Phase { kFc1, kFc2 };
  explicit MlpCodes(const OpContext& op)
      : codes_(op, kFirst),
        fc1_(op, 1, kFirst, num_rows(op.input(0)), {UnaryOp::Gelu}),
        fc2_(op, 3, kSecond, num_rows(op.input(0))) {
    if (op.node.as<MlpAttrs>().layer_norm) codes_.normalize(op.node.as<MlpAttrs>().eps);
    fc1_.make_codes(take_code_factors(op, 3, kSecond));
  }
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override {
    return aligned_bytes(codes_.bytes()) + fc1_.result_bytes();
  }
  std::vector<Section> sections() const override {
    return {{"fc1", fc1_.flops(), {0, 1, 2}, true}, {"fc2", fc2_.flops(), {3, 4}, true}};
  }
  void run(const KernelArgs& args) const override {
    std::byte* const hidden = args.scratch + aligned_bytes(codes_.bytes());
    lane_of(args).begin_section(kFc1);
    codes_.run(args.inputs[0], args.scratch, launch_of(args));
    fc1_.run(args.scratch, nullptr, hidden, launch_of(args));
    lane_of(args).begin_section(kFc2);
    fc2_.run(hidden, args.inputs[0], args.outputs[0], launch_of(args));
  }

 private:
  // Behind x and both products' weights and biases.
  static constexpr size_t kFirst = 5, kSecond = kFirst + kQuantizationOperands;

  RowCodes codes_;
  CodesProduct fc1_, fc2_;
};

}  // namespace

const Impl kMlpCodes{"cuda:mlp_codes", keeps_codes, make_kernel<MlpCodes>};
const Impl kMlpFused{"cuda:mlp_fused", can_fuse, make_kernel<MlpFused>};
const Impl kMlpProducts{"cuda:mlp_products", needs_weights, make_kernel<MlpProducts>};

}  // namespace vitro::cuda
