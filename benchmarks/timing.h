#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace vitro::bench {

/// Seconds of one call: median and best over blocks that last about a millisecond each.
struct Timing {
  double median = 0;
  double best = 0;
};

template <class F>
Timing time_calls(F&& call, double budget_seconds) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  call();  // first touch of pages and caches
  auto start = Clock::now();
  call();
  const double once = std::max(seconds(Clock::now() - start), 1e-9);
  const int calls = std::max(1, static_cast<int>(1e-3 / once));
  const int blocks = std::clamp(static_cast<int>(budget_seconds / (calls * once)), 7, 1000);
  std::vector<double> samples;
  for (int i = 0; i < blocks; ++i) {
    start = Clock::now();
    for (int j = 0; j < calls; ++j) call();
    samples.push_back(seconds(Clock::now() - start) / calls);
  }
  std::sort(samples.begin(), samples.end());
  return {samples[samples.size() / 2], samples.front()};
}

}  // namespace vitro::bench
