#include "backends/cuda/merge_steps.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "backends/cuda/conv2d.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/local_block.h"
#include "backends/cuda/movement.h"
#include "backends/cuda/quantize_linear.h"
#include "backends/cuda/row_sums.h"
#include "backends/cuda/transformer_blocks.h"

namespace vitro::cuda {
namespace {

/// The kernel of a step, when it is that of the implementation.
template <typename K>
K* kernel_of(Program& program, size_t step, const Impl& impl) {
  if (step >= program.sequence.size() || std::string_view(program.infos[step].impl) != impl.id)
    return nullptr;
  return static_cast<K*>(program.sequence[step].kernel.get());
}

/// Whether nothing reads the result of `step` but the first operand of the step behind it.
bool only_read_once(const Program& program, size_t step) {
  const std::vector<Place>& operands = program.sequence[step + 1].inputs;
  return only_next_reads(program, step) &&
         std::none_of(operands.begin() + 1, operands.end(), [&](const Place& place) {
           return same_place(place, program.sequence[step].outputs[0]);
         });
}

/// The step behind `step` reads what that one read, elements of so many bytes; `step` is gone.
void take_input(Program& program, size_t step, size_t element_bytes) {
  const int64_t elements = num_elements(program.infos[step].output.dims);
  StepInfo& info = program.infos[step + 1];
  info.earlier_nodes.insert(info.earlier_nodes.begin(), program.infos[step].node);
  const size_t read = static_cast<size_t>(elements) * element_bytes;
  info.sections[0].bytes += read - info.input_bytes;
  info.input_bytes = read;
  erase_step(program, step);
}

/// transpose + conv2d: the convolution reads the images.
bool merge_transpose(Program& program, size_t step) {
  const auto* transpose = kernel_of<TransposeKernel>(program, step, kTransposeCopy);
  auto* conv = kernel_of<Conv2dKernel>(program, step + 1, kConv2dWindows);
  if (!transpose || !conv || transpose->perm() != std::vector<int64_t>{0, 2, 3, 1}) return false;
  const Place images = program.sequence[step].inputs[0];
  if (images.kind != Place::Kind::Input || !only_read_once(program, step)) return false;
  conv->read_images();
  program.sequence[step + 1].inputs[0] = images;
  take_input(program, step, sizeof(float));
  return true;
}

/// dequantize_linear of pixels + conv2d: the convolution reads the pixels.
void merge_pixels(Program& program, size_t step) {
  const auto* codes = kernel_of<CodesKernel>(program, step, kQuantizeLinear);
  auto* conv = kernel_of<Conv2dKernel>(program, step + 1, kConv2dWindows);
  // Other memory than the caller's may be where the results of the convolution come to.
  const bool is_input = program.sequence[step].inputs[0].kind == Place::Kind::Input;
  if (!codes || !conv || !codes->is_plain() || !is_input || !only_read_once(program, step)) return;
  conv->read_pixels();
  program.sequence[step + 1].inputs[0] = program.sequence[step].inputs[0];
  take_input(program, step, sizeof(uint8_t));
}

/// conv2d + layer_norm, which works in place.
bool merge_norm(Program& program, size_t step) {
  auto* conv = kernel_of<Conv2dKernel>(program, step, kConv2dWindows);
  const auto* norm = kernel_of<LayerNormKernel>(program, step + 1, kLayerNormRows);
  if (!conv || !norm || !norm->weight() || !norm->bias()) return false;
  const Place& result = program.sequence[step].outputs[0];
  if (!same_place(result, program.sequence[step + 1].outputs[0]) ||
      !same_place(result, program.sequence[step + 1].inputs[0]) || !conv->normalize(*norm))
    return false;
  StepInfo& info = program.infos[step];
  const StepInfo& merged = program.infos[step + 1];
  info.earlier_nodes.push_back(std::exchange(info.node, merged.node));
  info.flops += merged.flops;
  info.weight_bytes += merged.weight_bytes;
  info.sections[0].flops += merged.flops;
  info.sections[0].bytes += merged.weight_bytes;
  erase_step(program, step + 1);
  return true;
}

/// A norm in the step behind `step` reads the sums that `step` leaves of its rows.
void link_row_sums(Program& program, size_t step) {
  if (step + 1 >= program.sequence.size()) return;
  Step &first = program.sequence[step], &second = program.sequence[step + 1];
  auto* leaves = dynamic_cast<LeavesRowSums*>(first.kernel.get());
  auto* reads = dynamic_cast<ReadsRowSums*>(second.kernel.get());
  if (!leaves || !reads || leaves->row_parts() == 0 ||
      !same_place(first.outputs[0], second.inputs[0]))
    return;
  leaves->leave_row_sums();
  reads->read_row_sums(leaves->row_parts());
}

}  // namespace

bool same_place(const Place& a, const Place& b) {
  return a.kind == Place::Kind::Arena && b.kind == Place::Kind::Arena && a.index == b.index;
}

bool only_next_reads(const Program& program, size_t step) {
  const Place& result = program.sequence[step].outputs[0];
  const auto is_result = [&](const Place& place) { return same_place(place, result); };
  bool next = false;
  for (size_t s = step + 1; s < program.sequence.size(); ++s) {
    const Step& other = program.sequence[s];
    if (std::any_of(other.inputs.begin(), other.inputs.end(), is_result)) {
      if (s != step + 1) return false;
      next = true;
    }
    // From here on something else is there.
    if (std::any_of(other.outputs.begin(), other.outputs.end(), is_result)) return next;
  }
  return next && std::none_of(program.copies.begin(), program.copies.end(),
                              [&](const OutputCopy& copy) { return is_result(copy.from); });
}

Dispatch& dispatch_of(Program& program, size_t step) {
  return *std::find_if(program.dispatches.begin(), program.dispatches.end(),
                       [&](const Dispatch& one) { return one.chosen && step-- == 0; });
}

void erase_step(Program& program, size_t step) {
  const auto at = static_cast<std::ptrdiff_t>(step);
  program.dispatches.erase(program.dispatches.begin() +
                           (&dispatch_of(program, step) - program.dispatches.data()));
  program.memory.activations -= program.infos[step].output_bytes;
  program.memory.scratch -= program.infos[step].scratch_bytes;
  program.sequence.erase(program.sequence.begin() + at);
  program.infos.erase(program.infos.begin() + at);
  std::erase_if(program.buffers,
                [&](const ArenaBuffer& buffer) { return buffer.first_step == step; });
  for (ArenaBuffer& buffer : program.buffers) {
    if (buffer.first_step > step) --buffer.first_step;
    if (buffer.last_step >= step) --buffer.last_step;
  }
}

std::vector<bool> merge_steps(Program& program) {
  std::vector<bool> reads_images;
  for (size_t step = 0; step < program.sequence.size(); ++step) {
    reads_images.push_back(merge_transpose(program, step));
    merge_pixels(program, step);
    merge_norm(program, step);
    merge_local_block(program, step);
    merge_transformer_blocks(program, step);
  }
  for (size_t step = 0; step < program.sequence.size(); ++step) link_row_sums(program, step);
  return reads_images;
}

}  // namespace vitro::cuda
