#pragma once

#include "backends/backend.h"

namespace vitro {

constexpr size_t kMaxOperands = 128;

/// Where a tensor lies when the program runs.
struct Place {
  enum class Kind : uint8_t { Absent, Arena, Input, Output, Constant } kind = Kind::Absent;
  size_t index = 0;  ///< byte offset into the arena, or position among inputs or outputs
  const std::byte* data = nullptr;  ///< of a constant
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
};

/// What compile_program() makes: kernels in order and where their operands lie.
class Program : public Executable {
 public:
  std::span<const TensorType> outputs() const override { return output_types; }
  const MemoryUse& memory() const override { return memory_use; }
  int threads() const override { return num_threads; }
  std::span<const Dispatch> dispatch() const override { return dispatches; }
  std::span<const StepInfo> steps() const override { return infos; }
  std::span<const ArenaBuffer> arena_buffers() const override { return buffers; }
  void run(std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs,
           std::byte* arena, ThreadTeam& team, RunObserver* observer) const override;

  std::vector<Step> sequence;
  std::vector<StepInfo> infos;  ///< of the sequence
  std::vector<OutputCopy> copies;
  std::vector<TensorType> output_types;
  std::vector<Constant> constants;  ///< keeps the weights that operands point to
  std::vector<Dispatch> dispatches;
  std::vector<ArenaBuffer> buffers;
  MemoryUse memory_use;
  int num_threads = 1;
};

}  // namespace vitro
