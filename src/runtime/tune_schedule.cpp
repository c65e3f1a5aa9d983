#include "runtime/tune_schedule.h"

#include <algorithm>
#include <random>

namespace vitro {

double TuneSchedule::seconds_left() const {
  return options.stop() ? 0 : options.seconds - seconds_between(start_, Clock::now());
}

void TuneSchedule::count_run(int64_t planned) {
  ++runs_;
  const double elapsed = seconds_between(start_, Clock::now());
  const double fitting = static_cast<double>(runs_) * options.seconds / elapsed;
  const auto most = static_cast<double>(runs_ + planned * static_cast<int64_t>(settings_left_));
  options.progress(runs_, std::max(runs_, static_cast<int64_t>(std::min(fitting, most))));
}

Tensor tuning_input(const Dims& dims) {
  Tensor input(dims);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> pixel(-2, 2);
  for (float& value : input.as<float>()) value = pixel(random);
  return input;
}

}  // namespace vitro
