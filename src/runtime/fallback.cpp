#include "runtime/fallback.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "backends/memory_plan.h"
#include "core/aligned_memory.h"
#include "core/check.h"
#include "runtime/parts.h"

namespace vitro {
namespace {

size_t aligned(size_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

/// Compiles the pieces and joins what they say of themselves.
class Joiner {
 public:
  Joiner(const CompileRequest& request, const Backend& first, const Backend& fallback,
         Partition partition)
      : request_(request), partition_(std::move(partition)) {
    program_.first = &first;
    program_.fallback = &fallback;
    program_.inputs.assign(request.inputs.begin(), request.inputs.end());
    program_.outputs.resize(request.graph.outputs.size());
    program_.use = {first.name(), fallback.name(), {}, partition_.refused, 0, 0, {}};
    place_borders();
  }

  PartsProgram run() {
    for (const Piece& piece : partition_.pieces) add(piece);
    join_memory();
    return std::move(program_);
  }

 private:
  /// Those of each memory share an arena, by the pieces that they live through.
  void place_borders() {
    program_.borders.resize(partition_.borders.size());
    for (bool on_first : {false, true}) {
      std::vector<BufferLife> lives;
      for (const Border& border : partition_.borders)
        lives.push_back({border.on_first == on_first ? dense_bytes(border.type) : 0,
                         static_cast<int>(border.maker), static_cast<int>(border.last_reader)});
      const MemoryPlan plan = plan_memory(lives);
      program_.border_bytes[on_first] = plan.arena_bytes;
      for (size_t i = 0; i < lives.size(); ++i)
        if (partition_.borders[i].on_first == on_first)
          program_.borders[i] = {on_first, plan.offsets[i]};
    }
  }

  void add(const Piece& piece) {
    Part part{piece.fallback, piece.inputs, piece.outputs, compile(piece), {}, {}, num_steps()};
    ++program_.use.pieces;
    program_.use.fallback_pieces += piece.fallback;
    program_.threads = std::max(program_.threads, part.executable->threads());
    for (size_t i = 0; i < part.outputs.size(); ++i)
      if (!part.outputs[i].border)
        program_.outputs[part.outputs[i].index] = part.executable->outputs()[i];
    part.copies_in = add_copies(piece, piece.inputs, false);
    for (StepInfo step : part.executable->steps()) {
      if (step.node != kNoNode) step.node = piece.origins[step.node];
      program_.steps.push_back(std::move(step));
    }
    part.copies_out = add_copies(piece, piece.outputs, true);
    for (Dispatch dispatch : part.executable->dispatch()) {
      if (piece.fallback) add_refusal(dispatch);
      program_.dispatch.push_back(std::move(dispatch));
    }
    program_.parts.push_back(std::move(part));
  }

  size_t num_steps() const { return program_.steps.size(); }

  std::unique_ptr<Executable> compile(const Piece& piece) const {
    if (piece.fallback)
      return program_.fallback->compile({piece.graph, piece.input_types, request_.cache,
                                         request_.threads, nullptr,
                                         program_.fallback->precision(Precision::Default)});
    CompileRequest request{piece.graph,      piece.input_types,  request_.cache, request_.threads,
                           request_.tactics, request_.precision, request_.device};
    return program_.first->compile(request);
  }

  /// Who was asked first of all.
  void add_refusal(Dispatch& dispatch) const {
    const auto refused = std::find_if(
        partition_.refused.begin(), partition_.refused.end(),
        [&](const RefusedOp& op) { return op.op == dispatch.op && op.source == dispatch.source; });
    if (refused != partition_.refused.end())
      dispatch.refused.insert(dispatch.refused.begin(), {program_.first->name(), refused->reason});
  }

  /// The step in which a piece of the first backend gets or gives the values at its borders;
  /// whether there is one.
  bool add_copies(const Piece& piece, std::span<const Piece::Port> ports, bool to_fallback) {
    if (piece.fallback) return false;
    StepInfo step{};
    size_t count = 0;
    for (const Piece::Port& port : ports) {
      if (!port.border || partition_.borders[port.index].on_first) continue;
      const Border& border = partition_.borders[port.index];
      if (count++ == 0) {
        step.source = border.source;
        step.output = border.type;
      }
      step.output_bytes += dense_bytes(border.type);
      program_.use.copies.push_back(
          {border.source, border.type, dense_bytes(border.type), to_fallback});
    }
    if (count == 0) return false;
    const Backend& target = to_fallback ? *program_.fallback : *program_.first;
    std::string name = fmt::format("copy to {}: {}", target.name(), step.source);
    if (count > 1) name += fmt::format(" and {} more", count - 1);
    step.node = kNoNode;
    step.op = "copy";
    step.impl = to_fallback ? "copy:to_host" : "copy:from_host";
    step.sections.push_back({name, step.op, "", 0, step.output_bytes, false, true});
    program_.steps.push_back(std::move(step));
    return true;
  }

  /// The arenas of both lanes, in which one piece follows the other, then the borders.
  void join_memory() {
    size_t arena[2] = {0, 0};
    MemoryUse& memory = program_.memory;
    for (const Part& part : program_.parts) {
      const MemoryUse& own = part.executable->memory();
      memory.activations += own.activations;
      memory.scratch += own.scratch;
      arena[part.fallback] = std::max(arena[part.fallback], aligned(own.arena));
    }
    memory.arena = arena[0] + arena[1] + program_.border_bytes[0] + program_.border_bytes[1];
    for (const Part& part : program_.parts)
      for (ArenaBuffer buffer : part.executable->arena_buffers()) {
        if (part.fallback) buffer.offset += arena[0];
        buffer.first_step += part.own_step();
        buffer.last_step += part.own_step();
        program_.buffers.push_back(std::move(buffer));
      }
    for (size_t i = 0; i < partition_.borders.size(); ++i) {
      const Border& border = partition_.borders[i];
      const size_t bytes = dense_bytes(border.type);
      memory.activations += aligned(bytes);
      const auto [on_first, offset] = program_.borders[i];
      const size_t begin = arena[0] + arena[1] + (on_first ? program_.border_bytes[0] : 0);
      program_.buffers.push_back({begin + offset, bytes, program_.parts[border.maker].first_step,
                                  program_.parts[border.last_reader].end() - 1, border.source,
                                  false});
    }
  }

  const CompileRequest& request_;
  const Partition partition_;
  PartsProgram program_;
};

/// "softmax 'a', 'b' and 7 more; top_k 'c'".
std::string refused_text(std::span<const RefusedOp> refused) {
  constexpr size_t kMostNamed = 3;
  std::map<std::string, std::vector<std::string>> sources;
  for (const RefusedOp& op : refused) {
    auto& list = sources[op.op];
    const std::string source = fmt::format("'{}'", op.source);
    if (list.empty() || list.back() != source) list.push_back(source);  // parts of a body share it
  }
  std::vector<std::string> texts;
  for (auto& [op, list] : sources) {
    const size_t named = std::min(list.size(), kMostNamed);
    texts.push_back(fmt::format(
        "{} {}", op, fmt::join(list.begin(), list.begin() + static_cast<long>(named), ", ")));
    if (named < list.size()) texts.back() += fmt::format(" and {} more", list.size() - named);
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string copies_text(const FallbackUse& use) {
  return fmt::format("{} value{} copied between them in each run, {} bytes", use.copies.size(),
                     use.copies.size() == 1 ? "" : "s", fmt::group_digits(use.copied_bytes()));
}

}  // namespace

size_t FallbackUse::copied_bytes() const {
  size_t bytes = 0;
  for (const BorderCopy& copy : copies) bytes += copy.bytes;
  return bytes;
}

std::string fallback_warning(const FallbackUse& use) {
  if (!use.unavailable.empty())
    return fmt::format("backend '{}' is not available: {}; all runs on {}", use.asked,
                       use.unavailable, use.backend);
  return fmt::format("backend '{}' refuses {} op{}, which run{} on {}: {}; {}", use.asked,
                     use.refused.size(), use.refused.size() == 1 ? "" : "s",
                     use.refused.size() == 1 ? "s" : "", use.backend, refused_text(use.refused),
                     copies_text(use));
}

std::string fallback_summary(const FallbackUse& use) {
  if (!use.unavailable.empty()) return fallback_warning(use);
  return fmt::format("{} pieces, {} on {} and {} on {}; {}", use.pieces,
                     use.pieces - use.fallback_pieces, use.asked, use.fallback_pieces, use.backend,
                     copies_text(use));
}

std::string fallback_text(const FallbackUse& use) {
  std::string text = fallback_summary(use) + '\n';
  for (const BorderCopy& copy : use.copies)
    text += fmt::format("  copy to {}, {} bytes: result of '{}', {} {}\n",
                        copy.to_fallback ? use.backend : use.asked, fmt::group_digits(copy.bytes),
                        copy.source, dtype_name(copy.type.dtype), to_string(copy.type.dims));
  return text;
}

std::unique_ptr<Lane> make_lane_with_fallback(const Backend& first, const Backend& fallback,
                                              const LaneOptions& options) {
  return std::make_unique<TwoLanes>(first, fallback, options);
}

std::unique_ptr<Executable> compile_with_fallback(const CompileRequest& request,
                                                  const Backend& first, const Backend& fallback) {
  Partition partition = make_partition(request, first);
  if (partition.pieces.empty()) return make_whole_executable(first.compile(request));
  return make_parts_executable(Joiner(request, first, fallback, std::move(partition)).run());
}

}  // namespace vitro
