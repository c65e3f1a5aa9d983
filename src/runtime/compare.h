#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "vitro/session.h"

namespace vitro {

/// An op of a plan as a session runs it.
struct PlacedOp {
  const Node* node;
  std::vector<const Node*> earlier;  ///< that its kernel runs too, in order, before `node`
  TensorType output;
  size_t first_step;
  size_t num_steps;  ///< several when the backend runs the op's body
  size_t weight_bytes;
};

/// What a session executes for one input shape. Views, which take no step, are left out.
struct PlacedProgram {
  Plan plan;  ///< keeps the nodes
  std::shared_ptr<const Executable> executable;
  std::vector<PlacedOp> ops;

  std::span<const StepInfo> steps(const PlacedOp& op) const {
    return executable->steps().subspan(op.first_step, op.num_steps);
  }
};

PlacedProgram placed_program(const Session& session, const Dims& dims);

/// Ops of A and of B that make the same result: mostly one of each. A fused op has beside it the
/// plain ops it stands for, the last of which makes its result; an op that only one side has is
/// alone. Indices into PlacedProgram::ops, ascending.
struct OpMatch {
  std::vector<size_t> a, b;
  /// Whether the results are equal but for rounding; when not, `reason` says why.
  bool comparable = false;
  std::string reason;
};

/// Matches ops by module path, in execution order. Results inside a block may differ lawfully where
/// passes folded weights on one side only; they count as comparable where the ops around them, up
/// to the next residual sum, are the same on both sides. Residual sums always are.
std::vector<OpMatch> match_ops(const PlacedProgram& a, const PlacedProgram& b);

/// How far a result of A is from that of B.
struct LayerError {
  std::string source;
  const char* op;  ///< of A
  Dims dims;
  double nmse = 0;       ///< |a - b|^2 / |b|^2
  double max_error = 0;  ///< max |a - b| / rms(b)
};

/// NaN and infinity in the results of one side.
struct NonFinite {
  std::string first;  ///< source of the first step with one; empty: none
  int64_t count = 0;  ///< values in the result of that step
  int64_t steps = 0;  ///< how many steps have one
};

/// What a run of the same input through both shows.
struct LayerErrors {
  std::vector<LayerError> layers;  ///< of what is comparable, in execution order
  NonFinite a, b;
  Tensor output_a, output_b;
};

/// Runs both, B first, and compares results while they are in memory; fusions stay as they are. An
/// op whose body both sides run is compared step by step. The inputs say the same, each as its side
/// takes it. Throws InvalidArgument for an input that its side cannot take.
LayerErrors compare_layers(const Session& a, const Session& b, const Tensor& input_a,
                           const Tensor& input_b);

}  // namespace vitro
