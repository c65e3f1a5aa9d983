#include "backends/cuda/kernels/attention.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "backends/cuda/choice.h"
#include "backends/cuda/codes_product.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/product.h"
#include "backends/cuda/row_sums.h"
#include "backends/cuda/transformer_part.h"
#include "ir/codes.h"
#include "ir/infer.h"

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
class AttentionBlock : public Kernel {
 public:
  enum Phase { kQkv, kCore, kProj };
  AttentionBlock(const OpContext& op, const AttentionArgs& core)
      : core_(core), variant_(choose(key(), ranked(), op.tactics)) {}
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override {
    return aligned_bytes(3 * result_bytes()) + std::max(result_bytes(), qkv_scratch_bytes());
  }
  std::vector<TunableOp> tunables() const override { return {variant_.op}; }
  std::string choices() const override { return fmt::format("core {}", variant_.name); }
  std::vector<Section> sections() const override {
    const double width = core_.heads * core_.head_dim, tokens = double{1} * core_.n * core_.t;
    return {{"qkv", 6 * tokens * width * width, {0, 1, 2}, true},
            {"core", 4 * tokens * core_.t * width, {}},
            {"proj", 2 * tokens * width * width, {3, 4}, true}};
  }
  void run(const KernelArgs& args) const override {
    const Launch launch = launch_of(args);
    std::byte* const context = args.scratch + aligned_bytes(3 * result_bytes());
    lane_of(args).begin_section(kQkv);
    run_qkv(args.inputs[0], context, args.scratch, launch);
    lane_of(args).begin_section(kCore);
    AttentionArgs core = core_;
    core.qkv = args.scratch;
    core.context = context;
    attention(core, variant_.value, launch);
    lane_of(args).begin_section(kProj);
    run_proj(context, args.inputs[0], args.outputs[0], launch);
  }

 protected:
  const AttentionArgs& core() const { return core_; }
  /// Of x, of y and, where it is not codes, of the context.
  size_t result_bytes() const {
    return element_size(core_.element) * static_cast<size_t>(core_.n) *
           static_cast<size_t>(core_.t) * static_cast<size_t>(core_.heads * core_.head_dim);
  }
  virtual size_t qkv_scratch_bytes() const { return 0; }
  virtual void run_qkv(const std::byte* x, std::byte* scratch, void* qkv,
                       const Launch& launch) const = 0;
  virtual void run_proj(const std::byte* context, const std::byte* x, std::byte* y,
                        const Launch& launch) const = 0;

 private:
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
};

class AttentionBlockLaunches final : public AttentionBlock,
                                     public LeavesRowSums,
                                     public ReadsRowSums,
                                     public TransformerPart {
 public:
  explicit AttentionBlockLaunches(const OpContext& op)
      : AttentionBlock(op, core_args(op)),
        weights_(DeviceWeights::of(op.cache, op.device, op.precision)),
        qkv_(op, product_args(op, 1, 2, num_rows(op.input(0)),
                              {true, op.node.as<AttentionBlockAttrs>().eps, {}})),
        proj_(op, product_args(op, 3, 4, num_rows(op.input(0)))) {}
  int row_parts() const override { return proj_.result_parts(); }
  void leave_row_sums() override { leaves_row_sums_ = true; }
  size_t tail_bytes() const override { return proj_.result_sums_bytes(); }
  void read_row_sums(int parts) override { qkv_.read_row_sums(parts); }
  bool join(TransformerBlock& block) const override {
    const LinearArgs &qkv = qkv_.args(), &projection = proj_.args();
    TransformerBlockWeights& weights = block.weights;
    if (!weights.pos_weight || weights.qkv || core().t != block.h * block.w ||
        core().heads * 64 != block.c || core().head_dim != 64 || qkv.element != block.element ||
        qkv.k != block.c || !qkv.bias || !projection.bias)
      return false;
    weights.qkv = qkv.weight, weights.qkv_bias = qkv.bias, weights.qkv_sums = qkv.weight_sums;
    weights.proj = projection.weight, weights.proj_bias = projection.bias;
    block.scale = core().scale;
    block.eps1 = qkv.eps;
    block.kept = weights_;
    return true;
  }
  std::vector<TunableOp> tunables() const override {
    std::vector<TunableOp> all = AttentionBlock::tunables();
    all.insert(all.begin(), qkv_.tunable());
    all.push_back(proj_.tunable());
    return all;
  }
  std::string choices() const override {
    return fmt::format("qkv {}, {}, proj {}", qkv_.tile_name(), AttentionBlock::choices(),
                       proj_.tile_name());
  }

 private:
  void run_qkv(const std::byte* x, std::byte*, void* qkv, const Launch& launch) const override {
    qkv_.run(x, nullptr, qkv, launch, row_sums_behind(x, result_bytes()));
  }
  void run_proj(const std::byte* context, const std::byte* x, std::byte* y,
                const Launch& launch) const override {
    proj_.run(context, x, y, launch, nullptr,
              leaves_row_sums_ ? row_sums_behind(y, result_bytes()) : nullptr);
  }

  std::shared_ptr<DeviceWeights> weights_;
  Product qkv_, proj_;
  bool leaves_row_sums_ = false;
};

