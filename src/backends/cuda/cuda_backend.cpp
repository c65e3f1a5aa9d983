#include "backends/cuda/cuda_backend.h"

#include <algorithm>

#include "backends/constant_views.h"
#include "backends/cuda/codes_product.h"
#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/cuda_program.h"
#include "backends/cuda/device_state.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/merge_steps.h"
#include "backends/cuda/peaks.h"
#include "backends/cuda/rounded_products.h"
#include "backends/cuda/tensor_memory.h"
#include "backends/float_islands.h"
#include "backends/float_products.h"
#include "backends/rounded_product.h"
#include "core/check.h"

namespace vitro {
namespace cuda {
namespace {

/// The kernels of a kind, best first.
struct Row {
  OpKind kind;
  std::vector<Impl> impls;
};

std::vector<Row> own_rows() {
  return {
      {OpKind::Conv, {kConv2dWindows, kConvDirect}},
      {OpKind::DepthwiseConv2d, {kDepthwiseConv2dDirect}},
      {OpKind::Linear, {kLinearTiles.begin(), kLinearTiles.end()}},
      {OpKind::QuantizedLinear, {kLinearCodes, kQuantizedLinearRounded}},
      {OpKind::QuantizedConv, {kQuantizedConvRounded}},
      {OpKind::BatchNorm, {kBatchNormAffine}},
      {OpKind::LayerNorm, {kLayerNormRows}},
      {OpKind::GroupNorm, {kGroupNorm}},
      {OpKind::Unary, {kUnary, kUnaryMath}},
      {OpKind::Clip, {kUnary}},
      {OpKind::Cast, {kUnaryMath, kCastPrecision, kCastTypes}},
      {OpKind::Binary, {kBinary}},
      {OpKind::Compare, {kBinary}},
      {OpKind::Where, {kWhere}},
      {OpKind::MatMul, {kMatMulGeneric}},
      {OpKind::Pool, {kPoolWindows}},
      {OpKind::Softmax, {kSoftmaxLines}},
      {OpKind::LogSoftmax, {kSoftmaxLines}},
      {OpKind::CumSum, {kCumSum}},
      {OpKind::QuantizeLinear, {kQuantizeLinear}},
      {OpKind::DequantizeLinear, {kQuantizeLinear}},
      {OpKind::TopK, {kTopK}},
      {OpKind::Arg, {kArg}},
      {OpKind::Transpose, {kTransposeCopy}},
      {OpKind::Slice, {kSliceCopy}},
      {OpKind::Expand, {kExpandCopy}},
      {OpKind::Tile, {kTileCopy}},
      {OpKind::Concat, {kConcatCopy}},
      {OpKind::Split, {kSplitCopy}},
      {OpKind::ConstantOfShape, {kConstantOfShapeFill}},
      {OpKind::Gather, {kGatherCopy, kGatherTable}},
      {OpKind::GatherElements, {kGatherElements}},
      {OpKind::ScatterND, {kScatterND}},
      {OpKind::Pad, {kPadCopy, kPadBorder}},
      {OpKind::Resize, {kResizeAxes}},
      {OpKind::Reduce, {kReduce}},
      {OpKind::Attention, {kAttentionVariants.begin(), kAttentionVariants.end()}},
      {OpKind::AttentionBlock, {kAttentionBlockCodes, kAttentionBlockLaunches}},
      {OpKind::Mlp, {kMlpCodes, kMlpFused, kMlpProducts}},
      {OpKind::LocalMixer, {kLocalMixerFused, kLocalMixerLaunches}},
  };
}

ImplList impls(OpKind kind) {
  static const auto table = [] {
    std::array<std::vector<Impl>, kNumOpKinds> all;
    for (const Row& row : own_rows()) all[static_cast<size_t>(row.kind)] = row.impls;
    return all;
  }();
  return table[static_cast<size_t>(kind)];
}

/// Floats of the precision cross the border as float32; all others as they are.
void check_types(std::span<const TensorType> types, const char* what) {
  for (const TensorType& type : types)
    check(is_number(type.dtype), ErrorCode::Unsupported,
          "backend 'cuda' {} of F32, F16, BF16, I64, I32, I8, U8 or BOOL, not of {}", what,
          dtype_name(type.dtype));
}

class CudaBackend final : public Backend {
 public:
  const char* name() const override { return "cuda"; }
  std::string describe() const override {
    const DeviceInfo& info = device_info(0);
    return fmt::format("{}, {} multiprocessors, {:.0f} GB; devices: {}", machine(), info.num_sms,
                       static_cast<double>(info.memory_bytes) * 1e-9, device_count());
  }
  std::optional<Refusal> available() const override { return device_refusal(); }
  std::string instruction_set() const override { return architecture(device_info(0)); }
  bool uses_threads() const override { return false; }
  std::string machine() const override { return device_info(0).name + ", " + instruction_set(); }
  Precision precision(Precision asked) const override {
    return asked == Precision::Default ? Precision::Float16 : asked;
  }
  int num_devices() const override { return device_count(); }
  Peaks peaks(const PeakRequest& request) const override {
    PeakRequest in_precision = request;
    in_precision.precision = precision(request.precision);
    return measure_peaks(in_precision);
  }
  bool reaches(Device memory, int device) const override {
    return memory.type != DeviceType::Cuda || memory.index == device;
  }
  std::optional<DeviceState> device_state(int device) const override {
    return cuda::device_state(device);
  }
  std::unique_ptr<Lane> make_lane(const LaneOptions& options) const override {
    return std::make_unique<CudaLane>(options);
  }
  std::optional<Refusal> can_run(const OpContext& op) const override {
    // What multiplies a product in 8 bits depends on the GPU.
    if (has_float_product(op.graph, op.node))
      return op.input(1).dtype == DType::Float8E4M3 ? needs_float8(op) : std::nullopt;
    return refusal_of(op, impls);
  }

