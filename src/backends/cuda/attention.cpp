#include "backends/cuda/kernels/attention.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/strided.h"

namespace vitro::cuda {
namespace {

AttentionArgs args_of(const OpContext& op) {
  const auto& attrs = op.node.as<AttentionAttrs>();
  AttentionArgs args;
  args.element = element_of(op);
  args.tf32 = is_tf32(op);
  args.n = extent(op.input(0), 0);
  args.t = extent(op.input(0), 1);
  args.heads = static_cast<int>(attrs.heads);
  args.head_dim = static_cast<int>(attrs.head_dim);
  args.scale = attrs.scale;
  if (op.has_input(1)) {
    const vitro::Dims& dims = op.input(1).dims;
    vitro::Dims strides = vitro::dense_strides(dims);
    for (size_t axis = 0; axis < dims.size(); ++axis)
      if (dims[axis] == 1) strides[axis] = 0;
    args.bias = {take_floats(op, 1), static_cast<int>(dims[0]), strides[0], strides[1], strides[2],
                 strides[3]};
  }
  return args;
}

template <AttentionVariant variant>
std::optional<Refusal> is_fastest(const OpContext& op) {
  if (auto refusal = needs_weights(op)) return refusal;
  const AttentionArgs args = args_of(op);
  const std::string refusal = attention_refusal(args, variant);
  if (!refusal.empty()) return Refusal{refusal};
  if (attention_variant(args) == variant) return std::nullopt;
  return Refusal{"another variant should be faster"};
}

template <AttentionVariant variant>
class AttentionKernel final : public Kernel {
 public:
  explicit AttentionKernel(const OpContext& op) : args_(args_of(op)) {}
  void run(const KernelArgs& args) const override {
    AttentionArgs attention_args = args_;
    attention_args.qkv = args.inputs[0];
    attention_args.context = args.outputs[0];
    attention(attention_args, variant, launch_of(args));
  }

 private:
  AttentionArgs args_;
};

template <AttentionVariant variant>
constexpr Impl row(const char* id) {
  return {id, is_fastest<variant>, make_kernel<AttentionKernel<variant>>};
}

}  // namespace

const std::array<Impl, 4> kAttentionVariants{
    row<AttentionVariant::Wgmma>("cuda:attention_wgmma"),
    row<AttentionVariant::Rows>("cuda:attention_rows"),
    row<AttentionVariant::SplitKeys>("cuda:attention_split"),
    row<AttentionVariant::Scalar>("cuda:attention_scalar")};

}  // namespace vitro::cuda
