#pragma once

#include "backends/backend.h"

namespace vitro {

/// The implementations of an op kind, best first; empty when the backend has none.
using ImplList = std::span<const Impl>;
using ImplTable = ImplList (*)(OpKind);

/// Where a tensor lies when the program runs.
struct Place {
  enum class Kind : uint8_t { Absent, Arena, Input, Output, Constant } kind = Kind::Absent;
  size_t index = 0;  ///< byte offset into the arena, or position among inputs or outputs
  const std::byte* data = nullptr;  ///< dense rows of a constant
};

struct Step {
  std::unique_ptr<Kernel> kernel;
  std::vector<Place> inputs;
  std::vector<Place> outputs;
  size_t scratch = 0;  ///< byte offset into the arena
};

/// A result that no kernel can write straight to the caller: an input, a constant or a repeated
/// one.
struct OutputCopy {
  Place from;
  size_t output = 0;
  size_t bytes = 0;
  Precision stored = Precision::Float32;  ///< as in StepInfo
};

/// A graph at one shape as a sequence of kernels, and where their operands lie. Data only: how it
/// runs is the business of a backend.
struct Program {
  std::vector<Step> sequence;
  std::vector<StepInfo> infos;  ///< of the sequence
  std::vector<OutputCopy> copies;
  std::vector<TensorType> input_types, output_types;
  std::vector<Constant> constants;  ///< keeps the weights that operands point to
  std::vector<Dispatch> dispatches;
  std::vector<ArenaBuffer> buffers;
  MemoryUse memory;
  int threads = 1;
};

/// Whether results that leave the graph are written straight to the caller's memory. Then all
/// values are stored as the graph has them, else in the precision of the request.
enum class Outputs : uint8_t { Direct, Copied };

/// Compiles a graph: asks the implementations of each op in order, inlines the fused ops that
/// nobody takes, turns reshapes into views, and plans the arena. `backend` names the refusing
/// backend in errors.
std::unique_ptr<Program> compile_program(const CompileRequest& request, ImplTable impls,
                                         const char* backend, Outputs outputs = Outputs::Direct);

/// Writes what its kernels chose into the dispatches, once nothing changes any more.
void describe_choices(Program& program);

/// Why none of the implementations can run an op; nothing when one can, or when the op is a view.
std::optional<Refusal> refusal_of(const OpContext& op, ImplTable impls);

}  // namespace vitro
