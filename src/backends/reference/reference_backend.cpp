#include "backends/reference/reference_backend.h"

#include <array>
#include <numeric>

#include "backends/host_program.h"
#include "backends/reference/ops.h"
#include "core/check.h"
#include "ir/op_info.h"

namespace vitro {
namespace reference {

Float32Operand::Float32Operand(const OpContext& op, size_t index) : index_(index) {
  if (const Constant* constant = op.constant(index))
    constant_ = with_dtype(op.cache.rows(*constant), DType::Float32);
}

namespace {

// Independent sums: enough to hide how long one takes.
constexpr int kProbeChains = 32;

struct Row {
  OpKind kind;
  Impl impl;
};

/// Types were checked when they were inferred.
std::optional<Refusal> never_refuses(const OpContext&) { return std::nullopt; }

// Absent: views, shape, whose elements are known, foreign ops, and fused ops, which are inlined:
// their body defines them.
constexpr std::array kRows{
    Row{OpKind::Conv, {"reference:conv", never_refuses, in_float32<make_conv>}},
    Row{OpKind::DepthwiseConv2d,
        {"reference:depthwise_conv2d", never_refuses, in_float32<make_depthwise_conv2d>}},
    Row{OpKind::Linear, {"reference:linear", never_refuses, in_float32<make_linear>}},
    Row{OpKind::MatMul, {"reference:matmul", never_refuses, in_float32<make_matmul>}},
    Row{OpKind::QuantizedLinear,
        {"reference:quantized_linear", never_refuses, make_quantized_linear}},
    Row{OpKind::QuantizedConv, {"reference:quantized_conv", never_refuses, make_quantized_conv}},
    Row{OpKind::Unary, {"reference:unary", never_refuses, make_unary}},
    Row{OpKind::Binary, {"reference:binary", never_refuses, make_binary}},
    Row{OpKind::Compare, {"reference:compare", never_refuses, make_compare}},
    Row{OpKind::Cast, {"reference:cast", never_refuses, make_cast}},
    Row{OpKind::Clip, {"reference:clip", never_refuses, make_clip}},
    Row{OpKind::Where, {"reference:where", never_refuses, make_where}},
    Row{OpKind::QuantizeLinear, {"reference:quantize_linear", never_refuses, make_quantize_linear}},
    Row{OpKind::DequantizeLinear,
        {"reference:dequantize_linear", never_refuses, make_dequantize_linear}},
    Row{OpKind::BatchNorm, {"reference:batch_norm", never_refuses, in_float32<make_batch_norm>}},
    Row{OpKind::LayerNorm, {"reference:layer_norm", never_refuses, in_float32<make_layer_norm>}},
    Row{OpKind::GroupNorm, {"reference:group_norm", never_refuses, in_float32<make_group_norm>}},
    Row{OpKind::Softmax, {"reference:softmax", never_refuses, in_float32<make_softmax>}},
    Row{OpKind::LogSoftmax, {"reference:log_softmax", never_refuses, in_float32<make_softmax>}},
    Row{OpKind::Reduce, {"reference:reduce", never_refuses, make_reduce}},
    Row{OpKind::Pool, {"reference:pool", never_refuses, in_float32<make_pool>}},
    Row{OpKind::Arg, {"reference:arg", never_refuses, make_arg}},
    Row{OpKind::TopK, {"reference:top_k", never_refuses, make_top_k}},
    Row{OpKind::CumSum, {"reference:cum_sum", never_refuses, make_cum_sum}},
    Row{OpKind::Transpose, {"reference:transpose", never_refuses, make_transpose}},
    Row{OpKind::Slice, {"reference:slice", never_refuses, make_slice}},
    Row{OpKind::Concat, {"reference:concat", never_refuses, make_concat}},
    Row{OpKind::Split, {"reference:split", never_refuses, make_split}},
    Row{OpKind::Pad, {"reference:pad", never_refuses, make_pad}},
    Row{OpKind::Gather, {"reference:gather", never_refuses, make_gather}},
    Row{OpKind::GatherElements, {"reference:gather_elements", never_refuses, make_gather_elements}},
    Row{OpKind::ScatterND, {"reference:scatter_nd", never_refuses, make_scatter_nd}},
    Row{OpKind::Expand, {"reference:expand", never_refuses, make_expand}},
    Row{OpKind::Tile, {"reference:tile", never_refuses, make_tile}},
    Row{OpKind::Resize, {"reference:resize", never_refuses, make_resize}},
    Row{OpKind::Range, {"reference:range", never_refuses, make_range}},
    Row{OpKind::ConstantOfShape,
        {"reference:constant_of_shape", never_refuses, make_constant_of_shape}},
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
  Peaks peaks(const PeakRequest& request) const override {
    constexpr PeakLoops::Flops kFlops{portable_multiply_adds, kProbeChains};
    return measure_peaks({kFlops, kFlops, kFlops, portable_add}, request);
  }
  std::unique_ptr<Lane> make_lane(const LaneOptions& options) const override {
    return std::make_unique<HostLane>(options);
  }
  std::optional<Refusal> can_run(const OpContext& op) const override {
    return refusal_of(op, reference_impls);
  }
  std::unique_ptr<Executable> compile(const CompileRequest& request) const override {
    return make_host_executable(compile_program(request, reference_impls, name()));
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
