#include "backends/program.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "backends/dispatch.h"
#include "backends/memory_plan.h"
#include "core/check.h"
#include "ir/infer.h"

namespace vitro {
namespace {

/// Bytes of a value as programs of that precision store it.
size_t stored_bytes(const TensorType& type, Precision precision) {
  const bool half = precision == Precision::Float16 || precision == Precision::BFloat16;
  const size_t element = half && type.dtype == DType::Float32 ? 2 : dtype_size(type.dtype);
  return static_cast<size_t>(num_elements(type.dims)) * element;
}

bool is_view(const Node& node) { return op_info(node.kind).has(View); }

/// What was found for a node. No kernel: it is a view, or its results have no elements.
struct Choice {
  const char* impl = nullptr;
  std::unique_ptr<Kernel> kernel;
  std::vector<bool> taken;  ///< operands that the kernel holds itself
};

/// A region of the arena and the values that share it.
struct Buffer {
  BufferLife life;
  bool external = false;  ///< lies in a caller's output instead
  size_t output = 0;
};

class ProgramBuilder {
 public:
  ProgramBuilder(const CompileRequest& request, ImplTable impls, const char* backend)
      : graph_(request.graph),
        cache_(request.cache),
        impls_(impls),
        tactics_(request.tactics),
        backend_(backend),
        precision_(request.precision),
        device_(request.device),
        program_(std::make_unique<Program>()) {
    check(request.threads >= 1, ErrorCode::InvalidArgument, "{} threads, expected at least 1",
          request.threads);
    program_->threads = request.threads;
    program_->input_types.assign(request.inputs.begin(), request.inputs.end());
  }

  std::unique_ptr<Program> build(Outputs outputs) {
    choose_kernels();
    assign_roots();
    bind_outputs(outputs);
    assign_buffers();
    emit();
    return std::move(program_);
  }

 private:
  /// Asks the implementations of every op; a fused op that all refuse is replaced by its body.
  void choose_kernels() {
    infer_values();
    origins_.resize(graph_.nodes.size());
    std::iota(origins_.begin(), origins_.end(), size_t{0});
    for (size_t i = 0; i < graph_.nodes.size();) {
      if (is_idle(graph_.nodes[i]) || is_empty(graph_.nodes[i])) {
        choices_.emplace_back();
        ++i;
      } else if (Choice choice = choose(graph_.nodes[i]); choice.impl || !graph_.nodes[i].body) {
        choices_.push_back(std::move(choice));
        ++i;
      } else {
        const size_t origin = origins_[i], more = graph_.nodes[i].body->nodes.size() - 1;
        origins_.insert(origins_.begin() + static_cast<std::ptrdiff_t>(i), more, origin);
        inline_body(graph_, i);
        infer_values();
      }
    }
    check_refusals();
  }

  /// Names every op that was refused, not only the first one.
  void check_refusals() const {
    constexpr size_t kMostNamed = 20;
    if (refusals_.empty()) return;
    const size_t named = std::min(refusals_.size(), kMostNamed);
    std::string text = refusals_.size() == 1 ? "" : fmt::format("{} ops: ", refusals_.size());
    text += fmt::format("{}", fmt::join(std::span(refusals_).first(named), "; "));
    if (named < refusals_.size()) text += fmt::format("; and {} more", refusals_.size() - named);
    fail(ErrorCode::Unsupported, "backend '{}' has no implementation of {}", backend_, text);
  }

  void infer_values() {
    Inference inference = infer(graph_, program_->input_types);
    types_ = std::move(inference.types);
    contents_ = std::move(inference.contents);
  }

  bool is_known(ValueId id) const { return contents_[static_cast<size_t>(id)].has_value(); }

  /// Views, and nodes whose results are known already: they run nothing.
  bool is_idle(const Node& node) const {
    return is_view(node) || std::all_of(node.outputs.begin(), node.outputs.end(),
                                        [&](ValueId id) { return id == kAbsent || is_known(id); });
  }

