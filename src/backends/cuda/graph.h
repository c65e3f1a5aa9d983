#pragma once

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// A captured sequence of launches.
class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  ~Graph() { reset(); }

  explicit operator bool() const { return exec_ != nullptr; }
  void launch(cudaStream_t stream) const {
    check_cuda(cudaGraphLaunch(exec_, stream), "a CUDA graph");
  }
  void reset() {
    if (exec_) cudaGraphExecDestroy(exec_);
    exec_ = nullptr;
  }

  template <typename Enqueue>
  void capture(cudaStream_t stream, const Enqueue& enqueue) {
    reset();
    // Other threads may allocate meanwhile.
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
               "capturing a graph");
    cudaGraph_t graph = nullptr;
    try {
      enqueue();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph);
      if (graph) cudaGraphDestroy(graph);
      throw;
    }
    check_cuda(cudaStreamEndCapture(stream, &graph), "capturing a graph");
    const cudaError_t status = cudaGraphInstantiate(&exec_, graph, 0);
    cudaGraphDestroy(graph);
    check_cuda(status, "making a CUDA graph");
  }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace vitro::cuda
