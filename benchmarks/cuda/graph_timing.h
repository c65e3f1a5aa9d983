#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "backends/cuda/kernels/graph.h"

namespace vitro::cuda {

/// Microseconds of one of `nodes` dependent launches in a CUDA graph: the median over replays back
/// to back. enqueue(i, launch) makes the i-th launch.
inline double graph_microseconds(int nodes, bool overlap,
                                 const std::function<void(int, const Launch&)>& enqueue) {
  cudaStream_t stream;
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  GraphBuilder launches;
  for (int i = 0; i < nodes; ++i) enqueue(i, {stream, overlap, &launches});
  const Graph graph(launches);
  cudaEvent_t start, end;
  check_cuda(cudaEventCreate(&start), "event");
  check_cuda(cudaEventCreate(&end), "event");
  std::vector<float> samples;
  int replays = 2;
  for (int sample = 0; sample < 6; ++sample) {
    check_cuda(cudaEventRecord(start, stream), "event");
    for (int i = 0; i < replays; ++i) graph.launch(stream);
    check_cuda(cudaEventRecord(end, stream), "event");
    check_cuda(cudaEventSynchronize(end), "graph");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, start, end), "event");
    if (sample > 0) samples.push_back(milliseconds / static_cast<float>(replays));
    // The first sample warms up and says how many replays last 3 ms.
    if (sample == 0)
      replays = std::clamp(static_cast<int>(3.0f * 2 / std::max(milliseconds, 1e-3f)), 1, 500);
  }
  cudaEventDestroy(start), cudaEventDestroy(end);
  cudaStreamDestroy(stream);
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2] * 1000.0 / nodes;
}

}  // namespace vitro::cuda
