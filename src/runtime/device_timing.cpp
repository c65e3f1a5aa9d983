#include "runtime/device_timing.h"

#include <algorithm>
#include <chrono>

#include "runtime/engine.h"
#include "runtime/internals.h"

namespace vitro {
namespace {

constexpr double kSecondsOfEach = 0.15;
constexpr size_t kLeastSamples = 5;

/// Calls sample() until enough time has passed, and often enough.
template <typename Sample>
void repeat(const Sample& sample) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(kSecondsOfEach);
  for (size_t count = 0; count < kLeastSamples || Clock::now() < end; ++count) sample();
}

DeviceTiming measure_timer(DeviceTimer& timer, const TensorView& input, const TensorView& output) {
  DeviceTiming timing;
  std::vector<double> enqueue, upload, compute, download, replays, cold;
  repeat([&] {
    const DeviceTimes times = timer.run({&input, 1}, {&output, 1});
    enqueue.push_back(times.enqueue);
    upload.push_back(times.upload);
    compute.push_back(times.compute);
    download.push_back(times.download);
  });
  timing.enqueue = summarize(enqueue);
  timing.upload = summarize(upload);
  timing.compute = summarize(compute);
  timing.download = summarize(download);
  timer.cold();  // makes what it flushes with
  repeat([&] { cold.push_back(timer.cold()); });
  timing.cold = median(cold);
  const double seconds = 1e-3 * std::max(timer.back_to_back(3), 1e-3);
  const int count = std::clamp(static_cast<int>(kSecondsOfEach / 5 / seconds), 3, 10000);
  repeat([&] { replays.push_back(timer.back_to_back(count)); });
  timing.back_to_back = median(replays);
  return timing;
}

}  // namespace

std::optional<DeviceTiming> time_on_device(const Session& session, const TensorView& input,
                                           const TensorView& output) {
  Engine& engine = Internals::engine(session);
  std::optional<DeviceTiming> timing;
  engine.with_context({&input, 1}, [&](Context& context) {
    context.run({&input, 1}, {&output, 1}, nullptr);
    if (const auto timer = context.timer()) timing = measure_timer(*timer, input, output);
  });
  if (timing) timing->state = engine.backend().device_state(engine.device());
  return timing;
}

}  // namespace vitro
