#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/processor.h"

namespace vitro {

/// Bytes of physical memory; 0 when the system does not say.
int64_t total_memory();
/// Bytes that can be used without swapping and within the memory limits of the control groups (of a
/// container, say) that this process is in; 0 when the system does not say.
int64_t available_memory();

/// Bytes that the tightest memory limit of the groups named in `groups` (/proc/self/cgroup) leaves;
/// nothing without a limit. `root` is where both versions of control groups are mounted
/// (/sys/fs/cgroup). Cached files do not count as used: they make room.
std::optional<int64_t> memory_left_in_groups(const std::filesystem::path& groups,
                                             const std::filesystem::path& root);

/// Compiler and version this program was built with.
std::string compiler();

}  // namespace vitro
