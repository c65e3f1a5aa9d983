#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace vitro {

struct OpContext;

/// What the implementations of an op took when they were measured, and which one is to be used.
struct Tactic {
  struct Timing {
    std::string impl;
    double microseconds;
    bool operator==(const Timing&) const = default;
  };
  std::string impl;             ///< "cpu:mlp_banded/128"; one that is not known here is not used
  std::vector<Timing> timings;  ///< the one that an untuned program uses comes first
  bool operator==(const Tactic&) const = default;
};

/// Tactics of one machine and number of threads, by op_key().
using TacticTable = std::map<std::string, Tactic, std::less<>>;

/// An op, or several that are alike, or a part of one, and the ways to run it that tuning may
/// choose from.
struct TunableOp {
  std::string key;                      ///< op_key(), or what a kernel calls its part
  std::vector<std::string> candidates;  ///< the usual one first
};

/// The candidate that the tactics name, by its index; the usual one where they name none that is
/// known. `tactics` may be null.
size_t chosen_candidate(const TunableOp& op, const TacticTable* tactics);

/// All that the speed of an op depends on besides the machine: kind, types of the operands,
/// attributes, result, precision unless that is float32.
/// "linear(F32 1x512, F32 200x512, F32 200) : 1x200".
std::string op_key(const OpContext& op);

}  // namespace vitro
