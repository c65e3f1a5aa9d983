#include "backends/program.h"

#include <algorithm>

#include "backends/absorb.h"
#include "backends/float_islands.h"
#include "backends/memory_plan.h"
#include "backends/step_info.h"
#include "core/check.h"

namespace vitro {
namespace {

/// A region of the arena and the values that share it.
struct Buffer {
  BufferLife life;
  bool external = false;  ///< lies in a caller's output instead
  size_t output = 0;
};

class ProgramBuilder {
 public:
  ProgramBuilder(const CompileRequest& request, ImplTable impls, const char* backend,
                 Outputs outputs)
      : chosen_(choose_kernels(request, impls, backend)),
        cache_(request.cache),
        precision_(request.precision),
        program_(std::make_unique<Program>()) {
    if (outputs == Outputs::Direct)
      std::fill(chosen_.stored.begin(), chosen_.stored.end(), Precision::Float32);
    absorb_elementwise(chosen_, request);
    program_->threads = request.threads;
    program_->input_types.assign(request.inputs.begin(), request.inputs.end());
    program_->dispatches = std::move(chosen_.dispatches);
  }

  std::unique_ptr<Program> build(Outputs outputs) {
    assign_roots();
    bind_outputs(outputs);
    assign_buffers();
    emit();
    return std::move(program_);
  }

 private:
  /// The value whose memory a view shows.
  void assign_roots() {
    roots_.resize(graph_.values.size());
    for (size_t i = 0; i < roots_.size(); ++i) roots_[i] = static_cast<ValueId>(i);
    for (const Node& node : graph_.nodes)
      if (is_view(node)) roots_[static_cast<size_t>(node.output())] = root(node.inputs[0]);
    last_use_.assign(graph_.values.size(), -1);
    producer_.assign(graph_.values.size(), -1);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (chosen_.is_idle(node)) continue;
      for (ValueId id : node.inputs)
        if (id != kAbsent) last_use_[static_cast<size_t>(root(id))] = static_cast<int>(i);
      for (ValueId id : node.outputs)
        if (id != kAbsent) producer_[static_cast<size_t>(id)] = static_cast<int>(i);
    }
  }

  ValueId root(ValueId id) const { return roots_[static_cast<size_t>(id)]; }

  /// Results are written straight into the caller's memory where that is possible.
  void bind_outputs(Outputs outputs) {
    bound_output_.assign(graph_.values.size(), -1);
    for (size_t k = 0; k < graph_.outputs.size(); ++k) {
      const ValueId id = graph_.outputs[k].value;
      program_->output_types.push_back(chosen_.type(id));
      const auto r = static_cast<size_t>(root(id));
      if (outputs == Outputs::Direct && producer_[r] >= 0 && bound_output_[r] < 0)
        bound_output_[r] = static_cast<int>(k);
      else
        copied_outputs_.push_back(k);
      if (outputs == Outputs::Copied) last_use_[r] = static_cast<int>(graph_.nodes.size());
    }
  }

  /// Gives every computed value a buffer; a kernel that may work in place shares its operand's.
  void assign_buffers() {
    buffer_.assign(graph_.values.size(), -1);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (chosen_.is_idle(node)) continue;
      const int step = static_cast<int>(i);
      const int shared =
          chosen_.choices[i].kernel ? shareable_buffer(node, *chosen_.choices[i].kernel, step) : -1;
      for (size_t k = 0; k < node.outputs.size(); ++k)
        if (node.outputs[k] != kAbsent) assign_buffer(node.outputs[k], step, k == 0 ? shared : -1);
      if (const Kernel* kernel = chosen_.choices[i].kernel.get();
          kernel && kernel->tail_bytes() > 0)
        add_tail(node.outputs[0], kernel->tail_bytes());
    }
  }

  /// A buffer of its own for the result of a step, or the one at `shared`.
  void assign_buffer(ValueId id, int step, int shared) {
    const auto out = static_cast<size_t>(id);
    const int last = std::max(last_use_[out], step);
    if (shared >= 0) {
      buffer_[out] = shared;
      buffers_[static_cast<size_t>(shared)].life.last = last;
      return;
    }
    buffer_[out] = static_cast<int>(buffers_.size());
    const bool external = bound_output_[out] >= 0;
    buffers_.push_back({{chosen_.value_bytes(id), step, last},
                        external,
                        external ? static_cast<size_t>(bound_output_[out]) : 0});
  }

  void add_tail(ValueId id, size_t tail) {
    size_t& bytes = buffers_[static_cast<size_t>(buffer_[static_cast<size_t>(id)])].life.bytes;
    bytes = std::max(bytes, aligned_bytes(chosen_.value_bytes(id)) + tail);
  }

