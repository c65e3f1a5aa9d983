#pragma once

#include <cuda_runtime_api.h>

#include <utility>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// Collects launches for a Graph: pass its address in Launch::graph. Nothing is captured from a
/// stream, since then every thread of the process that synchronised the device meanwhile would get
/// an error and break the capture.
class GraphBuilder {
 public:
  GraphBuilder();
  GraphBuilder(const GraphBuilder&) = delete;
  ~GraphBuilder();

  /// Adds a kernel behind the last one; its arguments are copied.
  void add(const char* name, const void* kernel, const LaunchShape& shape, bool overlap,
           void** arguments);

 private:
  friend class Graph;
  cudaGraph_t graph_ = nullptr;
  cudaGraphNode_t last_ = nullptr;
};

/// Launches that follow each other, as one CUDA graph.
class Graph {
 public:
  Graph() = default;
  explicit Graph(const GraphBuilder& launches);
  Graph(Graph&& other) noexcept : exec_(std::exchange(other.exec_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(exec_, other.exec_);
    return *this;
  }
  ~Graph();

  explicit operator bool() const { return exec_ != nullptr; }
  void launch(cudaStream_t stream) const;

 private:
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace vitro::cuda
