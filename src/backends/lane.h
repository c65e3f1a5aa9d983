#pragma once

#include <sched.h>

#include "core/thread_team.h"

namespace vitro {

/// What a lane may use.
struct LaneOptions {
  int threads = 1;                    ///< exactly this many of the host, on host backends
  cpu_set_t cores = current_cores();  ///< that its threads may use
  int device = 0;                     ///< of the backend, below Backend::num_devices()
};

/// What one run at a time owns: the threads or the stream that it works on, and working memory that
/// all programs share which run there. One user at a time.
class Lane {
 public:
  virtual ~Lane() = default;
};

}  // namespace vitro
