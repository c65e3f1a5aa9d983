#pragma once

#include <algorithm>

#include "backends/cuda/cuda_program.h"
#include "backends/cuda/staging.h"

namespace vitro::cuda {

/// Where an input or output lies in the workspace.
struct PortMemory {
  size_t given = 0;   ///< offset of its elements as the caller has them
  size_t stored = 0;  ///< offset of the same in the storage type
  int64_t count = 0;
  size_t bytes = 0;      ///< as the caller has them
  bool cast = false;     ///< between the two
  bool written = false;  ///< of an output: by a kernel, else it is copied from elsewhere
};

/// Where inputs and outputs are as the caller has them, when a program runs: in the workspace, or
/// in the caller's tensors.
struct PortAddresses {
  std::vector<std::byte*> inputs, outputs;
};

/// Whether an output is cast to the caller's type behind the last step.
inline bool is_cast(const Program& program, const OutputCopy& output) {
  return element_of(output.stored) != Element::Float32 &&
         program.output_types[output.output].dtype == DType::Float32;
}

/// The workspace of a run: the arena, then the ports.
struct Layout {
  std::vector<PortMemory> inputs, outputs;
  size_t bytes = 0;

  explicit Layout(const CudaProgram& program) : bytes(program.steps->memory.arena) {
    const bool wide = program.element == Element::Float32;
    for (size_t i = 0; i < program.steps->input_types.size(); ++i)
      inputs.push_back(port(program.steps->input_types[i], !wide && is_read(program, i)));
    std::vector<bool> cast(program.steps->output_types.size());
    for (const OutputCopy& output : program.steps->copies)
      cast[output.output] = is_cast(*program.steps, output);
    for (size_t i = 0; i < cast.size(); ++i)
      outputs.push_back(port(program.steps->output_types[i], cast[i]));
    for (const OutputCopy& output : program.steps->copies)
      outputs[output.output].written =
          output.from.kind == Place::Kind::Arena
              ? cast[output.output]
              : output.from.kind == Place::Kind::Output && output.from.index == output.output;
  }

  /// In a workspace that begins there.
  PortAddresses ports(std::byte* workspace) const {
    PortAddresses result;
    for (const PortMemory& port : inputs) result.inputs.push_back(workspace + port.given);
    for (const PortMemory& port : outputs) result.outputs.push_back(workspace + port.given);
    return result;
  }

  /// For copies of the largest input or output.
  size_t staging_bytes() const {
    size_t most = 0;
    for (const auto* ports : {&inputs, &outputs})
      for (const PortMemory& port : *ports)
        most = std::max(most, Staging::locked_bytes(port.bytes));
    return most;
  }

 private:
  static constexpr size_t kAlignment = 256;

  size_t take(size_t size) {
    const size_t offset = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    bytes = offset + size;
    return offset;
  }

  PortMemory port(const TensorType& type, bool cast) {
    const int64_t count = num_elements(type.dims);
    const size_t size = static_cast<size_t>(count) * dtype_size(type.dtype);
    cast = cast && type.dtype == DType::Float32;
    const size_t given = take(size);
    const size_t stored = cast ? take(static_cast<size_t>(count) * 2) : given;
    return {given, stored, count, size, cast && count > 0};
  }

  /// Whether a step reads the input in the storage type.
  static bool is_read(const CudaProgram& program, size_t input) {
    for (size_t s = 0; s < program.steps->sequence.size(); ++s)
      for (const Place& place : program.steps->sequence[s].inputs)
        if (place.kind == Place::Kind::Input && place.index == input && !program.reads_images[s])
          return true;
    return false;
  }
};

}  // namespace vitro::cuda
