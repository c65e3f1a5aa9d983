#include "runtime/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "core/error_norms.h"
#include "ir/op_info.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

/// The op that makes the result of a module is the last of its ops: rank 0. This holds for a fused
/// op as well, which takes the place of the last op of its pattern.
using OpKey = std::pair<std::string, size_t>;

std::vector<OpKey> op_keys(const PlacedProgram& program) {
  std::vector<OpKey> keys(program.ops.size());
  std::map<std::string, size_t> seen;
  for (size_t i = keys.size(); i-- > 0;) {
    const std::string& source = program.ops[i].node->source;
    keys[i] = {source, seen[source]++};
    for (const Node* node : program.ops[i].earlier) ++seen[node->source];
  }
  return keys;
}

/// Pairs of ops with equal keys, ascending on both sides.
std::vector<std::pair<size_t, size_t>> pair_ops(const PlacedProgram& a, const PlacedProgram& b) {
  const std::vector<OpKey> keys_a = op_keys(a), keys_b = op_keys(b);
  std::map<OpKey, size_t> index_b;
  for (size_t i = 0; i < keys_b.size(); ++i) index_b[keys_b[i]] = i;
  std::vector<std::pair<size_t, size_t>> pairs;
  size_t next_b = 0;
  for (size_t i = 0; i < keys_a.size(); ++i) {
    const auto found = index_b.find(keys_a[i]);
    if (found == index_b.end() || found->second < next_b) continue;
    pairs.emplace_back(i, found->second);
    next_b = found->second + 1;
  }
  return pairs;
}

bool is_fused(const PlacedOp& op) { return op.node->body != nullptr; }

/// Adds a branch to its input, or ends with that: no pass scales such a value.
bool is_residual_sum(const Node* node) {
  return is(*node, BinaryFunction::Add) || op_info(node->kind).has(Residual);
}

bool same_op(const Node* a, const Node* b) {
  return a->kind == b->kind && a->attrs == b->attrs && a->inputs.size() == b->inputs.size();
}

/// What some ops run, node by node.
std::vector<const Node*> nodes_of(const PlacedProgram& program, const std::vector<size_t>& ops) {
  std::vector<const Node*> nodes;
  for (size_t i : ops) {
    const PlacedOp& op = program.ops[i];
    nodes.insert(nodes.end(), op.earlier.begin(), op.earlier.end());
    nodes.push_back(op.node);
  }
  return nodes;
}

/// Whether the kernel of `whole` runs what `op` is as well, on its way.
bool runs_too(const PlacedOp& whole, const PlacedOp& op) {
  return std::any_of(whole.earlier.begin(), whole.earlier.end(), [&](const Node* node) {
    return node->source == op.node->source && same_op(node, op.node);
  });
}

/// Builds the matches from the pairs and what lies between them.
class Matching {
 public:
  Matching(const PlacedProgram& a, const PlacedProgram& b) : a_(a), b_(b) {}

  std::vector<OpMatch> run() {
    for (const auto& [index_a, index_b] : pair_ops(a_, b_)) add_pair(index_a, index_b);
    add_unmatched(a_.ops.size(), b_.ops.size());
    judge_segments();
    return std::move(matches_);
  }

 private:
  void add_pair(size_t index_a, size_t index_b) {
    const PlacedOp &op_a = a_.ops[index_a], &op_b = b_.ops[index_b];
    OpMatch match;
    // A fused op against another kind stands for what the other side ran since the last pair.
    const bool other_kind = op_a.node->kind != op_b.node->kind;
    if (other_kind && is_fused(op_a))
      for (; next_b_ < index_b; ++next_b_) match.b.push_back(next_b_);
    if (other_kind && is_fused(op_b))
      for (; next_a_ < index_a; ++next_a_) match.a.push_back(next_a_);
    for (; next_a_ < index_a; ++next_a_) add_between(a_, next_a_, op_b, match.a);
    for (; next_b_ < index_b; ++next_b_) add_between(b_, next_b_, op_a, match.b);
    match.a.push_back(index_a);
    match.b.push_back(index_b);
    next_a_ = index_a + 1;
    next_b_ = index_b + 1;
    matches_.push_back(std::move(match));
  }

  /// An op before a pair is part of it where the kernel of the other side runs it too.
  void add_between(const PlacedProgram& program, size_t index, const PlacedOp& other,
                   std::vector<size_t>& ops) {
    if (runs_too(other, program.ops[index])) return ops.push_back(index);
    if (&program == &a_)
      matches_.push_back({{index}, {}, false, "only in A"});
    else
      matches_.push_back({{}, {index}, false, "only in B"});
  }

