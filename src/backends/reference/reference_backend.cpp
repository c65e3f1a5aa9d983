#include "backends/reference/reference_backend.h"

#include <array>
#include <numeric>

#include "backends/program.h"
#include "backends/reference/ops.h"
#include "core/check.h"
#include "ir/op_info.h"

namespace vitro {
namespace reference {

RowMajorOperand::RowMajorOperand(const OpContext& op, size_t index) : index_(index) {
  if (const Constant* constant = op.constant(index))
    constant_ = with_layout(with_dtype(*constant, DType::Float32), Layout::RowMajor);
}

std::optional<Refusal> needs_rows(const OpContext& op) {
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    const Constant* constant = op.constant(i);
    if (constant && constant->layout != Layout::RowMajor && !is_matrix_operand(op.node.kind, i))
      return Refusal{fmt::format("operand {} has layout {}", i, layout_name(constant->layout))};
  }
  return std::nullopt;
}

namespace {

// Independent sums: enough to hide how long one takes.
constexpr int kProbeChains = 32;

struct Row {
  OpKind kind;
  Impl impl;
};

// Absent: views, shape, whose elements are known, foreign ops, and fused ops, which are inlined:
// their body defines them.
constexpr std::array kRows{
    Row{OpKind::Conv, {"reference:conv", needs_rows, in_float32<make_conv>}},
    Row{OpKind::DepthwiseConv2d,
        {"reference:depthwise_conv2d", needs_rows, in_float32<make_depthwise_conv2d>}},
    Row{OpKind::Linear, {"reference:linear", needs_rows, in_float32<make_linear>}},
    Row{OpKind::MatMul, {"reference:matmul", needs_rows, in_float32<make_matmul>}},
    Row{OpKind::Unary, {"reference:unary", needs_rows, make_unary}},
    Row{OpKind::Binary, {"reference:binary", needs_rows, make_binary}},
    Row{OpKind::Compare, {"reference:compare", needs_rows, make_compare}},
    Row{OpKind::Cast, {"reference:cast", needs_rows, make_cast}},
    Row{OpKind::Clip, {"reference:clip", needs_rows, make_clip}},
    Row{OpKind::Where, {"reference:where", needs_rows, make_where}},
    Row{OpKind::QuantizeLinear, {"reference:quantize_linear", needs_rows, make_quantize_linear}},
    Row{OpKind::DequantizeLinear,
        {"reference:dequantize_linear", needs_rows, make_dequantize_linear}},
    Row{OpKind::BatchNorm, {"reference:batch_norm", needs_rows, in_float32<make_batch_norm>}},
    Row{OpKind::LayerNorm, {"reference:layer_norm", needs_rows, in_float32<make_layer_norm>}},
    Row{OpKind::GroupNorm, {"reference:group_norm", needs_rows, in_float32<make_group_norm>}},
    Row{OpKind::Softmax, {"reference:softmax", needs_rows, in_float32<make_softmax>}},
    Row{OpKind::LogSoftmax, {"reference:log_softmax", needs_rows, in_float32<make_softmax>}},
    Row{OpKind::Reduce, {"reference:reduce", needs_rows, make_reduce}},
    Row{OpKind::Pool, {"reference:pool", needs_rows, in_float32<make_pool>}},
    Row{OpKind::Arg, {"reference:arg", needs_rows, make_arg}},
    Row{OpKind::TopK, {"reference:top_k", needs_rows, make_top_k}},
    Row{OpKind::CumSum, {"reference:cum_sum", needs_rows, make_cum_sum}},
    Row{OpKind::Transpose, {"reference:transpose", needs_rows, make_transpose}},
    Row{OpKind::Slice, {"reference:slice", needs_rows, make_slice}},
    Row{OpKind::Concat, {"reference:concat", needs_rows, make_concat}},
    Row{OpKind::Split, {"reference:split", needs_rows, make_split}},
    Row{OpKind::Pad, {"reference:pad", needs_rows, make_pad}},
    Row{OpKind::Gather, {"reference:gather", needs_rows, make_gather}},
    Row{OpKind::GatherElements, {"reference:gather_elements", needs_rows, make_gather_elements}},
    Row{OpKind::Expand, {"reference:expand", needs_rows, make_expand}},
    Row{OpKind::Tile, {"reference:tile", needs_rows, make_tile}},
    Row{OpKind::Resize, {"reference:resize", needs_rows, make_resize}},
    Row{OpKind::Range, {"reference:range", needs_rows, make_range}},
    Row{OpKind::ConstantOfShape,
        {"reference:constant_of_shape", needs_rows, make_constant_of_shape}},
};

/// What portable code can do at best: plain loops, as the compiler of this program makes them.
float portable_multiply_adds(int64_t iterations) {
  std::array<float, kProbeChains> chains{};
  for (int64_t n = 0; n < iterations; ++n)
    for (float& value : chains) value = value * 0.999f + 0.001f;
  return std::accumulate(chains.begin(), chains.end(), 0.0f);
}

void portable_add(const float* a, const float* b, int64_t count, float* c) {
  for (int64_t i = 0; i < count; ++i) c[i] = a[i] + b[i];
}

class ReferenceBackend final : public Backend {
 public:
  const char* name() const override { return "reference"; }
  std::string describe() const override {
    return "portable C++: sums in float64; the definition of every op";
  }
  std::string instruction_set() const override { return "scalar"; }
  Peaks peaks(int threads, size_t max_buffer_bytes) const override {
    constexpr PeakLoops::Flops kFlops{portable_multiply_adds, kProbeChains};
    return measure_peaks({kFlops, kFlops, portable_add}, threads, max_buffer_bytes);
  }
  std::unique_ptr<Executable> compile(const Graph& graph, std::span<const TensorType> inputs,
                                      const CompileOptions& options) const override {
    return compile_program(graph, inputs, options, reference_impls, name());
  }
};

}  // namespace
}  // namespace reference

ImplList reference_impls(OpKind kind) {
  for (const reference::Row& row : reference::kRows)
    if (row.kind == kind) return {&row.impl, 1};
  return {};
}

const Backend& reference_backend() {
  static const reference::ReferenceBackend backend;
  return backend;
}

}  // namespace vitro