  int shareable_buffer(const Node& node, const Kernel& kernel, int step) const {
    const int operand = kernel.in_place_operand();
    if (operand < 0 || node.outputs[0] == kAbsent) return -1;
    const auto result = static_cast<size_t>(node.outputs[0]);
    if (bound_output_[result] >= 0) return -1;
    const ValueId source = root(node.inputs[static_cast<size_t>(operand)]);
    const auto s = static_cast<size_t>(source);
    const int buffer = buffer_[s];
    if (buffer < 0 || buffers_[static_cast<size_t>(buffer)].external || last_use_[s] != step)
      return -1;
    const auto readers = std::count_if(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id != kAbsent && root(id) == source;
    });
    const bool same_size = chosen_.value_bytes(source) == chosen_.value_bytes(node.outputs[0]);
    return readers == 1 && same_size ? buffer : -1;
  }

  Place place(ValueId id) {
    if (id == kAbsent) return {};
    if (chosen_.is_known(id) && !graph_.is_constant(id)) {
      const auto& [dtype, dims] = chosen_.type(id);
      program_->constants.push_back(
          make_constant(dims, *chosen_.contents[static_cast<size_t>(id)], dtype));
      return {Place::Kind::Constant, 0, program_->constants.back().bytes.data()};
    }
    const ValueId r = root(id);
    const auto index = static_cast<size_t>(r);
    if (const auto& constant = graph_.value(r).constant) {
      program_->constants.push_back(cache_.rows(*constant));
      return {Place::Kind::Constant, 0, program_->constants.back().bytes.data()};
    }
    const auto input = std::find_if(graph_.inputs.begin(), graph_.inputs.end(),
                                    [&](const Port& port) { return port.value == r; });
    if (input != graph_.inputs.end())
      return {Place::Kind::Input, static_cast<size_t>(input - graph_.inputs.begin()), nullptr};
    const auto buffer = static_cast<size_t>(buffer_[index]);
    if (buffers_[buffer].external) return {Place::Kind::Output, buffers_[buffer].output, nullptr};
    return {Place::Kind::Arena, offsets_[buffer], nullptr};
  }

  /// Plans the arena, scratch included, and writes down the steps.
  void emit() {
    std::vector<BufferLife> lives;
    for (const Buffer& buffer : buffers_)
      lives.push_back(buffer.external ? BufferLife{0, buffer.life.first, buffer.life.last}
                                      : buffer.life);
    for (size_t i = 0; i < chosen_.choices.size(); ++i)
      lives.push_back({chosen_.choices[i].kernel ? chosen_.choices[i].kernel->scratch_bytes() : 0,
                       static_cast<int>(i), static_cast<int>(i)});
    const MemoryPlan plan = plan_memory(lives);
    offsets_ = plan.offsets;
    program_->memory.arena = plan.arena_bytes;
    describe_arena(lives);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!chosen_.choices[i].kernel) continue;
      Step step{std::move(chosen_.choices[i].kernel), {}, {}, offsets_[buffers_.size() + i]};
      const std::vector<bool>& taken = chosen_.choices[i].taken;
      const std::vector<ValueId>& operands = graph_.nodes[i].inputs;
      for (size_t k = 0; k < operands.size(); ++k)
        step.inputs.push_back(k < taken.size() && taken[k] ? Place{} : place(operands[k]));
      for (ValueId id : graph_.nodes[i].outputs) {
        step.outputs.push_back(place(id));
        if (step.outputs.back().kind == Place::Kind::Arena)
          program_->memory.activations += chosen_.value_bytes(id);
      }
      program_->infos.push_back(
          step_info(chosen_, i, *step.kernel, precision_of(graph_.nodes[i], precision_)));
      program_->memory.scratch += program_->infos.back().scratch_bytes;
      program_->sequence.push_back(std::move(step));
    }
    for (size_t k : copied_outputs_)
      program_->copies.push_back({place(graph_.outputs[k].value), k,
                                  chosen_.value_bytes(graph_.outputs[k].value),
                                  chosen_.stored[static_cast<size_t>(graph_.outputs[k].value)]});
  }

  /// The lives in steps instead of nodes: views are no steps.
  void describe_arena(std::span<const BufferLife> lives) {
    std::vector<size_t> steps;  // before each node
    size_t count = 0;
    for (const Choice& choice : chosen_.choices) {
      steps.push_back(count);
      count += choice.impl ? 1 : 0;
    }
    steps.push_back(count - 1);  // what is copied after the run lives through the last step
    for (size_t i = 0; i < lives.size(); ++i) {
      if (lives[i].bytes == 0) continue;
      const auto first = static_cast<size_t>(lives[i].first);
      program_->buffers.push_back({offsets_[i], lives[i].bytes, steps[first],
                                   steps[static_cast<size_t>(lives[i].last)],
                                   graph_.nodes[first].source, i >= buffers_.size()});
    }
  }

  ChosenKernels chosen_;
  const Graph& graph_ = chosen_.graph;
  PlanCache& cache_;
  Precision precision_;
  std::unique_ptr<Program> program_;
  std::vector<ValueId> roots_;
  std::vector<int> last_use_, producer_, bound_output_, buffer_;  ///< by value
  std::vector<Buffer> buffers_;
  std::vector<size_t> offsets_, copied_outputs_;
};

}  // namespace

std::unique_ptr<Program> compile_program(const CompileRequest& request, ImplTable impls,
                                         const char* backend, Outputs outputs) {
  check(request.threads >= 1, ErrorCode::InvalidArgument, "{} threads, expected at least 1",
        request.threads);
  return ProgramBuilder(request, impls, backend, outputs).build(outputs);
}

void describe_choices(Program& program) {
  auto step = program.sequence.begin();
  for (Dispatch& dispatch : program.dispatches)
    if (dispatch.chosen) dispatch.choices = (step++)->kernel->choices();
}

std::optional<Refusal> refusal_of(const OpContext& op, ImplTable impls) {
  if (is_view(op.node)) return std::nullopt;
  std::string reasons;
  for (const Impl& impl : impls(op.node.kind)) {
    const auto refusal = impl.can_run(op);
    if (!refusal) return std::nullopt;
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", impl.id, refusal->reason);
  }
  return Refusal{reasons.empty() ? "it has no implementation of the op" : reasons};
}

}  // namespace vitro
