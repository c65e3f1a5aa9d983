#include "backends/program_executable.h"

#include <array>
#include <cstring>

#include "core/check.h"

namespace vitro {

void Program::run(std::span<const float* const> inputs, std::span<float* const> outputs,
                  std::byte* arena, ThreadTeam& team, RunObserver* observer) const {
  check(team.size() == num_threads, ErrorCode::Internal, "a team of {} for a program of {} threads",
        team.size(), num_threads);
  const auto locate = [&](const Place& place) -> const float* {
    switch (place.kind) {
      case Place::Kind::Arena:
        return reinterpret_cast<const float*>(arena + place.index);
      case Place::Kind::Input:
        return inputs[place.index];
      case Place::Kind::Output:
        return outputs[place.index];
      default:
        return place.data;
    }
  };
  team.record(observer ? observer->timeline() : nullptr);
  std::array<const float*, kMaxOperands> operands;
  for (size_t s = 0; s < sequence.size(); ++s) {
    const Step& step = sequence[s];
    for (size_t i = 0; i < step.inputs.size(); ++i) operands[i] = locate(step.inputs[i]);
    auto* output = const_cast<float*>(locate(step.output));
    if (observer) observer->before_step(s);
    step.kernel->run({{operands.data(), step.inputs.size()}, output, arena + step.scratch, team});
    if (observer) observer->after_step(s, output);
  }
  team.record(nullptr);
  for (const OutputCopy& copy : copies)
    std::memcpy(outputs[copy.output], locate(copy.from), copy.bytes);
}

}  // namespace vitro
