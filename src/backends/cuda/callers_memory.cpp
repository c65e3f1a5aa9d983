#include "backends/cuda/callers_memory.h"

#include <algorithm>
#include <utility>

#include "core/aligned_memory.h"

namespace vitro::cuda {
namespace {

/// What of the arena holds an output from the step that first writes there up to the end, and
/// nothing else; null: it shares it with something that is larger.
const ArenaBuffer* buffer_of(const Program& program, const OutputCopy& output) {
  const auto found =
      std::find_if(program.buffers.begin(), program.buffers.end(), [&](const ArenaBuffer& buffer) {
        return !buffer.scratch && buffer.offset == output.from.index &&
               buffer.bytes == output.bytes && buffer.last_step + 1 == program.sequence.size();
      });
  return found == program.buffers.end() ? nullptr : &*found;
}

}  // namespace

void bind_outputs(Program& program) {
  for (const OutputCopy& output : std::vector(program.copies)) {
    const Place from = output.from;
    if (from.kind != Place::Kind::Arena || output.bytes == 0 || is_cast(program, output)) continue;
    const ArenaBuffer* buffer = buffer_of(program, output);
    if (!buffer) continue;
    // Kernels that work in place keep to one place: all that the buffer held moves.
    const auto move = [&](Place& place) {
      if (place.kind == Place::Kind::Arena && place.index == from.index)
        place = {Place::Kind::Output, output.output, nullptr};
    };
    for (size_t s = buffer->first_step; s < program.sequence.size(); ++s) {
      std::ranges::for_each(program.sequence[s].inputs, move);
      std::ranges::for_each(program.sequence[s].outputs, move);
    }
    for (OutputCopy& copy : program.copies) move(copy.from);
  }
}

CallersMemory::CallersMemory(const Layout& layout) : num_inputs_(layout.inputs.size()) {
  for (const PortMemory& input : layout.inputs) ports_.push_back({input.bytes, false, true});
  for (const PortMemory& output : layout.outputs)
    ports_.push_back({output.bytes, true, output.written});
  last_.resize(ports_.size());
  graph_.resize(ports_.size());
}

CallersMemory::Call CallersMemory::next(std::span<const TensorView> inputs,
                                        std::span<const TensorView> outputs) {
  bool same_as_last = std::exchange(has_last_, true), same_as_graph = has_graph_;
  for (size_t i = 0; i < ports_.size(); ++i) {
    const TensorView& tensor = i < num_inputs_ ? inputs[i] : outputs[i - num_inputs_];
    auto* const address =
        tensor.device.type == DeviceType::Cuda ? static_cast<std::byte*>(tensor.data) : nullptr;
    same_as_last &= std::exchange(last_[i], address) == address;
    same_as_graph &= graph_[i] == address;
  }
  repeats_ = same_as_last ? std::min(repeats_ + 1, kMostRepeats + 1) : 0;
  if (same_as_graph) return Call::InPlace;
  if (repeats_ != needed_) return Call::Copied;
  const bool any = std::ranges::any_of(usable(), [](const auto* port) { return port != nullptr; });
  return any ? Call::Repeated : Call::Copied;
}

std::vector<std::byte*> CallersMemory::usable() const {
  std::vector<size_t> order;
  for (size_t i = 0; i < ports_.size(); ++i)
    if (last_[i] && ports_[i].bytes > 0) order.push_back(i);
  std::ranges::sort(order, {}, [&](size_t i) { return last_[i]; });
  std::vector<std::byte*> usable(ports_.size());
  const std::byte *end = nullptr, *end_of_outputs = nullptr;  // of those so far
  for (const size_t i : order) {
    const Port& port = ports_[i];
    std::byte* const begin = last_[i];
    if (begin < (port.output ? end : end_of_outputs)) return std::vector<std::byte*>(ports_.size());
    end = std::max<const std::byte*>(end, begin + port.bytes);
    if (port.output) end_of_outputs = end;
    if (port.of_kernels && reinterpret_cast<uintptr_t>(begin) % kMemoryAlignment == 0)
      usable[i] = begin;
  }
  return usable;
}

PortAddresses CallersMemory::in_place(const PortAddresses& copies) const {
  const std::vector<std::byte*> ports = usable();
  PortAddresses result = copies;
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i]) (i < num_inputs_ ? result.inputs[i] : result.outputs[i - num_inputs_]) = ports[i];
  return result;
}

void CallersMemory::captured() {
  graph_ = last_;
  has_graph_ = true;
  needed_ = std::min(2 * needed_, kMostRepeats);
}

void CallersMemory::forget() {
  has_last_ = has_graph_ = false;
  repeats_ = 0;
}

}  // namespace vitro::cuda
