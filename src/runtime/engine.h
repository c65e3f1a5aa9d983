#pragma once

#include <atomic>
#include <functional>

#include "runtime/fallback.h"
#include "runtime/program_cache.h"
#include "vitro/session.h"

namespace vitro {

/// What a Session is inside; for tools that look into runs.
class Engine {
 public:
  Engine(const Plan& plan, const SessionOptions& options,
         std::span<const BackendRow> rows = backend_rows());

  /// Session::run() under the eyes of an observer, which may be null.
  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
           const RunOptions& options = {}, RunObserver* observer = nullptr);
  /// The same for a model of one input and one output, which it makes.
  Tensor run(const Tensor& input, RunObserver* observer);
  /// What runs for inputs of these extents; compiles it when that is new. The extents of a model of
  /// one input may be given alone.
  std::shared_ptr<const Executable> program(std::span<const TensorView> inputs);
  std::shared_ptr<const Executable> program(const Dims& dims);
  /// Lends what runs for these inputs, on a lane that nobody else has meanwhile.
  void with_context(std::span<const TensorView> inputs, const std::function<void(Context&)>& use);
  /// Compiles and allocates the memory of one run.
  void prepare(std::span<const TensorView> inputs);

  const Plan& plan() const { return plan_; }
  const Backend& backend() const { return backend_; }
  std::span<const IoInfo> inputs() const { return inputs_; }
  std::span<const IoInfo> outputs() const { return outputs_; }
  Precision precision() const { return precision_; }
  int threads() const { return lanes_.options().threads; }
  int device() const { return lanes_.options().device; }
  int streams() const { return lanes_.limit(); }
  std::string explain(const Executable& executable) const;
  /// What of a program, or all, runs on the fallback; nothing when all is as it was asked for.
  std::optional<FallbackUse> fallback_use(const Executable& executable) const;

 private:
  /// Who runs the plan.
  struct Choice {
    const Backend& backend;
    const Backend* fallback;  ///< of single ops; may be null
    std::optional<FallbackUse> all_on_fallback;
    SessionOptions options;
  };
  static Choice choose(const SessionOptions& options, std::span<const BackendRow> rows);
  Engine(const Plan& plan, const Choice& choice);

  std::unique_ptr<Executable> compile_for(const CompileRequest& request) const;
  std::unique_ptr<const Executable> compile(std::span<const TensorType> inputs) const;
  void warn_once(const Executable& executable) const;
  std::shared_ptr<const CompiledProgram> compiled(std::span<const TensorView> inputs);

  const Plan plan_;
  const Backend& backend_;
  const Backend* const fallback_;
  const std::optional<FallbackUse> all_on_fallback_;
  const Precision precision_;
  const size_t max_memory_;
  const std::vector<IoInfo> inputs_, outputs_;
  LanePool lanes_;
  const TacticTable* const tactics_;
  mutable std::atomic<bool> warned_ = false;
  ProgramCache programs_;
};

}  // namespace vitro
