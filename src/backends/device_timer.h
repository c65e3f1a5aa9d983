#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vitro/tensor.h"

namespace vitro {

/// Milliseconds of one run from and to memory of the caller. All but `enqueue` are by the clock of
/// the device.
struct DeviceTimes {
  double enqueue = 0;  ///< of the host, to hand over the computation
  double upload = 0, compute = 0, download = 0;
};

/// Times the runs of a context by the clock of its device.
class DeviceTimer {
 public:
  virtual ~DeviceTimer() = default;
  /// One run like Context::run().
  virtual DeviceTimes run(std::span<const TensorView> inputs,
                          std::span<const TensorView> outputs) = 0;
  /// Milliseconds of one of `count` computations back to back, which the host has enqueued ahead.
  virtual double back_to_back(int count) = 0;
  /// Milliseconds of one computation right after the caches of the device have been flushed.
  virtual double cold() = 0;
  /// Milliseconds of a computation of no step, then what each step adds to one of those before it;
  /// each as back_to_back().
  virtual std::vector<double> steps(int count) = 0;
};

/// What a device says of itself at a moment; what it does not say is empty.
struct DeviceState {
  std::string name;    ///< "NVIDIA H100 80GB HBM3"
  std::string driver;  ///< "580.159.04"
  std::optional<int> clock_mhz, max_clock_mhz, memory_clock_mhz, temperature_c;
  std::optional<double> power_w;
  std::optional<std::string> throttled;  ///< what holds the clock down; "": nothing
  std::string missing;                   ///< why nothing is known but the name; "": it is
};

}  // namespace vitro