// Of codes: behind x and both products' weights and biases.
constexpr size_t kQkvCodes = 5, kProjCodes = kQkvCodes + kQuantizationOperands;

/// Where the last product is in 8 bits too, the context becomes codes.
AttentionArgs codes_core_args(const OpContext& op) {
  AttentionArgs args = core_args(op);
  if (is_code(op.input(3).dtype)) args.codes = take_code_factors(op, 3, kProjCodes);
  return args;
}

/// The first product in 8 bits, or both.
class AttentionBlockCodes final : public AttentionBlock, public LeavesRowSums {
 public:
  explicit AttentionBlockCodes(const OpContext& op)
      : AttentionBlock(op, codes_core_args(op)),
        codes_(op, kQkvCodes),
        qkv_(op, 1, kQkvCodes, num_rows(op.input(0))) {
    codes_.normalize(op.node.as<AttentionBlockAttrs>().eps);
    if (is_code(op.input(3).dtype))
      codes_proj_.emplace(op, 3, kProjCodes, num_rows(op.input(0)));
    else
      proj_.emplace(op, product_args(op, 3, 4, num_rows(op.input(0))));
  }
  int row_parts() const override { return proj_ ? proj_->result_parts() : 0; }
  void leave_row_sums() override { leaves_row_sums_ = true; }
  size_t tail_bytes() const override { return proj_ ? proj_->result_sums_bytes() : 0; }
  std::vector<TunableOp> tunables() const override {
    std::vector<TunableOp> all = AttentionBlock::tunables();
    if (proj_) all.push_back(proj_->tunable());
    return all;
  }
  std::string choices() const override {
    return fmt::format("{}, proj {}", AttentionBlock::choices(),
                       proj_ ? proj_->tile_name() : "in codes");
  }

 private:
  size_t qkv_scratch_bytes() const override { return codes_.bytes(); }
  void run_qkv(const std::byte* x, std::byte* scratch, void* qkv,
               const Launch& launch) const override {
    codes_.run(x, scratch, launch);
    qkv_.run(scratch, nullptr, qkv, launch);
  }
  void run_proj(const std::byte* context, const std::byte* x, std::byte* y,
                const Launch& launch) const override {
    if (codes_proj_) return codes_proj_->run(context, x, y, launch);
    proj_->run(context, x, y, launch, nullptr,
               leaves_row_sums_ ? row_sums_behind(y, result_bytes()) : nullptr);
  }

  RowCodes codes_;
  CodesProduct qkv_;
  std::optional<Product> proj_;
  std::optional<CodesProduct> codes_proj_;
  bool leaves_row_sums_ = false;
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
