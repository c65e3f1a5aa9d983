#pragma once

#include <memory>
#include <vector>

#include "backends/program.h"

namespace vitro {

/// What was found for a node. No kernel: it is a view, or its results are known or have no
/// elements.
struct Choice {
  const char* impl = nullptr;
  std::unique_ptr<Kernel> kernel;
  std::vector<bool> taken;                ///< operands that the kernel holds itself
  double absorbed_flops = 0;              ///< of the ops that it does besides
  std::vector<size_t> earlier_origins{};  ///< of these and the node itself, but for the last one
};

/// A graph at one shape in which every node has what runs it.
struct ChosenKernels {
  Graph graph;  ///< that was asked for, with the bodies of fused ops that nobody takes
  std::vector<TensorType> types{};   ///< by value
  std::vector<Contents> contents{};  ///< by value
  std::vector<Precision> stored{};   ///< by value: what it is stored in, computed or not
  std::vector<Choice> choices{};     ///< by node
  std::vector<size_t> origins{};     ///< node of the graph that was asked for, or kNoNode, by node
  std::vector<Dispatch> dispatches{};

  const TensorType& type(ValueId id) const { return types[static_cast<size_t>(id)]; }
  /// Bytes of a computed value as it is stored.
  size_t value_bytes(ValueId id) const;
  bool is_known(ValueId id) const { return contents[static_cast<size_t>(id)].has_value(); }
  /// A view, or a node whose results are known already: it runs nothing.
  bool is_idle(const Node& node) const;
};

bool is_view(const Node& node);

/// What implementations see of a node.
OpContext context_of(const ChosenKernels& chosen, const Node& node, const CompileRequest& request);

/// Asks the implementations of every op; a fused op that all refuse is replaced by its body. Throws
/// Unsupported for another one.
ChosenKernels choose_kernels(const CompileRequest& request, ImplTable impls, const char* backend);

}  // namespace vitro
