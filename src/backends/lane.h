#pragma once

#include <sched.h>

#include <memory>

#include "core/thread_team.h"
#include "vitro/tensor.h"

namespace vitro {

/// What a lane may use.
struct LaneOptions {
  int threads = 1;                    ///< exactly this many of the host, on host backends
  cpu_set_t cores = current_cores();  ///< that its threads may use
  int device = 0;                     ///< of the backend, below Backend::num_devices()
};

/// Memory of a lane, whose first byte is 64-byte aligned.
struct LaneMemory {
  std::shared_ptr<std::byte> data;
  Device device;
};

/// What one run at a time owns: the threads or the stream that it works on, and working memory that
/// all programs share which run there. One user at a time.
class Lane {
 public:
  virtual ~Lane() = default;
  /// Memory beside the workspace, for what one program leaves to a later one: that of the host
  /// unless programs run elsewhere. Uninitialised. Throws OutOfMemory.
  virtual LaneMemory allocate(size_t bytes);
};

}  // namespace vitro
