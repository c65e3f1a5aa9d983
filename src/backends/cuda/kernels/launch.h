#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <utility>

namespace vitro::cuda {

/// Element type of activations and matrices. Sums, norms, softmax and biases are float32 whatever
/// it is.
enum class Element { Float32, Float16, BFloat16 };
/// Bytes of one.
constexpr size_t element_size(Element element) { return element == Element::Float32 ? 4 : 2; }

class GraphBuilder;

/// Where a kernel goes.
struct Launch {
  cudaStream_t stream = nullptr;
  /// Programmatic dependent launch: the kernel may start before the one ahead of it in the stream
  /// has finished, and waits for it (wait_for_previous() in ptx.cuh) before it reads what that one
  /// writes.
  bool overlap = false;
  GraphBuilder* graph = nullptr;  ///< the kernel is added there, and nothing starts
};

/// Threads of a launch, and their dynamic shared memory.
struct LaunchShape {
  dim3 grid, block;
  unsigned cluster_x;  ///< blocks of a cluster, along x
  size_t shared_bytes;
  bool cooperative = false;  ///< all blocks are there at once, and may wait for each other
};

/// Throws a vitro::Error, DeviceError or OutOfMemory, naming `what` and CUDA's own words when
/// `status` is not success.
void check_cuda(cudaError_t status, const char* what);

/// Whether this build has code that the current device runs: cudaErrorNoKernelImageForDevice when
/// it has not.
cudaError_t find_code();

/// Multiprocessors of the current device.
int multiprocessors();
/// 10 times its compute capability: 90 for 9.0.
int compute_capability();
/// Bytes of shared memory that a block may have on a GPU of this compute capability.
size_t shared_memory_limit(int capability);

/// How a grid of overlapping launches shares the multiprocessors with the one after it.
struct Residency {
  size_t shared_bytes;  // to ask for
  bool next_early;      // allow_next() at the start, else after the products
};
/// A grid of at most one block for each multiprocessor takes it whole: the next grid's blocks
/// follow one by one as its blocks leave, evenly. Where two fit, they crowd onto multiprocessors
/// that this grid left empty, and the next grid lasts twice as long. Larger grids let the next one
/// in late.
Residency residency_of(int blocks, size_t shared_bytes);

/// Launches kernel(*arguments[0], ...). `name` is for the error that a refused launch throws.
void launch_any(const char* name, const void* kernel, const LaunchShape& shape,
                const Launch& launch, void** arguments);

/// kernel(args...) in this shape, with launch.overlap; shared memory above 48 KiB is asked for.
template <typename... Params, typename... Args>
void launch_shape(const char* name, void (*kernel)(Params...), const LaunchShape& shape,
                  const Launch& launch, Args&&... args) {
  [&](Params... values) {
    void* arguments[] = {const_cast<void*>(static_cast<const void*>(&values))..., nullptr};
    launch_any(name, reinterpret_cast<const void*>(kernel), shape, launch, arguments);
  }(static_cast<Params>(args)...);
}

/// The same in clusters of cluster_x blocks along x.
template <typename... Params, typename... Args>
void launch_cluster(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block,
                    unsigned cluster_x, size_t shared_bytes, const Launch& launch, Args&&... args) {
  launch_shape(name, kernel, {grid, block, cluster_x, shared_bytes}, launch,
               std::forward<Args>(args)...);
}

/// The same without clusters.
template <typename... Params, typename... Args>
void launch_kernel(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block,
                   size_t shared_bytes, const Launch& launch, Args&&... args) {
  launch_cluster(name, kernel, grid, block, 1, shared_bytes, launch, std::forward<Args>(args)...);
}

/// The same with all blocks there at once: refused where they do not fit.
template <typename... Params, typename... Args>
void launch_cooperative(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block,
                        size_t shared_bytes, const Launch& launch, Args&&... args) {
  launch_shape(name, kernel, {grid, block, 1, shared_bytes, true}, launch,
               std::forward<Args>(args)...);
}

}  // namespace vitro::cuda
