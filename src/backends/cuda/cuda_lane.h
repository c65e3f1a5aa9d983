#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/staging.h"
#include "core/timeline.h"

namespace vitro::cuda {

/// A stream of one GPU and working memory there. Its user makes the device current (DeviceScope).
/// Work may also go to streams of callers, one after the other: what is enqueued later waits for
/// what was enqueued before, on whatever stream, since all of it uses the same memory.
class CudaLane final : public Lane {
 public:
  /// Throws DeviceError when the driver refuses a stream.
  explicit CudaLane(const LaneOptions& options);
  ~CudaLane() override;

  int device() const { return device_; }
  /// Where work goes now: a stream of its own outside of a StreamScope.
  cudaStream_t stream() const { return current_; }
  /// Where kernels launch: all of them overlap their predecessor's end, which all of them wait for.
  Launch launch() const { return {current_, true, graph_}; }
  /// At least so many bytes, 256-byte aligned; what was in them may be lost. Throws OutOfMemory.
  std::byte* workspace(size_t bytes);
  LaneMemory allocate(size_t bytes) override;
  /// For copies from and to memory of the caller.
  Staging& staging() { return staging_; }
  /// Waits for what was enqueued on streams of callers; throws DeviceError with what it did wrong.
  void settle();
  /// Waits for all work on whatever stream; throws DeviceError with what it did wrong.
  void wait();

  /// Where sections are recorded, which then wait for each other; null: nowhere.
  void record(Timeline* timeline) { timeline_ = timeline; }
  /// The launches that follow are this phase of the kernel.
  void begin_section(int section);

 private:
  friend class StreamScope;
  friend class GraphScope;

  int device_;
  cudaStream_t own_ = nullptr;
  cudaStream_t current_ = nullptr;
  GraphBuilder* graph_ = nullptr;
  cudaEvent_t done_ = nullptr;  // behind what was enqueued on streams of callers
  bool pending_ = false;        // it has not been waited for
  DeviceMemory memory_;
  Staging staging_;
  Timeline* timeline_ = nullptr;
};

/// Sends work to a stream of the caller, which must not be capturing.
class StreamScope {
 public:
  StreamScope(CudaLane& lane, cudaStream_t stream);
  StreamScope(const StreamScope&) = delete;
  ~StreamScope();

 private:
  CudaLane& lane_;
};

/// Sends launches to a graph.
class GraphScope {
 public:
  GraphScope(CudaLane& lane, GraphBuilder& graph) : lane_(lane) { lane_.graph_ = &graph; }
  GraphScope(const GraphScope&) = delete;
  ~GraphScope() { lane_.graph_ = nullptr; }

 private:
  CudaLane& lane_;
};

inline CudaLane& lane_of(const KernelArgs& args) { return static_cast<CudaLane&>(args.lane); }

inline Launch launch_of(const KernelArgs& args) { return lane_of(args).launch(); }

}  // namespace vitro::cuda
