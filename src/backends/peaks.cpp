#include "backends/peaks.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "core/thread_team.h"

namespace vitro {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTime{150};  // for each peak
constexpr int64_t kProbeIterations = 50'000;     // about a millisecond
constexpr size_t kMaxBufferBytes = 256'000'000;
constexpr int64_t kChunkFloats = 16384;

/// Seconds of the fastest of the calls that fit into kTime, after one that warms up.
template <typename Function>
double best_seconds(const Function& function) {
  function();
  double best = 1e30;
  const auto deadline = Clock::now() + kTime;
  do {
    const auto start = Clock::now();
    function();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < deadline);
  return best;
}

double measure_flops(ThreadTeam& team, const PeakLoops::Flops& loop) {
  auto sinks = std::make_unique<float[]>(static_cast<size_t>(team.size()));
  const double seconds = best_seconds([&] {
    team.parallel_for(team.size(), [&](int64_t i, int) {
      sinks[static_cast<size_t>(i)] = loop.run(kProbeIterations);
    });
  });
  return 2 * loop.multiply_adds * static_cast<double>(kProbeIterations * team.size()) / seconds;
}

}  // namespace

Peaks measure_peaks(const PeakLoops& loops, const PeakRequest& request) {
  const int threads = request.threads;
  ThreadTeam team(threads);
  Peaks peaks{.threads = threads};
  peaks.flops_per_s = measure_flops(team, loops.flops);
  const auto of_products = [&](const PeakLoops::Flops& loop) {
    return loop.run == loops.flops.run ? peaks.flops_per_s : measure_flops(team, loop);
  };
  peaks.product_flops_per_s = of_products(loops.product_flops);
  peaks.quantized_flops_per_s = of_products(loops.quantized_flops);

  const size_t bytes = std::min(kMaxBufferBytes, request.max_buffer_bytes);
  const auto chunks = std::max<int64_t>(
      threads, static_cast<int64_t>(bytes / (3 * sizeof(float) * size_t{kChunkFloats})));
  const int64_t count = chunks * kChunkFloats;
  // Uninitialised: the loop below, not one thread, touches the pages first.
  const std::unique_ptr<float[]> buffer(new float[static_cast<size_t>(3 * count)]);
  float *a = buffer.get(), *b = a + count, *c = b + count;
  team.parallel_for(chunks, [&](int64_t chunk, int) {
    for (float* stream : {a, b, c}) std::fill_n(stream + chunk * kChunkFloats, kChunkFloats, 1.0f);
  });
  const double stream = best_seconds([&] {
    team.parallel_for(chunks, [&](int64_t chunk, int) {
      const int64_t begin = chunk * kChunkFloats;
      loops.add(a + begin, b + begin, kChunkFloats, c + begin);
    });
  });
  peaks.buffer_bytes = 3 * sizeof(float) * static_cast<size_t>(count);
  peaks.bytes_per_s = static_cast<double>(peaks.buffer_bytes) / stream;
  return peaks;
}

}  // namespace vitro
