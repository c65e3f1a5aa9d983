#include "runtime/engine.h"

#include <algorithm>

#include "core/check.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "runtime/explain.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/memory.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

// A stream of ever new shapes must not fill the memory with compiled programs.
constexpr size_t kMaxShapes = 32;
constexpr const char* kFallback = "cpu";

int resolve_threads(int threads) {
  check(threads >= 0 && threads <= kMaxThreads, ErrorCode::InvalidArgument,
        "session: {} threads, expected 1 to {} (or 0: one for each core)", threads, kMaxThreads);
  return threads == 0 ? available_cores() : threads;
}

int resolve_streams(int streams, int threads) {
  check(streams >= 0 && streams <= kMaxThreads, ErrorCode::InvalidArgument,
        "session: {} streams, expected 1 to {} (or 0: as many as fit on the cores)", streams,
        kMaxThreads);
  return streams == 0 ? std::max(1, available_cores() / threads) : streams;
}

LanePool make_lanes(const Backend& backend, const Backend* fallback,
                    const SessionOptions& options) {
  const int threads = resolve_threads(options.threads);
  check(options.device >= 0 && options.device < backend.num_devices(), ErrorCode::InvalidArgument,
        "session: device {}, but backend '{}' has {}, numbered from 0", options.device,
        backend.name(), backend.num_devices());
  return {backend,
          resolve_streams(options.streams, threads),
          {threads, current_cores(), options.device},
          fallback};
}

const TacticTable* find_tactics(const Tactics& tactics, const Backend& backend, int threads) {
  if (tactics.empty()) return nullptr;  // the name of the machine takes reading a file
  const auto found = tactics.find(tactic_setting(backend, threads));
  return found == tactics.end() ? nullptr : &found->second;
}

void check_memory(const Backend& backend, int device, const IoInfo& info, const TensorView& view) {
  check(view.data != nullptr || num_elements(view.dims) == 0, ErrorCode::InvalidArgument,
        "'{}': its data is NULL", info.name);
  const size_t size = dtype_size(view.dtype);
  check(reinterpret_cast<uintptr_t>(view.data) % size == 0, ErrorCode::InvalidArgument,
        "'{}': its data is not aligned to its elements of {} bytes", info.name, size);
  if (!backend.reaches(view.device, device))
    fail(ErrorCode::InvalidArgument,
         "'{}': memory of {}, which the {} backend cannot reach from device {}", info.name,
         to_string(view.device), backend.name(), device);
}

std::string dims_text(std::span<const TensorType> inputs) {
  std::string text;
  for (const TensorType& input : inputs) text += (text.empty() ? "" : ", ") + to_string(input.dims);
  return text;
}

}  // namespace

Engine::Choice Engine::choose(const SessionOptions& options, std::span<const BackendRow> rows) {
  if (options.fallback.empty()) return {find_backend(options.backend, rows), nullptr, {}, options};
  check(options.fallback == kFallback, ErrorCode::InvalidArgument,
        "session: fallback '{}', expected '{}' or none", options.fallback, kFallback);
  const Backend& fallback = find_backend(kFallback, rows);
  const auto asked = std::ranges::find(rows, options.backend, &BackendRow::name);
  if (asked != rows.end())
    if (const auto refusal = why_unavailable(*asked)) {
      SessionOptions instead = options;  // what only the other one has does not matter here
      instead.precision = Precision::Default;
      instead.device = 0;
      const FallbackUse all{asked->name, fallback.name(), refusal->reason};
      return {fallback, nullptr, all, instead};
    }
  const Backend& backend = find_backend(options.backend, rows);
  return {backend, &backend == &fallback ? nullptr : &fallback, {}, options};
}

Engine::Engine(const Plan& plan, const SessionOptions& options, std::span<const BackendRow> rows)
    : Engine(plan, choose(options, rows)) {}

Engine::Engine(const Plan& plan, const Choice& choice)
    : plan_(plan),
      backend_(choice.backend),
      fallback_(choice.fallback),
      all_on_fallback_(choice.all_on_fallback),
      precision_(backend_.precision(choice.options.precision)),
      max_memory_(choice.options.max_memory),
      inputs_(input_infos(Internals::data(plan).graph)),
      outputs_(output_infos(Internals::data(plan).graph)),
      lanes_(make_lanes(backend_, fallback_, choice.options)),
      tactics_(find_tactics(Internals::data(plan_).tactics, backend_, threads())),
      programs_(
          kMaxShapes, [this](std::span<const TensorType> types) { return compile(types); },
          [this] { lanes_.drop_evicted(); }) {
  if (all_on_fallback_) log_warning("{}", fallback_warning(*all_on_fallback_));
}

