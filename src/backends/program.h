#pragma once

#include "backends/backend.h"

namespace vitro {

/// The implementations of an op kind, best first; empty when the backend has none.
using ImplList = std::span<const Impl>;
using ImplTable = ImplList (*)(OpKind);

/// Compiles a graph into a sequence of kernels: asks the implementations of each op in order,
/// inlines the fused ops that nobody takes, turns reshapes into views, and plans the arena.
/// `backend` names the refusing backend in errors.
std::unique_ptr<Executable> compile_program(const Graph& graph, std::span<const TensorType> inputs,
                                            const CompileOptions& options, ImplTable impls,
                                            const char* backend);

}  // namespace vitro
