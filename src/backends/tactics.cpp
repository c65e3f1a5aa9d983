#include "backends/tactics.h"

#include <fmt/core.h>

#include "ir/op_info.h"

namespace vitro {

std::string op_key(const OpContext& op) {
  std::string operands;
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    operands += i == 0 ? "" : ", ";
    operands += op.has_input(i) ? fmt::format("{} {}", dtype_name(op.input(i).dtype),
                                              to_string(op.input(i).dims))
                                : "-";
  }
  return fmt::format("{}({}){} : {}", op_name(op.node), operands, attrs_text(op.node.attrs),
                     to_string(op.output().dims));
}

}  // namespace vitro