std::unique_ptr<Executable> Engine::compile_for(const CompileRequest& request) const {
  if (fallback_) return compile_with_fallback(request, backend_, *fallback_);
  try {
    return backend_.compile(request);
  } catch (const Error& error) {
    const bool helps = error.code() == ErrorCode::Unsupported && error.hint().empty() &&
                       backend_.name() != std::string_view(kFallback);
    if (!helps) throw;
    throw Error(error.code(), error.what(), "--fallback cpu runs on the host what it refuses");
  }
}

std::unique_ptr<const Executable> Engine::compile(std::span<const TensorType> inputs) const {
  const PlanData& data = Internals::data(plan_);
  const CompileRequest request{
      data.graph, inputs, *data.cache, threads(), tactics_, precision_, lanes_.options().device};
  std::unique_ptr<const Executable> executable = compile_for(request);
  check_memory_limit(data, executable->memory(), streams(), max_memory_,
                     fmt::format("session: input {} on {}", dims_text(inputs), backend_.name()));
  warn_once(*executable);
  if (log_enabled(LogTopic::Dispatch))
    log_message(LogTopic::Dispatch,
                fmt::format("input {} on {}, threads: {}\n{}", dims_text(inputs), backend_.name(),
                            threads(), explain(*executable)));
  return executable;
}

void Engine::warn_once(const Executable& executable) const {
  const FallbackUse* use = vitro::fallback_use(executable);
  if (use && !warned_.exchange(true)) log_warning("{}", fallback_warning(*use));
}

std::optional<FallbackUse> Engine::fallback_use(const Executable& executable) const {
  const FallbackUse* use = vitro::fallback_use(executable);
  return use ? *use : all_on_fallback_;
}

std::shared_ptr<const CompiledProgram> Engine::compiled(std::span<const TensorView> inputs) {
  check_inputs(inputs_, inputs);
  return programs_.get(inputs);
}

void Engine::run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                 const RunOptions& options, RunObserver* observer) {
  const auto program = compiled(inputs);
  check_outputs(outputs_, program->executable->outputs(), outputs);
  for (size_t i = 0; i < inputs.size(); ++i)
    check_memory(backend_, device(), inputs_[i], inputs[i]);
  for (size_t i = 0; i < outputs.size(); ++i)
    check_memory(backend_, device(), outputs_[i], outputs[i]);
  LanePool::Lease lease(lanes_, options.deadline, options.stream);
  lease.slot().work_for(options.stream);
  Context& context = lease.slot().context(program);
  if (options.stream)
    context.enqueue(inputs, outputs, options.stream);
  else
    context.run(inputs, outputs, observer);
}

Tensor Engine::run(const Tensor& input, RunObserver* observer) {
  const auto executable = program({&input.view(), 1});
  check(outputs_.size() == 1, ErrorCode::InvalidArgument,
        "the model has {} outputs, run() of one tensor returns one", outputs_.size());
  Tensor output(executable->outputs()[0].dtype, executable->outputs()[0].dims);
  output.name = outputs_[0].name;
  run({&input.view(), 1}, {&output.view(), 1}, {}, observer);
  return output;
}

std::shared_ptr<const Executable> Engine::program(std::span<const TensorView> inputs) {
  const auto program = compiled(inputs);
  return {program, program->executable.get()};
}

std::shared_ptr<const Executable> Engine::program(const Dims& dims) {
  const TensorView view{nullptr, inputs_[0].dtype, dims, {}};
  return program({&view, 1});
}

void Engine::with_context(std::span<const TensorView> inputs,
                          const std::function<void(Context&)>& use) {
  const auto program = compiled(inputs);
  use(LanePool::Lease(lanes_).slot().context(program));
}

void Engine::prepare(std::span<const TensorView> inputs) {
  const auto program = compiled(inputs);
  LanePool::Lease(lanes_).slot().context(program);
}

std::string Engine::explain(const Executable& executable) const {
  const Tactics& all = Internals::data(plan_).tactics;
  std::string text = dispatch_text(executable.dispatch());
  if (const auto use = fallback_use(executable)) text += fallback_text(*use);
  return all.empty()
             ? text
             : text + tactics_text(all, tactic_setting(backend_, threads()), executable.dispatch());
}

}  // namespace vitro
