#pragma once

#include <optional>

#include "backends/device_timer.h"
#include "measure/statistics.h"
#include "vitro/session.h"

namespace vitro {

/// What a device takes for runs of one shape, in milliseconds by its own clock.
struct DeviceTiming {
  Summary enqueue, upload, compute, download;       ///< as in DeviceTimes
  double back_to_back = 0;                          ///< median; no transfers, caches warm
  double cold = 0;                                  ///< median; no transfers, caches flushed
  std::optional<DeviceState> state = std::nullopt;  ///< right after
};

/// Times runs of a model of one input and one output for half a second; nothing when the backend
/// has no device with a clock.
std::optional<DeviceTiming> time_on_device(const Session& session, const TensorView& input,
                                           const TensorView& output);

}  // namespace vitro
