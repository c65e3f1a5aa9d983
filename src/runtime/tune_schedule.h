#pragma once

#include <chrono>

#include "runtime/tune.h"

namespace vitro {

class Backend;

/// What all measurements of one call of tune() share.
class TuneSchedule {
 public:
  using Clock = std::chrono::steady_clock;
  static double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  const TuneOptions& options;

  /// A setting is a batch and a number of threads.
  TuneSchedule(const TuneOptions& asked, size_t settings)
      : options(asked), settings_left_(settings) {}

  /// 0 when it is to stop.
  double seconds_left() const;
  /// Seconds that belong to the settings after this one.
  double reserve() const { return seconds_left() * (1 - 1 / static_cast<double>(settings_left_)); }
  /// `planned`: runs of the current setting that are still to come.
  void count_run(int64_t planned);
  void next_setting() { --settings_left_; }

 private:
  size_t settings_left_;  // the one being measured included
  Clock::time_point start_ = Clock::now();
  int64_t runs_ = 0;
};

/// Pixels of a normalised image, or as they are where the type is uint8; zeros of any other type.
/// Equal for equal types.
Tensor tuning_input(const TensorType& type);

/// Measures whole programs on TuneOptions::device by its own clock (choose_in_turn()).
TacticTable tune_on_device(const Plan& plan, const Backend& backend, int64_t batch,
                           TuneSchedule& schedule);

}  // namespace vitro
