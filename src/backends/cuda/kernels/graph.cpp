#include "backends/cuda/kernels/graph.h"

namespace vitro::cuda {
namespace {

cudaError_t add_node(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,
                     const cudaGraphEdgeData* edge, cudaGraphNodeParams* params) {
  const size_t dependencies = *after ? 1 : 0;
#if CUDART_VERSION >= 13000
  return cudaGraphAddNode(node, graph, after, edge, dependencies, params);
#else
  return cudaGraphAddNode_v2(node, graph, after, edge, dependencies, params);
#endif
}

}  // namespace

GraphBuilder::GraphBuilder() { check_cuda(cudaGraphCreate(&graph_, 0), "a CUDA graph"); }

GraphBuilder::~GraphBuilder() { cudaGraphDestroy(graph_); }

void GraphBuilder::add(const char* name, const void* kernel, const LaunchShape& shape, bool overlap,
                       void** arguments) {
  cudaGraphNodeParams params{};
  params.type = cudaGraphNodeTypeKernel;
  params.kernel.func = const_cast<void*>(kernel);
  params.kernel.gridDim = shape.grid;
  params.kernel.blockDim = shape.block;
  params.kernel.sharedMemBytes = static_cast<unsigned>(shape.shared_bytes);
  params.kernel.kernelParams = arguments;
  cudaGraphEdgeData edge{};
  if (overlap) {
    edge.from_port = cudaGraphKernelNodePortProgrammatic;
    edge.type = cudaGraphDependencyTypeProgrammatic;
  }
  cudaGraphNode_t node;
  check_cuda(add_node(&node, graph_, &last_, &edge, &params), name);
  if (shape.cluster_x > 1) {
    cudaKernelNodeAttrValue cluster{};
    cluster.clusterDim = {shape.cluster_x, 1, 1};
    check_cuda(
        cudaGraphKernelNodeSetAttribute(node, cudaKernelNodeAttributeClusterDimension, &cluster),
        name);
  }
  if (shape.cooperative) {
    cudaKernelNodeAttrValue all_at_once{};
    all_at_once.cooperative = 1;
    check_cuda(
        cudaGraphKernelNodeSetAttribute(node, cudaKernelNodeAttributeCooperative, &all_at_once),
        name);
  }
  last_ = node;
}

Graph::Graph(const GraphBuilder& launches) {
  check_cuda(cudaGraphInstantiate(&exec_, launches.graph_, 0), "making a CUDA graph");
}

Graph::~Graph() {
  if (exec_) cudaGraphExecDestroy(exec_);
}

void Graph::launch(cudaStream_t stream) const {
  check_cuda(cudaGraphLaunch(exec_, stream), "a CUDA graph");
}

}  // namespace vitro::cuda
