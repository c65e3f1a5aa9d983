#pragma once

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/tactics.h"

namespace vitro::cuda {

/// What a kernel does a part of its work with: the first of a ranking, unless a tactic names
/// another.
template <typename Value>
struct Choice {
  TunableOp op;
  Value value{};
  std::string name{};  ///< of the value
};
template <typename Value>
Choice<Value> choose(std::string key, const std::vector<std::pair<std::string, Value>>& ranked,
                     const TacticTable* tactics) {
  Choice<Value> choice{{std::move(key), {}}};
  for (const auto& candidate : ranked) choice.op.candidates.push_back(candidate.first);
  std::tie(choice.name, choice.value) = ranked[chosen_candidate(choice.op, tactics)];
  return choice;
}

/// Of linear_tiles(): one of the best few.
Choice<int> choose_tile(std::string key, const std::vector<int>& ranked,
                        const TacticTable* tactics);

}  // namespace vitro::cuda
