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
  std::vector<bool> taken;    ///< operands that the kernel holds itself
  size_t absorbed = 0;        ///< how many ops it does besides
  double absorbed_flops = 0;  ///< of those
};

/// A graph at one shape in which every node has what runs it.
struct ChosenKernels {
  Graph graph;  ///< that was asked for, with the bodies of fused ops that nobody takes
  std::vector<TensorType> types{};   ///< by value
  std::vector<Contents> contents{};  ///< by value
  std::vector<Choice> choices{};     ///< by node
  std::vector<size_t> origins{};     ///< node of the graph that was asked for, by node
  std::vector<Dispatch> dispatches{};

  const TensorType& type(ValueId id) const { return types[static_cast<size_t>(id)]; }
  bool is_known(ValueId id) const { return contents[static_cast<size_t>(id)].has_value(); }
  /// A view, or a node whose results are known already: it runs nothing.
  bool is_idle(const Node& node) const;
};

bool is_view(const Node& node);

/// Asks the implementations of every op; a fused op that all refuse is replaced by its body. Throws
/// Unsupported for another one.
ChosenKernels choose_kernels(const CompileRequest& request, ImplTable impls, const char* backend);

}  // namespace vitro
