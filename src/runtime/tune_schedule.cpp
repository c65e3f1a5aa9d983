#include "runtime/tune_schedule.h"

#include <algorithm>
#include <cstring>
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

Tensor tuning_input(const TensorType& type) {
  Tensor input(type.dtype, type.dims);
  std::mt19937 random(1);
  if (type.dtype == DType::Float32) {
    std::uniform_real_distribution<float> pixel(-2, 2);
    for (float& value : input.as<float>()) value = pixel(random);
  } else if (type.dtype == DType::UInt8) {
    for (uint8_t& value : input.as<uint8_t>()) value = static_cast<uint8_t>(random());
  } else {
    std::memset(input.view().data, 0, input.bytes().size());
  }
  return input;
}

}  // namespace vitro
