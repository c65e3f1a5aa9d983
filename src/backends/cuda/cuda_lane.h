#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/staging.h"
#include "core/timeline.h"

namespace vitro::cuda {

/// A stream of one GPU and working memory there. Its user makes the device current (DeviceScope).
class CudaLane final : public Lane {
 public:
  /// Throws DeviceError when the driver refuses a stream.
  explicit CudaLane(const LaneOptions& options);
  ~CudaLane() override;

  int device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  /// At least so many bytes, 256-byte aligned; what was in them may be lost. Throws OutOfMemory.
  std::byte* workspace(size_t bytes);
  /// For copies from and to memory of the caller.
  Staging& staging() { return staging_; }
  /// Waits for all work; throws DeviceError with what it did wrong.
  void wait() const;

  /// Where sections are recorded, which then wait for each other; null: nowhere.
  void record(Timeline* timeline) { timeline_ = timeline; }
  /// The launches that follow are this phase of the kernel.
  void begin_section(int section);

 private:
  int device_;
  cudaStream_t stream_ = nullptr;
  DeviceMemory memory_;
  Staging staging_;
  Timeline* timeline_ = nullptr;
};

inline CudaLane& lane_of(const KernelArgs& args) { return static_cast<CudaLane&>(args.lane); }

/// Where kernels launch: all of them overlap their predecessor's end, which all of them wait for.
inline Launch launch_of(const KernelArgs& args) { return {lane_of(args).stream(), true}; }

}  // namespace vitro::cuda
