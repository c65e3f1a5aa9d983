#include "measure/throughput.h"

#include <algorithm>

namespace vitro {

std::vector<StreamSetup> throughput_setups(int threads, int64_t batch) {
  std::vector<StreamSetup> setups;
  const auto add = [&setups](const StreamSetup& setup) {
    if (std::find(setups.begin(), setups.end(), setup) == setups.end()) setups.push_back(setup);
  };
  for (int streams = 1; streams <= threads; ++streams) {
    if (threads % streams != 0) continue;
    const int each = threads / streams;
    add({streams, each, batch});
    if (batch % streams == 0) add({streams, each, batch / streams});
    add({streams, each, 1});
  }
  return setups;
}

StreamSetup fastest_setup(const std::vector<StreamSetup>& setups,
                          const std::function<double(const StreamSetup&)>& rate) {
  constexpr int kPasses = 2;
  std::vector<double> best(setups.size());
  for (int pass = 0; pass < kPasses; ++pass)
    for (size_t i = 0; i < setups.size(); ++i) best[i] = std::max(best[i], rate(setups[i]));
  const auto winner = std::max_element(best.begin(), best.end());
  return setups[static_cast<size_t>(winner - best.begin())];
}

}  // namespace vitro
