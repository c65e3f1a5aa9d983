#include "core/control_groups.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace vitro {
namespace {

namespace fs = std::filesystem;

/// The number in a file, or after `key` in it; nothing for "max" or a file that is not there.
std::optional<int64_t> number_in(const fs::path& path, const std::string& key = {}) {
  std::ifstream file(path);
  std::string word;
  while (!key.empty() && file >> word && word != key) {
  }
  int64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

std::optional<double> cpu_quota_v1(const fs::path& group) {
  const auto quota = number_in(group / "cpu.cfs_quota_us");  // -1: none
  const auto period = number_in(group / "cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> cpu_quota_v2(const fs::path& group) {
  double quota = 0, period = 0;  // "max 100000" when there is none
  std::ifstream file(group / "cpu.max");
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<int64_t> memory_left(const fs::path& group, const char* limit_file,
                                   const char* used_file, const char* cached_key) {
  const auto limit = number_in(group / limit_file);
  const auto used = number_in(group / used_file);
  if (!limit || !used) return std::nullopt;
  const int64_t cached = number_in(group / "memory.stat", cached_key).value_or(0);
  return std::max<int64_t>(0, *limit - std::max<int64_t>(0, *used - cached));
}

std::optional<int64_t> memory_left_v1(const fs::path& group) {
  return memory_left(group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                     "total_inactive_file");
}

std::optional<int64_t> memory_left_v2(const fs::path& group) {
  return memory_left(group, "memory.max", "memory.current", "inactive_file");
}

/// The part of a group's name that is a folder below `mount`. In a container without a namespace of
/// its own, groups have the names of the host, and the first parts of them are not mounted.
std::string mounted_part(const fs::path& mount, std::string group) {
  // "/../other": beside what this namespace sees.
  if (group.find("/..") != std::string::npos) return {};
  std::error_code missing;
  while (!group.empty() && !fs::is_directory(mount.string() + group, missing)) {
    const size_t slash = group.find('/', 1);
    group = slash == std::string::npos ? "" : group.substr(slash);
  }
  return group;
}

/// The least of what `read` finds in a group and in those around it.
template <typename T>
void tighten(std::optional<T>& least, const fs::path& mount, const std::string& name,
             std::optional<T> (*read)(const fs::path&)) {
  for (std::string group = mounted_part(mount, name);;) {
    if (const auto limit = read(mount.string() + group))
      least = std::min(*limit, least.value_or(*limit));
    if (group.empty()) return;
    group.resize(group.rfind('/'));
  }
}

/// Of all groups that this process is in: lines "4:cpu,cpuacct:/group" or, version 2, "0::/group".
template <typename T>
std::optional<T> tightest(const fs::path& root, const std::string& controller,
                          std::optional<T> (*read_v1)(const fs::path&),
                          std::optional<T> (*read_v2)(const fs::path&)) {
  std::optional<T> least;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (controllers.empty()) {
      tighten(least, mounts, group, read_v2);
      tighten(least, mounts / "unified", group, read_v2);  // beside version 1
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      for (const std::string& mount :
           {controller, controllers})  // one is often a link to the other
        tighten(least, mounts / mount, group, read_v1);
    }
  }
  return least;
}

}  // namespace

std::optional<double> group_cpu_quota(const fs::path& root) {
  return tightest(root, "cpu", cpu_quota_v1, cpu_quota_v2);
}

std::optional<int64_t> group_memory_left(const fs::path& root) {
  return tightest(root, "memory", memory_left_v1, memory_left_v2);
}

}  // namespace vitro
