#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace vitro {

/// How a machine is divided among runs that take place at once.
struct StreamSetup {
  int streams = 1;
  int threads = 1;    ///< of each stream
  int64_t batch = 1;  ///< images of one run

  friend bool operator==(const StreamSetup&, const StreamSetup&) = default;
};

/// All ways to share `threads` equally among streams, each with whole batches, with a batch cut
/// into one part for each stream where that divides it, and with single images.
std::vector<StreamSetup> throughput_setups(int threads, int64_t batch);

/// The one with the highest rate (images per second). Each is tried twice, in two passes, and
/// judged by its better trial, so that one slow spell of the machine decides nothing.
StreamSetup fastest_setup(const std::vector<StreamSetup>& setups,
                          const std::function<double(const StreamSetup&)>& rate);

}  // namespace vitro
