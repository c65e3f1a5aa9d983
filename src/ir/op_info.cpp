#include "ir/op_info.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#include "ir/infer.h"

namespace vitro {
namespace {

template <typename A>
constexpr size_t attrs_index_of() {
  return Attrs(A{}).index();
}

double count(const Dims& dims) { return static_cast<double>(num_elements(dims)); }
double count(int64_t extent) { return static_cast<double>(extent); }

double flops_none(const Node&, Operands, const TensorType&) { return 0; }
double flops_one(const Node&, Operands, const TensorType& out) { return count(out.dims); }
double flops_conv(const Node&, Operands in, const TensorType& out) {
  return 2 * count(out.dims) * count(in[1].dims()) / std::max(1.0, count(in[1].dims()[0]));
}
double flops_depthwise(const Node&, Operands in, const TensorType& out) {
  return 2 * count(out.dims) * count(in[1].dims()[0]) * count(in[1].dims()[1]);
}
double flops_linear(const Node&, Operands in, const TensorType& out) {
  return 2 * count(out.dims) * count(in[1].dims()[1]);
}
double flops_matmul(const Node&, Operands in, const TensorType& out) {
  return 2 * count(out.dims) * count(in[0].dims().back());
}
double flops_attention(const Node&, Operands in, const TensorType& out) {
  return 4 * count(out.dims) * count(in[0].dims()[1]);
}
double flops_attention_block(const Node&, Operands in, const TensorType& out) {
  const double tokens = count(out.dims[1]) * count(out.dims[2]);
  return count(out.dims) * (4 * tokens + 2 * count(in[1].dims()[0]) + 2 * count(out.dims[3]));
}
double flops_mlp(const Node&, Operands in, const TensorType& out) {
  return 4 * count(out.dims) * count(in[1].dims()[0]);
}
double flops_local_mixer(const Node&, Operands in, const TensorType& out) {
  const double taps = count(in[1].dims()[0]) * count(in[1].dims()[1]) +
                      count(in[5].dims()[0]) * count(in[5].dims()[1]);
  return count(out.dims) * (2 * taps + 4 * count(out.dims[3]));
}

constexpr size_t kNone = 0;

/// The rule of an op with one result.
template <TensorType (*kInfer)(const Node&, Operands)>
void one(const Node& node, Operands in, std::span<TensorType> results) {
  results[0] = kInfer(node, in);
}

const std::array<OpInfo, kNumOpKinds> kOps{{
    {OpKind::Conv2d, "conv2d", 2, 3, 1, attrs_index_of<Conv2dAttrs>(), false, one<infer_conv2d>,
     flops_conv},
    {OpKind::DepthwiseConv2d, "depthwise_conv2d", 2, 3, 1, attrs_index_of<Conv2dAttrs>(), false,
     one<infer_depthwise>, flops_depthwise},
    {OpKind::Linear, "linear", 2, 3, 1, kNone, false, one<infer_linear>, flops_linear},
    {OpKind::BatchNorm, "batch_norm", 5, 5, 1, attrs_index_of<NormAttrs>(), false, one<infer_norm>,
     flops_one},
    {OpKind::LayerNorm, "layer_norm", 1, 3, 1, attrs_index_of<NormAttrs>(), false, one<infer_norm>,
     flops_one},
    {OpKind::Gelu, "gelu", 1, 1, 1, kNone, false, one<infer_same>, flops_one},
    {OpKind::Add, "add", 2, 2, 1, kNone, false, one<infer_broadcast>, flops_one},
    {OpKind::Mul, "mul", 2, 2, 1, kNone, false, one<infer_broadcast>, flops_one},
    {OpKind::MatMul, "matmul", 2, 2, 1, attrs_index_of<MatMulAttrs>(), false, one<infer_matmul>,
     flops_matmul},
    {OpKind::Softmax, "softmax", 1, 1, 1, kNone, false, one<infer_softmax>, flops_one},
    {OpKind::Reshape, "reshape", 1, 1, 1, attrs_index_of<ReshapeAttrs>(), false, one<infer_reshape>,
     flops_none},
    {OpKind::ReshapeLike, "reshape_like", 2, 2, 1, kNone, false, one<infer_reshape_like>,
     flops_none},
    {OpKind::Transpose, "transpose", 1, 1, 1, attrs_index_of<TransposeAttrs>(), false,
     one<infer_transpose>, flops_none},
    {OpKind::Slice, "slice", 1, 1, 1, attrs_index_of<SliceAttrs>(), false, one<infer_slice>,
     flops_none},
    {OpKind::ReduceMean, "reduce_mean", 1, 1, 1, attrs_index_of<ReduceAttrs>(), false,
     one<infer_reduce>, flops_none},
    {OpKind::ReduceMax, "reduce_max", 1, 1, 1, attrs_index_of<ReduceAttrs>(), false,
     one<infer_reduce>, flops_none},
    {OpKind::Attention, "attention", 1, 1, 1, attrs_index_of<AttentionAttrs>(), true,
     one<infer_attention>, flops_attention},
    {OpKind::AttentionBlock, "attention_block", 5, 5, 1, attrs_index_of<AttentionBlockAttrs>(),
     true, one<infer_attention_block>, flops_attention_block},
    {OpKind::Mlp, "mlp", 5, 5, 1, attrs_index_of<MlpAttrs>(), true, one<infer_mlp>, flops_mlp},
    {OpKind::LocalMixer, "local_mixer", 8, 8, 1, kNone, true, one<infer_local_mixer>,
     flops_local_mixer},
}};

}  // namespace

const OpInfo& op_info(OpKind kind) {
  const auto index = static_cast<size_t>(kind);
  check(index < kOps.size(), ErrorCode::Internal, "op_info: unknown op kind {}", index);
  return kOps[index];
}

std::optional<OpKind> op_kind(std::string_view name) {
  for (const OpInfo& info : kOps)
    if (info.name == name) return info.kind;
  return std::nullopt;
}

std::span<const size_t> matrix_operands(OpKind kind) {
  static constexpr std::array<size_t, 1> kLinear{1};
  static constexpr std::array<size_t, 2> kTwoProducts{1, 3}, kLocalMixer{3, 6};
  switch (kind) {
    case OpKind::Linear:
      return kLinear;
    case OpKind::Mlp:
    case OpKind::AttentionBlock:
      return kTwoProducts;
    case OpKind::LocalMixer:
      return kLocalMixer;
    default:
      return {};
  }
}

bool is_matrix_operand(OpKind kind, size_t index) {
  const auto operands = matrix_operands(kind);
  return std::find(operands.begin(), operands.end(), index) != operands.end();
}

}  // namespace vitro
