#include "measure/system_info.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/control_groups.h"

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

}  // namespace

int64_t total_memory() { return memory_field("MemTotal"); }

int64_t available_memory() {
  const int64_t machine = memory_field("MemAvailable");
  const auto groups = group_memory_left();
  return groups && machine > 0 ? std::min(machine, *groups) : machine;
}

std::string compiler() { return VITRO_COMPILER; }

}  // namespace vitro
