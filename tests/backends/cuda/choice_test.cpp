#include <gtest/gtest.h>

#include <functional>

#include "backends/backend.h"
#include "backends/cuda/cuda_session.h"
#include "ir/builder.h"
#include "ir/infer.h"
#include "ir/op_info.h"
#include "ops/cases.h"

// What the backend takes is known without a GPU.
namespace vitro {
namespace {

class CudaChoice : public CudaSession {
 protected:
  void SetUp() override {}

  /// Why the backend refuses the node of a graph of one; empty when it does not.
  static std::string refusal(const Graph& graph) {
    std::vector<TensorType> inputs;
    for (const Port& port : graph.inputs) inputs.push_back(graph.value(port.value).type);
    const Inference inference = infer(graph, inputs);
    PlanCache cache;
    const OpContext op{graph, graph.nodes.at(0),  inference.types,   1,
                       cache, inference.contents, Precision::Float16};
    const auto reason = find_backend_row().backend->can_run(op);
    return reason ? reason->reason : "";
  }
};

/// Whether a program with it needs a fallback.
bool is_left_to_others(const OpCase& op_case) {
  return op_case.name.find("leaves_out_parts") != std::string::npos;
}

TEST_F(CudaChoice, TakesEveryPlainOpOfFloats) {
  for (const OpCase& op_case : op_cases()) {
    const OpInfo& info = op_info(op_case.kind);
    // What these choose depends on the GPU.
    if (info.fused || op_case.kind == OpKind::Linear) continue;
    if (is_left_to_others(op_case)) continue;
    EXPECT_EQ(refusal(op_case.build()), "") << op_case.name;
  }
}

TEST_F(CudaChoice, TakesBooleansAndIntegersBetweenFloats) {
  using Build = std::function<ValueId(GraphBuilder&, ValueId)>;
  const auto taken = [](DType dtype, const Build& build) {
    GraphBuilder builder;
    return refusal(builder.finish({build(builder, builder.input("x", {3, 5}, dtype))}));
  };
  const auto op = [](OpKind kind, const Attrs& attrs, size_t operands = 1) {
    return [=](GraphBuilder& builder, ValueId x) {
      return builder.op(kind, attrs, std::vector<ValueId>(operands, x), "op");
    };
  };
  EXPECT_EQ(taken(DType::Float32, op(OpKind::Compare, CompareAttrs{CompareFunction::Less}, 2)), "");
  EXPECT_EQ(taken(DType::Float32, op(OpKind::Unary, UnaryAttrs{UnaryFunction::IsNan})), "");
  EXPECT_EQ(taken(DType::Bool, op(OpKind::Unary, UnaryAttrs{UnaryFunction::Not})), "");
  EXPECT_EQ(taken(DType::Bool, op(OpKind::Binary, BinaryAttrs{BinaryFunction::Xor}, 2)), "");
  EXPECT_EQ(taken(DType::Bool, op(OpKind::Compare, CompareAttrs{CompareFunction::Equal}, 2)), "");
  EXPECT_EQ(taken(DType::Bool, op(OpKind::Cast, CastAttrs{DType::Float32})), "");
  EXPECT_EQ(taken(DType::Float32, op(OpKind::Cast, CastAttrs{DType::Bool})), "");
  EXPECT_EQ(taken(DType::Bool, op(OpKind::Transpose, TransposeAttrs{{1, 0}})), "");
  EXPECT_EQ(taken(DType::Bool, op(OpKind::Compare, CompareAttrs{CompareFunction::Less}, 2)),
            "cuda:binary: the operands are BOOL");
  EXPECT_EQ(taken(DType::Int64, op(OpKind::Binary, BinaryAttrs{BinaryFunction::Add}, 2)), "");
  EXPECT_EQ(taken(DType::Int32, op(OpKind::Compare, CompareAttrs{CompareFunction::Less}, 2)), "");
  EXPECT_EQ(taken(DType::Int64, op(OpKind::Cast, CastAttrs{DType::Float32})), "");
  EXPECT_EQ(taken(DType::Int64, op(OpKind::Arg, usual_attrs(OpKind::Arg))), "");
  EXPECT_EQ(taken(DType::Float64, op(OpKind::Cast, CastAttrs{DType::Float32})),
            "cuda:unary_math: it makes F32 of F64; cuda:cast: operand 0 is F64; cuda:cast_types: a "
            "type is F64");
}

TEST_F(CudaChoice, RefusesWhatNoKernelTakes) {
  const auto refused = [](OpKind kind, const Attrs& attrs, const Dims& second, DType dtype) {
    GraphBuilder builder;
    const ValueId x = builder.input("x", {3, 5, 8});
    return refusal(
        builder.finish({builder.op(kind, attrs, {x, builder.input("y", second, dtype)}, "op")}));
  };
  EXPECT_EQ(refused(OpKind::GatherElements, AxisAttrs{1}, {2, 2, 8}, DType::Int64),
            "cuda:gather_elements: indices 2x2x8 leave out parts of 3x5x8");
  EXPECT_EQ(
      refused(OpKind::Conv, ConvAttrs{}, {4, 3, 8}, DType::Float32),
      "cuda:conv2d_windows: it is not over two axes; cuda:conv_direct: operand 1 is computed, "
      "not a weight");
  for (const OpCase& op_case : op_cases()) {
    if (!is_left_to_others(op_case)) continue;
    EXPECT_NE(refusal(op_case.build()), "") << op_case.name;
  }
}

}  // namespace
}  // namespace vitro
