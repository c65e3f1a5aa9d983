#include "backends/cuda/choice.h"

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

Choice<int> choose_tile(std::string key, const std::vector<int>& ranked,
                        const TacticTable* tactics) {
  constexpr size_t kMostCandidates = 8;
  std::vector<std::pair<std::string, int>> named;
  for (size_t i = 0; i < ranked.size() && i < kMostCandidates; ++i)
    named.emplace_back(linear_tiles()[static_cast<size_t>(ranked[i])].name, ranked[i]);
  return choose(std::move(key), named, tactics);
}

}  // namespace vitro::cuda
