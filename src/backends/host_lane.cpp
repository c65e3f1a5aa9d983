#include "backends/host_lane.h"

namespace vitro {

std::byte* HostLane::workspace(size_t bytes) {
  if (bytes > bytes_) {
    memory_.reset();  // before the new one is asked for: both at once may not fit
    bytes_ = 0;
    memory_ = allocate_aligned(bytes, "a workspace");
    bytes_ = bytes;
  }
  return memory_.get();
}

}  // namespace vitro
