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

std::optional<Refusal> needs_float32(const OpContext& op) {
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    if (!op.has_input(i)) continue;
    if (op.constant(i) && is_matrix_operand(op.node.kind, i)) continue;
    if (op.input(i).dtype != DType::Float32)
      return Refusal{fmt::format("operand {} is {}, not F32", i, dtype_name(op.input(i).dtype))};
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

// Absent: reshapes, which are views, and fused ops, which are inlined: their body defines them.
constexpr std::array kRows{
    Row{OpKind::Conv2d, {"reference:conv2d", needs_float32, make_conv2d}},
    Row{OpKind::DepthwiseConv2d,
        {"reference:depthwise_conv2d", needs_float32, make_depthwise_conv2d}},
    Row{OpKind::Linear, {"reference:linear", needs_float32, make_linear}},
    Row{OpKind::BatchNorm, {"reference:batch_norm", needs_float32, make_batch_norm}},
    Row{OpKind::LayerNorm, {"reference:layer_norm", needs_float32, make_layer_norm}},
    Row{OpKind::Gelu, {"reference:gelu", needs_float32, make_gelu}},
    Row{OpKind::Add, {"reference:add", needs_float32, make_add}},
    Row{OpKind::Mul, {"reference:mul", needs_float32, make_mul}},
    Row{OpKind::MatMul, {"reference:matmul", needs_float32, make_matmul}},
    Row{OpKind::Softmax, {"reference:softmax", needs_float32, make_softmax}},
    Row{OpKind::Transpose, {"reference:transpose", needs_float32, make_transpose}},
    Row{OpKind::Slice, {"reference:slice", needs_float32, make_slice}},
    Row{OpKind::ReduceMean, {"reference:reduce_mean", needs_float32, make_reduce_mean}},
    Row{OpKind::ReduceMax, {"reference:reduce_max", needs_float32, make_reduce_max}},
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
    return "portable C++: float32 tensors, sums in float64; the definition of every op";
  }
  std::string instruction_set() const override { return "scalar"; }
  Peaks peaks(int threads, size_t max_buffer_bytes) const override {
    constexpr PeakLoops::Flops kFlops{portable_multiply_adds, kProbeChains};
    return measure_peaks({kFlops, kFlops, portable_add}, threads, max_buffer_bytes);
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
