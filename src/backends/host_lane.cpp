#include "backends/host_lane.h"

namespace vitro {

std::byte* HostLane::workspace(size_t bytes) {
  if (bytes > workspace_.size() || !workspace_.data()) {
    workspace_ = {};
    memory_.reset();  // before the new one is asked for: both at once may not fit
    memory_ = allocate_aligned(bytes, "a workspace");
    workspace_ = {memory_.get(), bytes};
  }
  return workspace_.data();
}

}  // namespace vitro
