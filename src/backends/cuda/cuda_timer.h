#pragma once

#include <functional>
#include <memory>

#include "backends/cuda/cuda_lane.h"
#include "backends/device_timer.h"

namespace vitro::cuda {

/// The parts of a run, each of which enqueues its work on the lane.
struct RunPhases {
  std::function<void(std::span<const TensorView> inputs)> bring;
  std::function<void()> compute;
  std::function<void(std::span<const TensorView> outputs)> take;
  size_t num_steps = 0;
  std::function<void(size_t steps)> compute_first;  ///< that many steps alone
};

/// Times them with events. The lane and what the phases need must outlive it.
std::unique_ptr<DeviceTimer> make_cuda_timer(CudaLane& lane, RunPhases phases);

}  // namespace vitro::cuda
