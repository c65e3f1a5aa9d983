#include "runtime/parts.h"

#include "core/check.h"

namespace vitro {
namespace {

/// Shows the steps of a piece as those of the whole, between its copies.
class PartObserver final : public RunObserver {
 public:
  PartObserver(RunObserver& whole, const Part& part) : whole_(whole), part_(part) {
    if (part.copies_in) whole_.before_step(part.copy_in_step());
    copying_in_ = part.copies_in;
    if (part.num_steps() == 0) begin_copy_out();
  }
  void before_step(size_t step) override {
    end_copy_in();
    whole_.before_step(part_.own_step() + step);
  }
  void after_step(size_t step, std::span<const std::byte* const> outputs) override {
    whole_.after_step(part_.own_step() + step, outputs);
    if (step + 1 == part_.num_steps()) begin_copy_out();
  }
  bool wants_outputs() const override { return whole_.wants_outputs(); }
  Timeline* timeline() override { return whole_.timeline(); }
  /// The piece has run.
  void end() {
    if (part_.copies_out) whole_.after_step(part_.copy_out_step(), {});
  }

 private:
  void end_copy_in() {
    if (copying_in_) whole_.after_step(part_.copy_in_step(), {});
    copying_in_ = false;
  }
  void begin_copy_out() {
    end_copy_in();
    if (part_.copies_out) whole_.before_step(part_.copy_out_step());
  }

  RunObserver& whole_;
  const Part& part_;
  bool copying_in_ = false;
};

class PartsContext final : public Context {
 public:
  PartsContext(const PartsProgram& program, TwoLanes& lane) : program_(program), lane_(lane) {
    for (const Part& part : program.parts) {
      contexts_.push_back(part.executable->on(part.fallback ? lane.fallback() : lane.first()));
      inputs_.push_back(views_of(part.executable->inputs()));
      outputs_.push_back(views_of(part.executable->outputs()));
    }
    for (bool on_first : {false, true}) lane.borders(on_first, program.border_bytes[on_first]);
  }

  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
           RunObserver* observer) override {
    for (size_t i = 0; i < program_.parts.size(); ++i) {
      const Part& part = program_.parts[i];
      for (size_t k = 0; k < inputs_[i].size(); ++k)
        place(inputs_[i][k], part, part.inputs[k], inputs);
      for (size_t k = 0; k < outputs_[i].size(); ++k)
        place(outputs_[i][k], part, part.outputs[k], outputs);
      if (observer) {
        PartObserver watch(*observer, part);
        contexts_[i]->run(inputs_[i], outputs_[i], &watch);
        watch.end();
      } else {
        contexts_[i]->run(inputs_[i], outputs_[i], nullptr);
      }
    }
  }

 private:
  static std::vector<TensorView> views_of(std::span<const TensorType> types) {
    std::vector<TensorView> views;
    for (const TensorType& type : types) views.push_back({nullptr, type.dtype, type.dims, {}});
    return views;
  }

  /// Points a view of a piece to a border, or to what the caller gave.
  void place(TensorView& view, const Part& part, const Piece::Port& port,
             std::span<const TensorView> given) {
    if (port.border) {
      const auto [on_first, offset] = program_.borders[port.index];
      const LaneMemory& memory = lane_.borders(on_first, program_.border_bytes[on_first]);
      view.data = memory.data.get() + offset;
      view.device = memory.device;
      return;
    }
    const TensorView& caller = given[port.index];
    if (part.fallback && !program_.fallback->reaches(caller.device, 0))
      fail_hint(ErrorCode::InvalidArgument, "give memory of the host",
                "memory of {}, which the {} backend cannot reach that runs a part of the model",
                to_string(caller.device), program_.fallback->name());
    view.data = caller.data;
    view.device = caller.device;
  }

  const PartsProgram& program_;
  TwoLanes& lane_;
  std::vector<std::unique_ptr<Context>> contexts_;
  std::vector<std::vector<TensorView>> inputs_, outputs_;  // by part
};

class PartsExecutable final : public Executable {
 public:
  explicit PartsExecutable(PartsProgram program) : program_(std::move(program)) {}
  std::span<const TensorType> inputs() const override { return program_.inputs; }
  std::span<const TensorType> outputs() const override { return program_.outputs; }
  const MemoryUse& memory() const override { return program_.memory; }
  int threads() const override { return program_.threads; }
  std::unique_ptr<Context> on(Lane& lane) const override {
    return std::make_unique<PartsContext>(program_, static_cast<TwoLanes&>(lane));
  }
  std::span<const StepInfo> steps() const override { return program_.steps; }
  std::span<const ArenaBuffer> arena_buffers() const override { return program_.buffers; }
  std::span<const Dispatch> dispatch() const override { return program_.dispatch; }
  const FallbackUse& use() const { return program_.use; }

 private:
  const PartsProgram program_;
};

/// What the first backend takes whole runs as if there were no other.
class WholeExecutable final : public Executable {
 public:
  explicit WholeExecutable(std::unique_ptr<Executable> whole) : whole_(std::move(whole)) {}
  std::span<const TensorType> inputs() const override { return whole_->inputs(); }
  std::span<const TensorType> outputs() const override { return whole_->outputs(); }
  const MemoryUse& memory() const override { return whole_->memory(); }
  int threads() const override { return whole_->threads(); }
  std::unique_ptr<Context> on(Lane& lane) const override {
    return whole_->on(static_cast<TwoLanes&>(lane).first());
  }
  std::span<const StepInfo> steps() const override { return whole_->steps(); }
  std::span<const ArenaBuffer> arena_buffers() const override { return whole_->arena_buffers(); }
  std::span<const Dispatch> dispatch() const override { return whole_->dispatch(); }

 private:
  const std::unique_ptr<Executable> whole_;
};

}  // namespace

std::unique_ptr<Executable> make_parts_executable(PartsProgram program) {
  return std::make_unique<PartsExecutable>(std::move(program));
}

std::unique_ptr<Executable> make_whole_executable(std::unique_ptr<Executable> whole) {
  return std::make_unique<WholeExecutable>(std::move(whole));
}

const FallbackUse* fallback_use(const Executable& executable) {
  const auto* parts = dynamic_cast<const PartsExecutable*>(&executable);
  return parts ? &parts->use() : nullptr;
}

}  // namespace vitro
