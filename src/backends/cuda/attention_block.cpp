#include "backends/cuda/kernels/attention.h"

#include <fmt/core.h>

#include <algorithm>

#include "backends/cuda/choice.h"
#include "backends/cuda/codes_product.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/product.h"
#include "backends/cuda/row_sums.h"
#include "backends/cuda/transformer_part.h"

namespace vitro::cuda {
namespace {

AttentionArgs core_args(const OpContext& op) {
  const auto& attrs = op.node.as<AttentionBlockAttrs>();
  AttentionArgs args;
  args.element = element_of(op);
  args.tf32 = is_tf32(op);
  args.n = extent(op.input(0), 0);
  args.t = num_rows(op.input(0)) / args.n;
  args.heads = static_cast<int>(attrs.heads);
  args.head_dim = static_cast<int>(attrs.head_dim);
  args.scale = attrs.scale;
  return args;
}

std::optional<Refusal> can_run_core(const OpContext& op) {
  const AttentionArgs args = core_args(op);
  const std::string refusal = attention_refusal(args, attention_variant(args));
  if (!refusal.empty()) return Refusal{refusal};
  if (int64_t{3} * num_elements(op.input(0).dims) > INT32_MAX)
    return Refusal{"qkv has more than 2^31 - 1 elements"};
  return std::nullopt;
}

/// y = x + proj(attention(qkv(layer_norm(x)))) in launches of their own.
class AttentionBlock : public Kernel, public LeavesRowSums {
 public:
  enum Phase { kQkv, kCore, kProj };
  explicit AttentionBlock(const OpContext& op)
      : core_(core_args(op)),
        variant_(choose(key(), ranked(), op.tactics)),
        proj_(op, product_args(op, 3, 4, num_rows(op.input(0)))) {}
  int in_place_operand() const override { return 0; }
  int row_parts() const override { return proj_.result_parts(); }
  void leave_row_sums() override { leaves_row_sums_ = true; }
  size_t tail_bytes() const override { return proj_.result_sums_bytes(); }
  size_t scratch_bytes() const override {
    return aligned_bytes(qkv_bytes()) + std::max(proj_.result_bytes(), qkv_scratch_bytes());
  }
  std::vector<TunableOp> tunables() const override { return {variant_.op, proj_.tunable()}; }
  std::string choices() const override {
    return fmt::format("{}core {}, proj {}", qkv_choice(), variant_.name, proj_.tile_name());
  }
  std::vector<Section> sections() const override {
    const double core = 4.0 * core_.n * core_.heads * core_.t * core_.t * core_.head_dim;
    return {{"qkv", 3 * proj_.flops(), {0, 1, 2}, true},
            {"core", core, {}},
            {"proj", proj_.flops(), {3, 4}, true}};
  }
  void run(const KernelArgs& args) const override {
    const Launch launch = launch_of(args);
    std::byte* const context = args.scratch + aligned_bytes(qkv_bytes());
    lane_of(args).begin_section(kQkv);
    run_qkv(args.inputs[0], context, args.scratch, launch);
    lane_of(args).begin_section(kCore);
    AttentionArgs core = core_;
    core.qkv = args.scratch;
    core.context = context;
    attention(core, variant_.value, launch);
    lane_of(args).begin_section(kProj);
    proj_.run(context, args.inputs[0], args.outputs[0], launch, nullptr,
              leaves_row_sums_ ? row_sums_behind(args.outputs[0], result_bytes()) : nullptr);
  }

 protected:
  const AttentionArgs& core() const { return core_; }
  const Product& proj() const { return proj_; }
  size_t result_bytes() const { return proj_.result_bytes(); }
  virtual size_t qkv_scratch_bytes() const { return 0; }
  virtual std::string qkv_choice() const { return {}; }
  virtual void run_qkv(const std::byte* x, std::byte* scratch, void* qkv,
                       const Launch& launch) const = 0;

