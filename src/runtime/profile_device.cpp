#include "runtime/profile_device.h"

#include <algorithm>
#include <cmath>

#include "runtime/internals.h"
#include "runtime/profile_collector.h"

namespace vitro {
namespace {

// Of the computations that a round times at once, so that starting them counts for nothing.
constexpr double kMillisecondsAtOnce = 2;
constexpr int kMostAtOnce = 50;

int64_t nanoseconds(double ms) { return std::llround(std::max(ms, 0.0) * 1e6); }

/// A run as one thread, the device, would have recorded it. `ms`: of nothing, then of each step.
RunTrace trace_of(std::span<const double> ms, std::span<const StepInfo> steps) {
  RunTrace trace;
  trace.marks.emplace_back();
  int64_t now = nanoseconds(ms[0]);
  for (size_t s = 0; s < steps.size(); ++s) {
    const int64_t begin = now, end = begin + nanoseconds(ms[s + 1]);
    double flops = 0, done = 0;
    for (const SectionInfo& section : steps[s].sections) flops += section.flops;
    for (size_t i = 0; i < steps[s].sections.size(); ++i) {
      const double share = flops > 0 ? done / flops : i > 0 ? 1.0 : 0.0;
      trace.marks[0].push_back({begin + std::llround(static_cast<double>(end - begin) * share),
                                static_cast<int32_t>(s), static_cast<int32_t>(i)});
      done += steps[s].sections[i].flops;
    }
    trace.marks[0].push_back({end, static_cast<int32_t>(s), Timeline::kIdle});
    trace.steps.push_back({begin, end});
    now = end;
  }
  trace.end_ns = now;
  return trace;
}

}  // namespace

std::optional<Profile> profile_on_device(const Session& session,
                                         const std::vector<TensorView>& inputs,
                                         const ProfileOptions& options) {
  Engine& engine = Internals::engine(session);
  const auto program = engine.program(inputs);
  std::vector<Tensor> results;
  std::vector<TensorView> outputs;
  for (const TensorType& type : program->outputs()) results.emplace_back(type.dtype, type.dims);
  for (const Tensor& result : results) outputs.push_back(result.view());
  std::optional<Profile> profile;
  engine.with_context(inputs, [&](Context& context) {
    const auto timer = context.timer();
    if (!timer) return;
    context.run(inputs, outputs, nullptr);  // makes the graph
    const double once = timer->back_to_back(3);
    const int count =
        std::clamp(static_cast<int>(kMillisecondsAtOnce / std::max(once, 1e-3)), 1, kMostAtOnce);
    timer->steps(1);  // makes what it times
    const double round_ms = once * count * static_cast<double>(program->steps().size() + 2) / 2;
    const int64_t total = affordable_runs(options, round_ms);
    ProfileCollector collector(program);
    for (int64_t i = 0; i < total; ++i) {
      const double plain_ms = timer->back_to_back(count);
      collector.add(trace_of(timer->steps(count), program->steps()), plain_ms);
      if (options.progress) options.progress(i + 1, total);
    }
    profile = collector.profile();
    profile->on_device = true;
  });
  return profile;
}

}  // namespace vitro