  std::unique_ptr<Executable> compile(const CompileRequest& asked) const override {
    std::vector<TensorType> types = infer(asked.graph, asked.inputs).types;
    const std::optional<Graph> folded = with_views_folded(asked.graph, types, asked.cache);
    const Graph& graph = folded ? *folded : asked.graph;
    if (folded) types = infer(graph, asked.inputs).types;
    const std::optional<FloatGraph> floats =
        with_float_products(graph, asked.cache, [&](const Node& node, size_t weight) {
          return stays_in_8_bits(graph, node, types, weight,
                                 precision_of(node, precision(asked.precision)), asked.device);
        });
    const CompileRequest request{.graph = floats ? floats->graph : graph,
                                 .inputs = asked.inputs,
                                 .cache = asked.cache,
                                 .threads = 1,  // of the host
                                 .tactics = asked.tactics,
                                 .precision = precision(asked.precision),
                                 .device = asked.device,
                                 .origins = floats ? floats->origins : asked.origins};
    check_types(request.inputs, "takes inputs");
    const DeviceScope scope(request.device);
    CudaProgram program;
    program.device = request.device;
    program.element = element_of(request.precision);
    const auto keep_weights = [&](Precision precision) {
      program.weights.push_back(DeviceWeights::of(request.cache, request.device, precision));
    };
    keep_weights(request.precision);
    if (std::any_of(request.graph.nodes.begin(), request.graph.nodes.end(),
                    [](const Node& node) { return node.keeps_float32; }))
      keep_weights(Precision::Float32);
    program.steps = compile_program(request, impls, name(), Outputs::Copied);
    check_types(program.steps->output_types, "gives outputs");
    program.reads_images = merge_steps(*program.steps);
    describe_choices(*program.steps);
    return make_cuda_executable(std::move(program));
  }
};

/// Wherever this backend is linked.
[[maybe_unused]] const bool offers_tensor_memory = (offer_tensor_memory(), true);

}  // namespace
}  // namespace cuda

const Backend* cuda_backend() {
  static const cuda::CudaBackend backend;
  return &backend;
}

}  // namespace vitro
