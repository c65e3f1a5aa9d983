#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "vitro/tensor.h"

namespace vitro {

/// Runs a graph one node after the other, each over a whole batch: what a node gives may be changed
/// before others read it. Nothing is fused, and results stay in memory until their last reader.
class NodeByNode {
 public:
  /// Sees the results of a node, in its order, and may write to them.
  using Look = std::function<void(const Node& node, std::span<Tensor> results)>;

  NodeByNode(const Backend& backend, int threads);

  /// Of a graph of one input. False when `stop`, asked between nodes, said so.
  bool run(const Graph& graph, const TensorView& input, const Look& look,
           const std::function<bool()>& stop);

 private:
  const Backend& backend_;
  const std::unique_ptr<Lane> lane_;
  const int threads_;
};

/// Bytes of all operands and results of the largest node, for an input of one picture.
size_t largest_node_bytes(const Graph& graph, const TensorType& picture);

}  // namespace vitro