  /// All results have no elements: there is nothing to run.
  bool is_empty(const Node& node) const {
    return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
      return id == kAbsent || num_elements(types_[static_cast<size_t>(id)].dims) == 0;
    });
  }

  Choice choose(const Node& node) {
    const OpContext context{graph_, node,      types_,     program_->threads,
                            cache_, contents_, precision_, device_};
    const ImplList impls = impls_(node.kind);
    Dispatch dispatch = ask(context, impls, tactics_);
    Choice choice{dispatch.chosen, nullptr, {}};
    if (dispatch.chosen && refusals_.empty()) {
      context.taken.clear();  // what others took before they refused
      choice.kernel = find_impl(impls, dispatch.chosen)->make(context);
      choice.taken = context.taken;
    }
    if (!dispatch.chosen && !node.body) {
      std::string reasons;
      for (const auto& [impl, reason] : dispatch.refused)
        reasons += fmt::format("{}{}: {}", reasons.empty() ? " (" : ", ", impl, reason);
      refusals_.push_back(fmt::format("{} '{}' with result {}{}{}", op_name(node), node.source,
                                      to_string(context.output().dims), reasons,
                                      reasons.empty() ? "" : ")"));
    }
    program_->dispatches.push_back(std::move(dispatch));
    return choice;
  }

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
      if (is_idle(node)) continue;
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
      program_->output_types.push_back(types_[static_cast<size_t>(id)]);
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
      if (is_idle(node)) continue;
      const int step = static_cast<int>(i);
      const int shared =
          choices_[i].kernel ? shareable_buffer(node, *choices_[i].kernel, step) : -1;
      for (size_t k = 0; k < node.outputs.size(); ++k)
        if (node.outputs[k] != kAbsent) assign_buffer(node.outputs[k], step, k == 0 ? shared : -1);
      if (choices_[i].kernel && choices_[i].kernel->tail_bytes() > 0)
        add_tail(node.outputs[0], choices_[i].kernel->tail_bytes());
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
    buffers_.push_back({{type_bytes(types_[out]), step, last},
                        external,
                        external ? static_cast<size_t>(bound_output_[out]) : 0});
  }

  void add_tail(ValueId id, size_t tail) {
    size_t& bytes = buffers_[static_cast<size_t>(buffer_[static_cast<size_t>(id)])].life.bytes;
    bytes = std::max(bytes, aligned_bytes(type_bytes(types_[static_cast<size_t>(id)])) + tail);
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
    const bool same_size = type_bytes(types_[s]) == type_bytes(types_[result]);
    return readers == 1 && same_size ? buffer : -1;
  }

  Place place(ValueId id) {
    if (id == kAbsent) return {};
    if (is_known(id) && !graph_.is_constant(id)) {
      const auto& [dtype, dims] = types_[static_cast<size_t>(id)];
      program_->constants.push_back(
          make_constant(dims, *contents_[static_cast<size_t>(id)], dtype));
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
    for (size_t i = 0; i < choices_.size(); ++i)
      lives.push_back({choices_[i].kernel ? choices_[i].kernel->scratch_bytes() : 0,
                       static_cast<int>(i), static_cast<int>(i)});
    const MemoryPlan plan = plan_memory(lives);
    offsets_ = plan.offsets;
    program_->memory.arena = plan.arena_bytes;
    describe_arena(lives);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!choices_[i].kernel) continue;
      Step step{std::move(choices_[i].kernel), {}, {}, offsets_[buffers_.size() + i]};
      const std::vector<bool>& taken = choices_[i].taken;
      const std::vector<ValueId>& operands = graph_.nodes[i].inputs;
      for (size_t k = 0; k < operands.size(); ++k)
        step.inputs.push_back(k < taken.size() && taken[k] ? Place{} : place(operands[k]));
      for (ValueId id : graph_.nodes[i].outputs) {
        step.outputs.push_back(place(id));
        if (step.outputs.back().kind == Place::Kind::Arena)
          program_->memory.activations += type_bytes(types_[static_cast<size_t>(id)]);
      }
      program_->infos.push_back(describe(i, *step.kernel));
      program_->memory.scratch += program_->infos.back().scratch_bytes;
      program_->sequence.push_back(std::move(step));
    }
    for (size_t k : copied_outputs_)
      program_->copies.push_back(
          {place(graph_.outputs[k].value), k, type_bytes(program_->output_types[k])});
  }

  /// The lives in steps instead of nodes: views are no steps.
  void describe_arena(std::span<const BufferLife> lives) {
    std::vector<size_t> steps;  // before each node
    size_t count = 0;
    for (const Choice& choice : choices_) {
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

  StepInfo describe(size_t index, const Kernel& kernel) const {
    const Node& node = graph_.nodes[index];
    const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                    [](ValueId id) { return id != kAbsent; });
    const TensorType& output = types_[static_cast<size_t>(*first)];
    StepInfo info{.node = origins_[index],
                  .source = node.source,
                  .op = op_name(node),
                  .impl = choices_[index].impl,
                  .output = output,
                  .flops = 0,
                  .weight_bytes = 0,
                  .input_bytes = 0,
                  .output_bytes = 0,
                  .scratch_bytes = kernel.scratch_bytes(),
                  .sections = {}};
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (const ValueId id = node.inputs[i]; id != kAbsent)
        (graph_.is_constant(id) ? info.weight_bytes : info.input_bytes) += operand_bytes(node, i);
    for (ValueId id : node.outputs)
      if (id != kAbsent) info.output_bytes += type_bytes(types_[static_cast<size_t>(id)]);
    info.flops = op_info(node.kind).flops(node, operands_of(node, types_), output);
    for (const Section& section : kernel.sections())
      info.sections.push_back(describe(node, section));
    if (info.sections.empty()) {
      const bool product = op_info(node.kind).has(Product), layout = op_info(node.kind).has(Moves);
      const size_t bytes = info.weight_bytes + info.input_bytes;
      info.sections.push_back({node.source, "", info.flops, bytes, product, layout});
    }
    info.sections.back().bytes += info.output_bytes;
    return info;
  }

  SectionInfo describe(const Node& node, const Section& section) const {
    constexpr std::string_view kWeight = ".weight";
    SectionInfo info{"", section.name, section.flops, 0, section.product, false};
    for (size_t operand : section.operands) {
      const ValueId id = node.inputs[operand];
      info.bytes += operand_bytes(node, operand);
      const std::string& name = graph_.value(id).name;
      if (info.source.empty() && graph_.is_constant(id) && name.ends_with(kWeight))
        info.source = name.substr(0, name.size() - kWeight.size());
    }
    if (info.source.empty()) info.source = node.source + "." + section.name;
    return info;
  }

  size_t type_bytes(const TensorType& type) const { return stored_bytes(type, precision_); }

  /// Matrices are stored as activations are, unless the plan holds them in less.
  size_t operand_bytes(const Node& node, size_t operand) const {
    const ValueId id = node.inputs[operand];
    const auto& constant = graph_.value(id).constant;
    const size_t stored = type_bytes(types_[static_cast<size_t>(id)]);
    if (!constant) return stored;
    const size_t given = constant->bytes.size();
    return is_matrix_operand(node.kind, operand) ? std::min(given, stored) : given;
  }

  Graph graph_;
  PlanCache& cache_;
  ImplTable impls_;
  const TacticTable* tactics_;
  const char* backend_;
  Precision precision_;
  int device_;
  std::unique_ptr<Program> program_;
  std::vector<TensorType> types_;
  std::vector<Contents> contents_;
  std::vector<Choice> choices_;  ///< by node
  std::vector<size_t> origins_;  ///< node of the graph given, by node
  std::vector<std::string> refusals_;
  std::vector<ValueId> roots_;
  std::vector<int> last_use_, producer_, bound_output_, buffer_;  ///< by value
  std::vector<Buffer> buffers_;
  std::vector<size_t> offsets_, copied_outputs_;
};

}  // namespace

std::unique_ptr<Program> compile_program(const CompileRequest& request, ImplTable impls,
                                         const char* backend, Outputs outputs) {
  return ProgramBuilder(request, impls, backend).build(outputs);
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
