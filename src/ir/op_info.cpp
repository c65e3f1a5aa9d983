#include "ir/op_info.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "core/check.h"
#include "ir/infer.h"

namespace vitro {
namespace {

template <typename A, typename... Alternatives>
constexpr size_t index_in(std::type_identity<std::variant<Alternatives...>>) {
  constexpr std::array<bool, sizeof...(Alternatives)> kIsA{std::is_same_v<A, Alternatives>...};
  return static_cast<size_t>(std::find(kIsA.begin(), kIsA.end(), true) - kIsA.begin());
}
/// Which alternative of Attrs A is.
template <typename A>
constexpr size_t kAttrs = index_in<A>(std::type_identity<AnyAttrs>());
constexpr size_t kNone = 0;

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
double flops_matmul(const Node& node, Operands in, const TensorType& out) {
  const Dims& a = in[0].dims();
  const bool transposed = node.as<MatMulAttrs>().transpose_a;
  return 2 * count(out.dims) * count(transposed ? a[a.size() - 2] : a.back());
}
double flops_attention(const Node&, Operands in, const TensorType& out) {
  return 4 * count(out.dims) * count(in[0].dims()[1]);
}
double flops_attention_block(const Node&, Operands in, const TensorType& out) {
  const double c = count(out.dims.back());
  const double tokens = count(out.dims) / std::max(1.0, c * count(out.dims[0]));
  return count(out.dims) * (4 * tokens + 2 * count(in[1].dims()[0]) + 2 * c);
}
double flops_mlp(const Node&, Operands in, const TensorType& out) {
  return 4 * count(out.dims) * count(in[1].dims()[0]);
}
double flops_local_mixer(const Node&, Operands in, const TensorType& out) {
  const double taps = count(in[1].dims()[0]) * count(in[1].dims()[1]) +
                      count(in[5].dims()[0]) * count(in[5].dims()[1]);
  return count(out.dims) * (2 * taps + 4 * count(out.dims[3]));
}

/// The rule of an op with one result.
template <TensorType (*kInfer)(const Node&, Operands)>
void one(const Node& node, Operands in, std::span<TensorType> results) {
  results[0] = kInfer(node, in);
}

template <typename... Types>
constexpr uint32_t bits(Types... types) {
  return ((uint32_t{1} << static_cast<unsigned>(types)) | ... | 0u);
}
constexpr uint32_t kFloats = bits(DType::Float32, DType::Float16, DType::BFloat16, DType::Float64);
constexpr uint32_t kInts = bits(DType::Int64, DType::Int32, DType::Int16, DType::Int8, DType::UInt8,
                                DType::UInt16, DType::UInt32);
constexpr uint32_t kNumbers = kFloats | kInts;
constexpr uint32_t kAnything = kNumbers | bits(DType::Bool);
constexpr uint32_t kAllSame = ~uint32_t{0};

// Rules by how the operands relate: all of one type, or the first ones alone.
constexpr DTypeRule kFloatOp{kFloats, kAllSame}, kNumberOp{kNumbers, kAllSame};
// What float32 holds exactly is pooled in it.
constexpr DTypeRule kPoolOp{kFloats | bits(DType::Int8, DType::UInt8), kAllSame};
// Of products in 8 bits all but the weight.
constexpr DTypeRule kQuantizedOp{bits(DType::Float32), 0b111101};
constexpr DTypeRule kAnyOp{kAnything, kAllSame}, kAnyFirst{kAnything, 1};

constexpr std::array<size_t, 1> kSecond{1};
constexpr std::array<size_t, 2> kSecondAndFourth{1, 3}, kMixing{3, 6};

const std::array<OpInfo, kNumOpKinds>& table() {
  // clang-format off
  // kind, name, functions, least and most operands, most results, attributes, fused, traits,
  // types, shapes, flops, contents, matrices
  static const std::array<OpInfo, kNumOpKinds> rows{{
    // Products.
    {OpKind::Conv, "conv", {}, 2, 3, 1, kAttrs<ConvAttrs>, false, Product, kFloatOp,
     one<infer_conv>, flops_conv},
    {OpKind::DepthwiseConv2d, "depthwise_conv2d", {}, 2, 3, 1, kAttrs<Conv2dAttrs>, false, 0,
     kFloatOp, one<infer_depthwise>, flops_depthwise},
    {OpKind::Linear, "linear", {}, 2, 3, 1, kNone, false, Product, kFloatOp, one<infer_linear>,
     flops_linear, nullptr, kSecond},
    {OpKind::MatMul, "matmul", {}, 2, 2, 1, kAttrs<MatMulAttrs>, false, Product, kFloatOp,
     one<infer_matmul>, flops_matmul},

    {OpKind::QuantizedLinear, "quantized_linear", {}, 6, 6, 1, kNone, false, Product, kQuantizedOp,
     one<infer_quantized_linear>, flops_linear, nullptr, kSecond},
    {OpKind::QuantizedConv, "quantized_conv", {}, 6, 6, 1, kAttrs<ConvAttrs>, false, Product,
     kQuantizedOp, one<infer_quantized_conv>, flops_conv, nullptr, kSecond},

    // Element by element.
    {OpKind::Unary, "unary", function_names(UnaryFunction{}), 1, 1, 1, kAttrs<UnaryAttrs>, false,
     Elementwise, kAnyOp, one<infer_unary>, flops_one, known_unary},
    {OpKind::Binary, "binary", function_names(BinaryFunction{}), 2, 2, 1, kAttrs<BinaryAttrs>,
     false, Elementwise, kAnyOp, one<infer_binary>, flops_one, known_binary},
    {OpKind::Compare, "compare", function_names(CompareFunction{}), 2, 2, 1, kAttrs<CompareAttrs>,
     false, Elementwise, kAnyOp, one<infer_binary>, flops_one, known_compare},
    {OpKind::Cast, "cast", {}, 1, 1, 1, kAttrs<CastAttrs>, false, Elementwise, kAnyOp,
     one<infer_cast>, flops_none, known_copy},
    {OpKind::Clip, "clip", {}, 1, 3, 1, kNone, false, Elementwise, kNumberOp, one<infer_clip>,
     flops_one},
    {OpKind::Where, "where", {}, 3, 3, 1, kNone, false, Elementwise, {bits(DType::Bool), 1},
     one<infer_where>, flops_none, known_where},
    {OpKind::QuantizeLinear, "quantize_linear", {}, 2, 3, 1, kAttrs<QuantizeAttrs>, false,
     Elementwise, {kFloats, 0b11}, one<infer_quantize>, flops_one},
    {OpKind::DequantizeLinear, "dequantize_linear", {}, 2, 3, 1, kAttrs<QuantizeAttrs>, false,
     Elementwise, {kInts, 0b101}, one<infer_quantize>, flops_one},

    // Normalisation and reduction.
    {OpKind::BatchNorm, "batch_norm", {}, 5, 5, 1, kAttrs<NormAttrs>, false, 0, kFloatOp,
     one<infer_norm>, flops_one},
    {OpKind::LayerNorm, "layer_norm", {}, 1, 3, 1, kAttrs<NormAttrs>, false, 0, kFloatOp,
     one<infer_norm>, flops_one},
    {OpKind::GroupNorm, "group_norm", {}, 1, 3, 1, kAttrs<GroupNormAttrs>, false, 0, kFloatOp,
     one<infer_group_norm>, flops_one},
    {OpKind::Softmax, "softmax", {}, 1, 1, 1, kAttrs<SoftmaxAttrs>, false, 0, kFloatOp,
     one<infer_softmax>, flops_one},
    {OpKind::LogSoftmax, "log_softmax", {}, 1, 1, 1, kAttrs<SoftmaxAttrs>, false, 0, kFloatOp,
     one<infer_softmax>, flops_one},
    {OpKind::Reduce, "reduce", function_names(ReduceFunction{}), 1, 1, 1, kAttrs<ReduceAttrs>,
     false, 0, kAnyOp, one<infer_reduce>, flops_none, known_reduce},
    {OpKind::Pool, "pool", function_names(PoolFunction{}), 1, 1, 1, kAttrs<PoolAttrs>, false, 0,
     kPoolOp, one<infer_pool>, flops_none},
    {OpKind::Arg, "arg", function_names(ArgFunction{}), 1, 1, 1, kAttrs<ArgAttrs>, false, 0,
     kNumberOp, one<infer_arg>, flops_none},
    {OpKind::TopK, "top_k", {}, 1, 2, 2, kAttrs<TopKAttrs>, false, 0, {kNumbers, 1}, infer_top_k,
     flops_none},
    {OpKind::CumSum, "cum_sum", {}, 1, 1, 1, kAttrs<CumSumAttrs>, false, 0, kNumberOp,
     one<infer_cum_sum>, flops_none},

    // Views.
    {OpKind::Identity, "identity", {}, 1, 1, 1, kNone, false, View, kAnyOp, one<infer_same>,
     flops_none, known_copy},
    {OpKind::Reshape, "reshape", {}, 1, 2, 1, kAttrs<ReshapeAttrs>, false, View, kAnyFirst,
     one<infer_reshape>, flops_none, known_copy},
    {OpKind::ReshapeLike, "reshape_like", {}, 2, 2, 1, kNone, false, View, kAnyFirst,
     one<infer_reshape_like>, flops_none, known_copy},
    {OpKind::Squeeze, "squeeze", {}, 1, 1, 1, kAttrs<AxesAttrs>, false, View, kAnyOp,
     one<infer_squeeze>, flops_none, known_copy},
    {OpKind::Unsqueeze, "unsqueeze", {}, 1, 1, 1, kAttrs<AxesAttrs>, false, View, kAnyOp,
     one<infer_unsqueeze>, flops_none, known_copy},

    // Movement.
    {OpKind::Transpose, "transpose", {}, 1, 1, 1, kAttrs<TransposeAttrs>, false, Moves, kAnyOp,
     one<infer_transpose>, flops_none, known_transpose},
    {OpKind::Slice, "slice", {}, 1, 3, 1, kAttrs<SliceAttrs>, false, Moves, kAnyFirst,
     one<infer_slice>, flops_none, known_slice},
    {OpKind::Concat, "concat", {}, 1, kVariadic, 1, kAttrs<AxisAttrs>, false, Moves, kAnyOp,
     one<infer_concat>, flops_none, known_concat},
    {OpKind::Split, "split", {}, 1, 1, kVariadic, kAttrs<SplitAttrs>, false, Moves, kAnyOp,
     infer_split, flops_none},
    {OpKind::Pad, "pad", {}, 1, 2, 1, kAttrs<PadAttrs>, false, Moves, kAnyFirst, one<infer_pad>,
     flops_none},
    {OpKind::Gather, "gather", {}, 2, 2, 1, kAttrs<GatherAttrs>, false, Moves, kAnyFirst,
     one<infer_gather>, flops_none, known_gather},
    {OpKind::GatherElements, "gather_elements", {}, 2, 2, 1, kAttrs<AxisAttrs>, false, Moves,
     kAnyFirst, one<infer_gather_elements>, flops_none},
    {OpKind::ScatterND, "scatter_nd", {}, 3, 3, 1, kNone, false, Moves, {kAnything, 0b101},
     one<infer_scatter_nd>, flops_none},
    {OpKind::Expand, "expand", {}, 1, 2, 1, kAttrs<DimsAttrs>, false, Moves, kAnyFirst,
     one<infer_expand>, flops_none, known_expand},
    {OpKind::Tile, "tile", {}, 1, 2, 1, kAttrs<DimsAttrs>, false, Moves, kAnyFirst,
     one<infer_tile>, flops_none},
    {OpKind::Resize, "resize", {}, 1, 2, 1, kAttrs<ResizeAttrs>, false, 0, {kNumbers, 1},
     one<infer_resize>, flops_one},

    // Made of a shape.
    {OpKind::Shape, "shape", {}, 1, 1, 1, kNone, false, 0, kAnyOp, one<infer_shape>, flops_none,
     known_shape},
    {OpKind::Range, "range", {}, 3, 3, 1, kNone, false, 0, kNumberOp, one<infer_range>, flops_none,
     known_range},
    {OpKind::ConstantOfShape, "constant_of_shape", {}, 0, 1, 1, kAttrs<FillAttrs>, false, 0,
     kAnyOp, one<infer_constant_of_shape>, flops_none, known_fill},
    {OpKind::Foreign, "foreign", {}, 0, kVariadic, kVariadic, kAttrs<ForeignAttrs>, false, 0,
     kAnyFirst, infer_foreign, flops_none},

    // Fused.
    {OpKind::Attention, "attention", {}, 1, 2, 1, kAttrs<AttentionAttrs>, true, 0, kFloatOp,
     one<infer_attention>, flops_attention},
    {OpKind::AttentionBlock, "attention_block", {}, 5, 11, 1, kAttrs<AttentionBlockAttrs>, true,
     Residual, kFloatOp, one<infer_attention_block>, flops_attention_block, nullptr,
     kSecondAndFourth},
    {OpKind::Mlp, "mlp", {}, 5, 11, 1, kAttrs<MlpAttrs>, true, Residual, kFloatOp, one<infer_mlp>,
     flops_mlp, nullptr, kSecondAndFourth},
    {OpKind::LocalMixer, "local_mixer", {}, 8, 14, 1, kNone, true, Residual, kFloatOp,
     one<infer_local_mixer>, flops_local_mixer, nullptr, kMixing},
  }};
  // clang-format on
  return rows;
}

template <size_t... I>
Attrs attrs_at(size_t index, std::index_sequence<I...>) {
  Attrs attrs;
  ((I == index ? void(attrs.emplace<I>()) : void()), ...);
  return attrs;
}

}  // namespace

const OpInfo& op_info(OpKind kind) {
  const auto index = static_cast<size_t>(kind);
  check(index < table().size(), ErrorCode::Internal, "op_info: unknown op kind {}", index);
  return table()[index];
}

std::span<const char* const> op_names(const OpInfo& info) {
  return info.functions.empty() ? std::span(&info.name, 1) : info.functions;
}

const char* op_name(OpKind kind, const Attrs& attrs) {
  const OpInfo& info = op_info(kind);
  const auto function_of = [](const auto& alternative) {
    if constexpr (requires { alternative.function; })
      return static_cast<size_t>(alternative.function);
    return size_t{0};
  };
  const size_t function = std::visit(function_of, attrs);
  const bool fits = attrs.index() == info.attrs_index && function < info.functions.size();
  return fits ? info.functions[function] : info.name;
}

const char* op_name(const Node& node) {
  // That of a foreign op is its own.
  if (const auto* foreign = std::get_if<ForeignAttrs>(&node.attrs)) return foreign->name.c_str();
  return op_name(node.kind, node.attrs);
}

std::optional<NamedOp> find_op(std::string_view name) {
  for (const OpInfo& info : table()) {
    const auto names = op_names(info);
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) continue;
    NamedOp op{info.kind, usual_attrs(info.kind)};
    const auto set_function = [&](auto& alternative) {
      if constexpr (requires { alternative.function; })
        alternative.function = static_cast<decltype(alternative.function)>(found - names.begin());
    };
    std::visit(set_function, op.attrs);
    return op;
  }
  return std::nullopt;
}

Attrs usual_attrs(OpKind kind) {
  return attrs_at(op_info(kind).attrs_index,
                  std::make_index_sequence<std::variant_size_v<AnyAttrs>>());
}

bool is_matrix_operand(OpKind kind, size_t index) {
  const auto operands = op_info(kind).matrices;
  return std::find(operands.begin(), operands.end(), index) != operands.end();
}

}  // namespace vitro
