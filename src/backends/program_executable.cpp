#include "backends/program_executable.h"

#include <array>
#include <cstring>

#include "core/check.h"

namespace vitro {

void Program::run(std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs,
                  std::byte* arena, ThreadTeam& team, RunObserver* observer) const {
  check(team.size() == num_threads, ErrorCode::Internal, "a team of {} for a program of {} threads",
        team.size(), num_threads);
  const auto written = [&](const Place& place) -> std::byte* {
    if (place.kind == Place::Kind::Arena) return arena + place.index;
    return place.kind == Place::Kind::Output ? outputs[place.index] : nullptr;
  };
  const auto read = [&](const Place& place) -> const std::byte* {
    if (place.kind == Place::Kind::Input) return inputs[place.index];
    return place.kind == Place::Kind::Constant ? place.data : written(place);
  };
  team.record(observer ? observer->timeline() : nullptr);
  std::array<const std::byte*, kMaxOperands> operands;
  std::array<std::byte*, kMaxOperands> results;
  for (size_t s = 0; s < sequence.size(); ++s) {
    const Step& step = sequence[s];
    for (size_t i = 0; i < step.inputs.size(); ++i) operands[i] = read(step.inputs[i]);
    for (size_t i = 0; i < step.outputs.size(); ++i) results[i] = written(step.outputs[i]);
    const std::span written_to(results.data(), step.outputs.size());
    if (observer) observer->before_step(s);
    step.kernel->run(
        {{operands.data(), step.inputs.size()}, written_to, arena + step.scratch, team});
    if (observer) observer->after_step(s, written_to);
  }
  team.record(nullptr);
  for (const OutputCopy& copy : copies)
    std::memcpy(outputs[copy.output], read(copy.from), copy.bytes);
}

}  // namespace vitro
