#include "backends/tactics.h"

#include <fmt/core.h>

#include <algorithm>

#include "backends/kernel.h"
#include "ir/op_info.h"

namespace vitro {

size_t chosen_candidate(const TunableOp& op, const TacticTable* tactics) {
  if (!tactics) return 0;
  const auto found = tactics->find(op.key);
  if (found == tactics->end()) return 0;
  const auto candidate = std::find(op.candidates.begin(), op.candidates.end(), found->second.impl);
  return candidate == op.candidates.end() ? 0
                                          : static_cast<size_t>(candidate - op.candidates.begin());
}

std::string op_key(const OpContext& op) {
  std::string operands;
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    operands += i == 0 ? "" : ", ";
    operands += op.has_input(i) ? fmt::format("{} {}", dtype_name(op.input(i).dtype),
                                              to_string(op.input(i).dims))
                                : "-";
  }
  const bool usual = op.precision == Precision::Float32;
  return fmt::format("{}({}){} : {}{}{}", op_name(op.node), operands, attrs_text(op.node.attrs),
                     to_string(op.output().dims), usual ? "" : " in ",
                     usual ? "" : to_string(op.precision));
}

}  // namespace vitro
