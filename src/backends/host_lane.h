#pragma once

#include "backends/kernel.h"
#include "backends/lane.h"
#include "core/aligned_memory.h"

namespace vitro {

/// Threads and working memory of the host, for backends whose kernels run there.
class HostLane final : public Lane {
 public:
  /// Throws DeviceError when the system refuses the threads.
  explicit HostLane(const LaneOptions& options) : team_(options.threads, options.cores) {}

  ThreadTeam& team() { return team_; }
  /// At least so many bytes, 64-byte aligned; what was in them may be lost. Throws OutOfMemory.
  std::byte* workspace(size_t bytes);
  size_t workspace_bytes() const { return workspace_.size(); }
  /// Works in memory of somebody else, as long as it is large enough.
  void borrow(std::span<std::byte> memory) { workspace_ = memory; }

 private:
  ThreadTeam team_;
  AlignedMemory memory_;
  std::span<std::byte> workspace_;
};

/// The threads that a kernel of a host backend runs on, as many as it was made for.
inline ThreadTeam& team_of(const KernelArgs& args) {
  return static_cast<HostLane&>(args.lane).team();
}

}  // namespace vitro
