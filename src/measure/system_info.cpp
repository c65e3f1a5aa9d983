#include "measure/system_info.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace vitro {
namespace {

/// The text after the colon of the first line "key : text"; empty when there is none.
std::string field_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

int64_t memory_field(const char* key) {
  constexpr int64_t kKibibyte = 1024;
  return std::strtoll(field_of("/proc/meminfo", key).c_str(), nullptr, 10) * kKibibyte;
}

/// Where one version of control groups keeps the memory of a group.
struct MemoryFiles {
  const char* limit;
  const char* used;
  const char* cached;  ///< the key in memory.stat
};
constexpr MemoryFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes",
                                "total_inactive_file"};
constexpr MemoryFiles kVersion2{"memory.max", "memory.current", "inactive_file"};

/// The number in a file, or after `key` in it; nothing for "max" or a file that is not there.
std::optional<int64_t> number_in(const std::filesystem::path& path, const std::string& key = {}) {
  std::ifstream file(path);
  std::string word;
  while (!key.empty() && file >> word && word != key) {
  }
  int64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

/// A group is limited by its own limit and by those of the groups around it.
std::optional<int64_t> left_in_group(const std::filesystem::path& mount, std::string group,
                                     const MemoryFiles& files) {
  std::optional<int64_t> least;
  for (;;) {
    const std::filesystem::path directory = mount.string() + group;
    const auto limit = number_in(directory / files.limit);
    const auto used = number_in(directory / files.used);
    if (limit && used) {
      const int64_t cached = number_in(directory / "memory.stat", files.cached).value_or(0);
      const int64_t left = std::max<int64_t>(0, *limit - std::max<int64_t>(0, *used - cached));
      least = std::min(left, least.value_or(left));
    }
    if (group.empty()) return least;
    const size_t slash = group.rfind('/');
    group.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

int64_t total_memory() { return memory_field("MemTotal"); }

int64_t available_memory() {
  const int64_t machine = memory_field("MemAvailable");
  const auto groups = memory_left_in_groups("/proc/self/cgroup", "/sys/fs/cgroup");
  return groups && machine > 0 ? std::min(machine, *groups) : machine;
}

std::optional<int64_t> memory_left_in_groups(const std::filesystem::path& groups,
                                             const std::filesystem::path& root) {
  std::optional<int64_t> least;
  std::ifstream file(groups);
  for (std::string line;
       std::getline(file, line);) {  // "4:memory:/group" or, version 2, "0::/group"
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    std::optional<int64_t> left;
    if (controllers.empty()) left = left_in_group(root, group, kVersion2);
    if (controllers == "memory") left = left_in_group(root / "memory", group, kVersion1);
    if (left) least = std::min(*left, least.value_or(*left));
  }
  return least;
}

std::string compiler() { return VITRO_COMPILER; }

}  // namespace vitro