  void add_unmatched(size_t end_a, size_t end_b) {
    for (; next_a_ < end_a; ++next_a_) matches_.push_back({{next_a_}, {}, false, "only in A"});
    for (; next_b_ < end_b; ++next_b_) matches_.push_back({{}, {next_b_}, false, "only in B"});
  }

  const PlacedOp* result_a(const OpMatch& m) const {
    return m.a.empty() ? nullptr : &a_.ops[m.a.back()];
  }
  const PlacedOp* result_b(const OpMatch& m) const {
    return m.b.empty() ? nullptr : &b_.ops[m.b.back()];
  }

  bool ends_segment(const OpMatch& match) const {
    const auto a = nodes_of(a_, match.a), b = nodes_of(b_, match.b);
    return std::any_of(a.begin(), a.end(), is_residual_sum) &&
           std::any_of(b.begin(), b.end(), is_residual_sum);
  }

  bool is_same(const OpMatch& match) const {
    const auto a = nodes_of(a_, match.a), b = nodes_of(b_, match.b);
    return !match.a.empty() && std::equal(a.begin(), a.end(), b.begin(), b.end(), same_op);
  }

  /// A segment reaches from one residual sum to the next.
  void judge_segments() {
    for (auto begin = matches_.begin(); begin != matches_.end();) {
      auto end = std::find_if(begin, matches_.end(),
                              [&](const OpMatch& match) { return ends_segment(match); });
      if (end != matches_.end()) ++end;
      const bool same =
          std::all_of(begin, end, [&](const OpMatch& match) { return is_same(match); });
      std::for_each(begin, end, [&](OpMatch& match) { judge(match, same); });
      begin = end;
    }
    // The results of the model, which no pass may change.
    if (!matches_.empty() && result_a(matches_.back()) && result_b(matches_.back()))
      judge(matches_.back(), true);
  }

  void judge(OpMatch& match, bool same_segment) const {
    const PlacedOp *a = result_a(match), *b = result_b(match);
    if (!a || !b) return;
    match.reason.clear();
    if (a->output.dims != b->output.dims)
      match.reason = "results of different shapes";
    else if (!same_segment && !ends_segment(match))
      match.reason = "weights may be folded differently inside the block";
    match.comparable = match.reason.empty();
  }

  const PlacedProgram &a_, &b_;
  size_t next_a_ = 0, next_b_ = 0;
  std::vector<OpMatch> matches_;
};

/// A step of each side whose results are comparable.
struct StepPair {
  size_t a, b;
  std::string source;
  const char* op;
  Dims dims;
};

std::vector<StepPair> step_pairs(const PlacedProgram& a, const PlacedProgram& b) {
  std::vector<StepPair> pairs;
  for (const OpMatch& match : match_ops(a, b)) {
    if (!match.comparable) continue;
    const PlacedOp &op_a = a.ops[match.a.back()], &op_b = b.ops[match.b.back()];
    const size_t last_a = op_a.first_step + op_a.num_steps - 1;
    const size_t last_b = op_b.first_step + op_b.num_steps - 1;
    // Equal bodies have equal steps.
    if (same_op(op_a.node, op_b.node) && op_a.num_steps == op_b.num_steps)
      for (size_t i = 0; i + 1 < op_a.num_steps; ++i) {
        const StepInfo& step = a.executable->steps()[op_a.first_step + i];
        pairs.push_back(
            {op_a.first_step + i, op_b.first_step + i, step.source, step.op, step.output.dims});
      }
    pairs.push_back({last_a, last_b, op_a.node->source, op_name(*op_a.node), op_a.output.dims});
  }
  return pairs;
}

/// The first result of a step; empty where nobody reads it, or it is not float32.
std::span<const float> result_of(const StepInfo& step, std::span<const std::byte* const> outputs) {
  if (outputs[0] == nullptr || step.output.dtype != DType::Float32) return {};
  return {reinterpret_cast<const float*>(outputs[0]),
          static_cast<size_t>(num_elements(step.output.dims))};
}

void watch(NonFinite& non_finite, const StepInfo& step, std::span<const float> values) {
  const auto count = std::count_if(values.begin(), values.end(),
                                   [](float value) { return !std::isfinite(value); });
  if (count == 0) return;
  if (non_finite.steps++ > 0) return;
  non_finite.first = step.source;
  non_finite.count = count;
}

