#include "cli/system_info.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace vitro::cli {
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

std::string cpu_model() {
  const std::string name = field_of("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

int64_t total_memory() { return memory_field("MemTotal"); }
int64_t available_memory() { return memory_field("MemAvailable"); }

std::string compiler() { return VITRO_COMPILER; }

}  // namespace vitro::cli
