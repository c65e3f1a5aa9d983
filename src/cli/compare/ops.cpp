#include "cli/compare/ops.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cli/model_info.h"
#include "ir/op_info.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

void append(std::string& list, const std::string& text) {
  list += (list.empty() ? "" : " + ") + text;
}

}  // namespace

std::string weight_types(const PlacedProgram& program, const std::vector<size_t>& ops) {
  std::set<std::string> types;
  const Graph& graph = Internals::data(program.plan).graph;
  for (size_t index : ops)
    for (ValueId id : program.ops[index].node->inputs)
      if (const auto& constant = graph.value(id).constant;
          constant && constant->type.dims.size() > 1)
        types.insert(fmt::format("{} {}", dtype_name(constant->type.dtype),
                                 constant->storage.empty() ? "rows" : constant->storage));
  return fmt::format("{}", fmt::join(types, ", "));
}

OpText op_text(const PlacedProgram& program, const std::vector<size_t>& ops) {
  OpText text;
  if (ops.empty()) return text;
  for (size_t index : ops) {
    const PlacedOp& op = program.ops[index];
    append(text.ops, op_name(*op.node));
    for (const StepInfo& step : program.steps(op)) append(text.impls, step.impl);
    text.num_steps += op.num_steps;
    text.weight_bytes += op.weight_bytes;
  }
  text.shape = to_string(program.ops[ops.back()].output.dims);
  text.weights = weight_types(program, ops);
  return text;
}

std::vector<std::string> differing(const OpText& a, const OpText& b) {
  std::vector<std::string> names;
  if (a.ops != b.ops) names.emplace_back("ops");
  if (a.shape != b.shape) names.emplace_back("shape");
  if (a.impls != b.impls) names.emplace_back("impls");
  if (a.weights != b.weights) names.emplace_back("weights");
  if (a.weight_bytes != b.weight_bytes) names.emplace_back("weight_bytes");
  return names;
}

std::string match_source(const PlacedProgram& a, const PlacedProgram& b, const OpMatch& match) {
  return match.a.empty() ? b.ops[match.b.back()].node->source : a.ops[match.a.back()].node->source;
}

Json plan_differences(const Plan& a, const Plan& b) {
  Json differences = Json::array();
  const Json json_a = plan_json(a), json_b = plan_json(b);
  for (const auto& [key, value] : json_a.items())
    if (key != "origins" && value != json_b.at(key))  // what is equal is so from wherever it comes
      differences.push_back({{"key", key}, {"a", value}, {"b", json_b.at(key)}});
  return differences;
}

}  // namespace vitro::cli