/// Keeps the results of the steps that are compared.
class Recorder final : public RunObserver {
 public:
  Recorder(const Executable& executable, const std::vector<StepPair>& pairs)
      : executable_(executable) {
    for (const StepPair& pair : pairs) results_[pair.b] = {};
  }
  void after_step(size_t step, std::span<const std::byte* const> outputs) override {
    if (executable_.steps()[step].node == kNoNode) return;
    const auto values = result_of(executable_.steps()[step], outputs);
    watch(non_finite_, executable_.steps()[step], values);
    if (const auto kept = results_.find(step); kept != results_.end())
      kept->second.assign(values.begin(), values.end());
  }
  const NonFinite& non_finite() const { return non_finite_; }
  const std::vector<float>& result(size_t step) const { return results_.at(step); }

 private:
  const Executable& executable_;
  std::map<size_t, std::vector<float>> results_;
  NonFinite non_finite_;
};

/// Compares results with recorded ones.
class Comparer final : public RunObserver {
 public:
  Comparer(const Executable& executable, const std::vector<StepPair>& pairs,
           const Recorder& reference)
      : executable_(executable), reference_(reference) {
    for (const StepPair& pair : pairs) pairs_[pair.a] = &pair;
  }
  void after_step(size_t step, std::span<const std::byte* const> outputs) override {
    if (executable_.steps()[step].node == kNoNode) return;
    const auto values = result_of(executable_.steps()[step], outputs);
    watch(non_finite_, executable_.steps()[step], values);
    const auto found = pairs_.find(step);
    if (found == pairs_.end()) return;
    const StepPair& pair = *found->second;
    ErrorNorms norms;
    norms.add(values, reference_.result(pair.b));
    layers_.push_back({pair.source, pair.op, pair.dims, norms.nmse(), norms.max_error()});
  }
  const NonFinite& non_finite() const { return non_finite_; }
  std::vector<LayerError>& layers() { return layers_; }

 private:
  const Executable& executable_;
  const Recorder& reference_;
  std::map<size_t, const StepPair*> pairs_;
  std::vector<LayerError> layers_;
  NonFinite non_finite_;
};

}  // namespace

PlacedProgram placed_program(const Session& session, const Dims& dims) {
  PlacedProgram program{session.plan(), Internals::engine(session).program(dims), {}};
  const Graph& graph = Internals::data(program.plan).graph;
  const TensorType input{session.inputs()[0].dtype, dims};
  const std::vector<TensorType> types = infer_types(graph, {&input, 1});
  const auto steps = program.executable->steps();
  for (size_t s = 0; s < steps.size(); ++s) {
    if (steps[s].node == kNoNode) continue;  // makes no result
    const Node& node = graph.nodes[steps[s].node];
    const ValueId result = node.outputs[0];  // the one that observers see
    if (result == kAbsent || types[static_cast<size_t>(result)].dtype != DType::Float32) continue;
    if (s == 0 || steps[s].node != steps[s - 1].node)
      program.ops.push_back({&node, {}, types[static_cast<size_t>(result)], s, 0, 0});
    ++program.ops.back().num_steps;
    for (size_t earlier : steps[s].earlier_nodes)
      program.ops.back().earlier.push_back(&graph.nodes[earlier]);
    program.ops.back().weight_bytes += steps[s].weight_bytes;
  }
  return program;
}

std::vector<OpMatch> match_ops(const PlacedProgram& a, const PlacedProgram& b) {
  return Matching(a, b).run();
}

LayerErrors compare_layers(const Session& a, const Session& b, const Tensor& input_a,
                           const Tensor& input_b) {
  const PlacedProgram program_a = placed_program(a, input_a.dims());
  const PlacedProgram program_b = placed_program(b, input_b.dims());
  const std::vector<StepPair> pairs = step_pairs(program_a, program_b);
  LayerErrors errors;
  Recorder recorder(*program_b.executable, pairs);
  errors.output_b = Internals::engine(b).run(input_b, &recorder);
  Comparer comparer(*program_a.executable, pairs, recorder);
  errors.output_a = Internals::engine(a).run(input_a, &comparer);
  errors.layers = std::move(comparer.layers());
  errors.a = comparer.non_finite();
  errors.b = recorder.non_finite();
  return errors;
}

}  // namespace vitro