 private:
  size_t qkv_bytes() const {
    return element_size(core_.element) * 3 * static_cast<size_t>(core_.n) *
           static_cast<size_t>(core_.t) * static_cast<size_t>(core_.heads * core_.head_dim);
  }
  std::string key() const {
    return fmt::format("cuda:attention({} {}x{}x{}x{})", name_of(core_.element, core_.tf32),
                       core_.n, core_.t, core_.heads, core_.head_dim);
  }
  std::vector<std::pair<std::string, AttentionVariant>> ranked() const {
    const AttentionVariant usual = attention_variant(core_);
    std::vector<std::pair<std::string, AttentionVariant>> variants{
        {"wgmma", AttentionVariant::Wgmma},
        {"rows", AttentionVariant::Rows},
        {"split_keys", AttentionVariant::SplitKeys},
        {"scalar", AttentionVariant::Scalar}};
    std::stable_partition(variants.begin(), variants.end(),
                          [&](const auto& variant) { return variant.second == usual; });
    std::erase_if(variants, [&](const auto& variant) {
      const bool slow = variant.second == AttentionVariant::Scalar && variant.second != usual;
      return slow || !attention_refusal(core_, variant.second).empty();
    });
    return variants;
  }

  AttentionArgs core_;
  Choice<AttentionVariant> variant_;
  Product proj_;
  bool leaves_row_sums_ = false;
};

class AttentionBlockLaunches final : public AttentionBlock,
                                     public ReadsRowSums,
                                     public TransformerPart {
 public:
  explicit AttentionBlockLaunches(const OpContext& op)
      : AttentionBlock(op),
        weight_(*op.constant(1)),
        weights_(DeviceWeights::of(op.cache, op.device, op.precision)),
        qkv_(op, product_args(op, 1, 2, num_rows(op.input(0)),
                              {true, op.node.as<AttentionBlockAttrs>().eps, {}})) {}
  void read_row_sums(int parts) override { qkv_.read_row_sums(parts); }
  bool join(TransformerBlock& block) const override {
    const LinearArgs &qkv = qkv_.args(), &projection = proj().args();
    TransformerBlockWeights& weights = block.weights;
    if (!weights.pos_weight || weights.qkv || core().t != block.h * block.w ||
        core().heads * 64 != block.c || core().head_dim != 64 || qkv.element != block.element ||
        qkv.k != block.c || !qkv.bias || !projection.bias)
      return false;
    weights.qkv = qkv.weight, weights.qkv_bias = qkv.bias, weights.qkv_sums = qkv.weight_sums;
    weights.proj = projection.weight, weights.proj_bias = projection.bias;
    block.scale = core().scale;
    block.eps1 = qkv.eps;
    block.qkv = weight_;
    block.kept = weights_;
    return true;
  }
  std::vector<TunableOp> tunables() const override {
    std::vector<TunableOp> all = AttentionBlock::tunables();
    all.insert(all.begin(), qkv_.tunable());
    return all;
  }

 private:
  std::string qkv_choice() const override { return fmt::format("qkv {}, ", qkv_.tile_name()); }
  void run_qkv(const std::byte* x, std::byte*, void* qkv, const Launch& launch) const override {
    qkv_.run(x, nullptr, qkv, launch, row_sums_behind(x, result_bytes()));
  }

  Constant weight_;
  std::shared_ptr<DeviceWeights> weights_;
  Product qkv_;
};

/// qkv in 8 bits.
class AttentionBlockCodes final : public AttentionBlock {
 public:
  explicit AttentionBlockCodes(const OpContext& op)
      : AttentionBlock(op), codes_(op, kFirst), qkv_(op, 1, kFirst, num_rows(op.input(0))) {
    codes_.normalize(op.node.as<AttentionBlockAttrs>().eps);
  }

 private:
  static constexpr size_t kFirst = 5;  // behind x and both products' weights and biases

  size_t qkv_scratch_bytes() const override { return codes_.bytes(); }
  void run_qkv(const std::byte* x, std::byte* scratch, void* qkv,
               const Launch& launch) const override {
    codes_.run(x, scratch, launch);
    qkv_.run(scratch, nullptr, qkv, launch);
  }

  RowCodes codes_;
  CodesProduct qkv_;
};

std::optional<Refusal> can_run_codes(const OpContext& op) {
  if (auto refusal = keeps_codes(op)) return refusal;
  return can_run_core(op);
}

std::optional<Refusal> can_run_floats(const OpContext& op) {
  if (auto refusal = needs_weights(op)) return refusal;
  return can_run_core(op);
}

}  // namespace

const Impl kAttentionBlockCodes{"cuda:attention_block_codes", can_run_codes,
                                make_kernel<AttentionBlockCodes>};

const Impl kAttentionBlockLaunches{"cuda:attention_block_launches", can_run_floats,
                                   make_kernel<AttentionBlockLaunches>};

}  // namespace vitro::cuda
