#pragma once

#include <sched.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace vitro {

/// How much others use the processors that this process may use, from its construction on. What a
/// hypervisor takes away counts as others.
class MachineLoad {
 public:
  MachineLoad();
  /// Share in [0, 1]; nothing before the processors have existed for half a second together (the
  /// system counts in ticks of 10 ms), or where it does not say.
  std::optional<double> busy_elsewhere() const;

 private:
  double start_busy_ = 0, start_total_ = 0, start_own_ = 0;
};

/// Seconds that the processors of `cpus` have been busy and have existed, by the text of
/// /proc/stat.
struct ProcessorTime {
  double busy = 0, total = 0;
};
ProcessorTime processor_time(std::string_view proc_stat, const cpu_set_t& cpus,
                             double ticks_per_second);

/// Runnable threads of the whole machine, averaged over the last minute; nothing where the system
/// does not say.
std::optional<double> load_average();

}  // namespace vitro
