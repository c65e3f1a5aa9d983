#include "measure/machine_load.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace vitro {
namespace {

constexpr double kMinSeconds = 0.5;

ProcessorTime processor_time_now() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return {};
  std::ifstream file("/proc/stat");
  std::ostringstream text;
  text << file.rdbuf();
  return processor_time(text.str(), cpus, static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

double own_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

MachineLoad::MachineLoad() {
  const ProcessorTime now = processor_time_now();
  start_busy_ = now.busy;
  start_total_ = now.total;
  start_own_ = own_time();
}

std::optional<double> MachineLoad::busy_elsewhere() const {
  const ProcessorTime now = processor_time_now();
  const double total = now.total - start_total_;
  const double foreign = (now.busy - start_busy_) - (own_time() - start_own_);
  if (total < kMinSeconds) return std::nullopt;
  return std::clamp(foreign / total, 0.0, 1.0);
}

ProcessorTime processor_time(std::string_view proc_stat, const cpu_set_t& cpus,
                             double ticks_per_second) {
  ProcessorTime time;
  std::istringstream lines{std::string(proc_stat)};
  for (std::string line; std::getline(lines, line) && line.starts_with("cpu");) {
    std::istringstream fields(line.substr(3));
    size_t cpu = 0;
    if (line[3] == ' ' || !(fields >> cpu) || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &cpus))
      continue;
    // user nice system idle iowait irq softirq steal; what follows is part of user and nice.
    std::array<double, 8> ticks{};
    for (double& value : ticks) fields >> value;
    for (size_t i = 0; i < ticks.size(); ++i) {
      const bool idle = i == 3 || i == 4;
      time.total += ticks[i] / ticks_per_second;
      if (!idle) time.busy += ticks[i] / ticks_per_second;
    }
  }
  return time;
}

std::optional<double> load_average() {
  double minute = 0;
  if (::getloadavg(&minute, 1) != 1) return std::nullopt;
  return minute;
}

}  // namespace vitro
