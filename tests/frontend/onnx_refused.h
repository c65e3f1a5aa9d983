#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_directory.h"
#include "formats/onnx_bytes.h"
#include "frontend/onnx/import.h"

namespace vitro::test {

using List = std::vector<int64_t>;

inline Graph import(const Message& model) { return import_onnx(model.span(), "m.onnx"); }

/// x [2, 4, 6, 6] -> nodes -> y.
inline Message model(std::vector<Message> nodes, std::vector<Message> initializers = {},
                     int64_t opset = 17, const std::vector<Message>& functions = {}) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {2, 4, 6, 6})};
  graph.outputs = {onnx_value("y", {})};
  graph.nodes = std::move(nodes);
  graph.initializers = std::move(initializers);
  return onnx_model(graph, opset, functions);
}

/// Zeros, named "w".
inline Message weight(const List& dims) {
  return onnx_tensor("w", dims, std::vector<float>(static_cast<size_t>(num_elements(dims))));
}
inline Message conv(std::vector<Message> attributes, const List& dims = {8, 4, 3, 3}) {
  return model({onnx_node("Conv", {"x", "w"}, {"y"}, std::move(attributes))}, {weight(dims)});
}

/// A row of a table: what importing a model must end with.
struct Refused {
  const char* name;
  ErrorCode code;
  const char* text;
  Message model;
};
inline void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.name; }
inline std::string name_of(const testing::TestParamInfo<Refused>& info) { return info.param.name; }

}  // namespace vitro::test
