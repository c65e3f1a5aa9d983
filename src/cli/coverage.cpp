#include "cli/coverage.h"

#include <nlohmann/json.hpp>

#include "cli/model_info.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "frontend/onnx/import.h"
#include "runtime/evaluate.h"

namespace vitro::cli {
namespace {

int64_t num_unsupported(const OnnxCoverage& coverage, const std::string& op) {
  return std::ranges::count(coverage.unsupported, op, &UnsupportedNode::op);
}

void print_coverage(const OnnxCoverage& coverage) {
  int64_t total = 0;
  Table table({"op", "nodes", "unsupported"}, {});
  for (const auto& [op, count] : coverage.nodes) {
    const int64_t unsupported = num_unsupported(coverage, op);
    table.add_row({op, std::to_string(count), unsupported > 0 ? std::to_string(unsupported) : ""});
    total += count;
  }
  write_stdout(table.text());
  if (!coverage.unsupported.empty()) {
    Table nodes({"unsupported node", "op", "reason"}, {"reason"});
    for (const UnsupportedNode& node : coverage.unsupported)
      nodes.add_row({node.source, node.op, node.reason});
    write_stdout("\n" + nodes.text());
  }
  print("\n{} of {} nodes are supported\n",
        total - static_cast<int64_t>(coverage.unsupported.size()), total);
}

Json coverage_json(const std::string& model, const OnnxCoverage& coverage) {
  Json json{{"model", model}, {"ops", Json::array()}, {"unsupported", Json::array()}};
  for (const auto& [op, count] : coverage.nodes)
    json["ops"].push_back(
        {{"op", op}, {"nodes", count}, {"unsupported", num_unsupported(coverage, op)}});
  for (const UnsupportedNode& node : coverage.unsupported)
    json["unsupported"].push_back(
        {{"node", node.source}, {"op", node.op}, {"reason", node.reason}});
  return json;
}

}  // namespace

int run_coverage(const std::string& model, const BuildOptions& options, bool json) {
  if (!is_onnx_file(model))
    fail_hint(ErrorCode::Unsupported, fmt::format("vitro inspect {} --why tells of ops", model),
              "'{}' is no ONNX model, expected one for --coverage", model);
  OnnxOptions onnx;
  onnx.classifier.height = options.height;
  onnx.classifier.width = options.width;
  onnx.evaluate = evaluate_constants;
  const OnnxCoverage coverage = onnx_coverage(model, onnx);
  if (json)
    print_json(coverage_json(model, coverage));
  else
    print_coverage(coverage);
  return kSuccess;
}

}  // namespace vitro::cli
