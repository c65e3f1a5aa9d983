#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace vitro {

// What the control groups of Linux, versions 1 and 2, leave to the ones that this process is in: a
// container's limits, a service's, a batch job's. A group is bound by its own limit and by those of
// the groups around it; the tightest counts. `root` is the folder that proc/self/cgroup and
// sys/fs/cgroup are in.

/// Processors' worth of time, 1.5 for example; nothing without a quota.
std::optional<double> group_cpu_quota(const std::filesystem::path& root = "/");

/// Bytes that may still be used; nothing without a limit. Cached files do not count as used: they
/// make room.
std::optional<int64_t> group_memory_left(const std::filesystem::path& root = "/");

}  // namespace vitro
