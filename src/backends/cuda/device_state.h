#pragma once

#include "backends/device_timer.h"

namespace vitro::cuda {

/// Clocks, power, temperature and driver, from the management library of the driver; without it the
/// name alone, and why.
DeviceState device_state(int device);

/// What an NVML mask of reasons says holds the clock down: "power cap, heat"; "" when nothing does.
/// That a GPU has nothing to do is no reason.
std::string throttle_text(unsigned long long reasons);

}  // namespace vitro::cuda
