#include "backends/host_program.h"

#include <algorithm>
#include <cstring>

#include "backends/host_lane.h"
#include "core/check.h"

namespace vitro {
namespace {

/// The pointers of one run are kept here, so that it allocates nothing.
class HostContext final : public Context {
 public:
  HostContext(const Program& program, HostLane& lane) : program_(program), lane_(lane) {
    check(lane.team().size() == program.threads, ErrorCode::Internal,
          "a lane of {} threads for a program of {}", lane.team().size(), program.threads);
    size_t operands = 0, results = 0;
    for (const Step& step : program.sequence) {
      operands = std::max(operands, step.inputs.size());
      results = std::max(results, step.outputs.size());
    }
    operands_.resize(operands);
    results_.resize(results);
    lane.workspace(program.memory.arena);
  }

  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
           RunObserver* observer) override {
    std::byte* arena = lane_.workspace(program_.memory.arena);
    const auto written = [&](const Place& place) -> std::byte* {
      if (place.kind == Place::Kind::Arena) return arena + place.index;
      return place.kind == Place::Kind::Output ? address(outputs[place.index]) : nullptr;
    };
    const auto read = [&](const Place& place) -> const std::byte* {
      if (place.kind == Place::Kind::Input) return address(inputs[place.index]);
      return place.kind == Place::Kind::Constant ? place.data : written(place);
    };
    lane_.team().record(observer ? observer->timeline() : nullptr);
    for (size_t s = 0; s < program_.sequence.size(); ++s) {
      const Step& step = program_.sequence[s];
      std::transform(step.inputs.begin(), step.inputs.end(), operands_.begin(), read);
      std::transform(step.outputs.begin(), step.outputs.end(), results_.begin(), written);
      const std::span results(results_.data(), step.outputs.size());
      if (observer) observer->before_step(s);
      step.kernel->run(
          {{operands_.data(), step.inputs.size()}, results, arena + step.scratch, lane_});
      if (observer) observer->after_step(s, results);
    }
    lane_.team().record(nullptr);
    for (const OutputCopy& copy : program_.copies)
      std::memcpy(address(outputs[copy.output]), read(copy.from), copy.bytes);
  }

 private:
  static std::byte* address(const TensorView& view) { return static_cast<std::byte*>(view.data); }

  const Program& program_;
  HostLane& lane_;
  std::vector<const std::byte*> operands_;
  std::vector<std::byte*> results_;
};

class HostExecutable final : public Executable {
 public:
  explicit HostExecutable(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
  std::span<const TensorType> inputs() const override { return program_->input_types; }
  std::span<const TensorType> outputs() const override { return program_->output_types; }
  const MemoryUse& memory() const override { return program_->memory; }
  int threads() const override { return program_->threads; }
  std::span<const Dispatch> dispatch() const override { return program_->dispatches; }
  std::span<const StepInfo> steps() const override { return program_->infos; }
  std::span<const ArenaBuffer> arena_buffers() const override { return program_->buffers; }
  std::unique_ptr<Context> on(Lane& lane) const override {
    return std::make_unique<HostContext>(*program_, static_cast<HostLane&>(lane));
  }

 private:
  std::unique_ptr<const Program> program_;
};

}  // namespace

std::unique_ptr<Executable> make_host_executable(std::unique_ptr<const Program> program) {
  return std::make_unique<HostExecutable>(std::move(program));
}

}  // namespace vitro
