#include "core/control_groups.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"
#include "core/thread_team.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

/// A tree that looks like / to the readers.
class Machine {
 public:
  explicit Machine(const std::string& groups) { write("proc/self/cgroup", groups); }
  void write(const std::string& path, const std::string& text) const {
    const fs::path file = directory_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void group(const std::string& path, const std::string& text) const {
    write("sys/fs/cgroup/" + path, text);
  }
  const fs::path& root() const { return directory_.path(); }

 private:
  test::TemporaryDirectory directory_;
};

TEST(ControlGroups, NoneIsNoLimit) {
  const test::TemporaryDirectory nothing;
  EXPECT_FALSE(group_cpu_quota(nothing.path()));
  EXPECT_FALSE(group_memory_left(nothing.path()));
  const Machine broken("nonsense\n0::\n::\n0::relative\n7:cpu\n");
  broken.group("cpu.max", "-5 0\n");
  EXPECT_FALSE(group_cpu_quota(broken.root()));
}

TEST(ControlGroups, VersionTwoHasAQuotaInAnyGroupAroundTheProcess) {
  const Machine machine("0::/pods/app\n");
  machine.group("pods/app/cpu.max", "max 100000\n");
  EXPECT_FALSE(group_cpu_quota(machine.root()));
  machine.group("pods/cpu.max", "250000 100000\n");
  EXPECT_EQ(group_cpu_quota(machine.root()), 2.5);
  machine.group("pods/app/cpu.max", "50000 100000\n");
  EXPECT_EQ(group_cpu_quota(machine.root()), 0.5);
  EXPECT_EQ(available_cores(machine.root()), 1);
}

TEST(ControlGroups, AQuotaIsRoundedUpAndNeverAddsCores) {
  const Machine machine("0::/\n");
  machine.group("cpu.max", "110000 100000\n");
  const int cores = available_cores("/nowhere");
  EXPECT_EQ(available_cores(machine.root()), std::min(cores, 2));
  machine.group("cpu.max", "1e300 1\n");
  EXPECT_EQ(available_cores(machine.root()), cores);
}

TEST(ControlGroups, VersionOneNamesItsControllers) {
  const Machine machine("5:cpuset:/x\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n0::/\n");
  machine.group("cpu,cpuacct/docker/1/cpu.cfs_quota_us", "-1\n");
  machine.group("cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(group_cpu_quota(machine.root()));
  machine.group("cpu,cpuacct/docker/1/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(group_cpu_quota(machine.root()), 1.5);
  EXPECT_LE(available_cores(machine.root()), 2);
}

// Without a namespace of its own a container sees the names of the host, but mounts its own group.
TEST(ControlGroups, GroupsOfTheHostThatAreMountedAsTheRoot) {
  const Machine machine("4:cpu:/docker/1/worker\n0::/docker/1/worker\n");
  machine.group("cpu/cpu.cfs_quota_us", "200000\n");
  machine.group("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(group_cpu_quota(machine.root()), 2.0);
  machine.group("cpu/worker/cpu.cfs_quota_us", "100000\n");
  machine.group("cpu/worker/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(group_cpu_quota(machine.root()), 1.0);
}

TEST(ControlGroups, AGroupBesideTheNamespaceIsReadAtItsRoot) {
  const Machine machine("0::/../other\n");
  machine.group("cpu.max", "300000 100000\n");
  machine.write("sys/fs/other/cpu.max", "100000 100000\n");
  EXPECT_EQ(group_cpu_quota(machine.root()), 3.0);
}

TEST(ControlGroups, TheTightestGroupLimitsTheMemory) {
  const Machine machine("12:cpu,cpuacct:/x\n0::/user/app\n");
  EXPECT_FALSE(group_memory_left(machine.root())) << "no files at all";
  machine.group("user/app/memory.max", "max\n");
  machine.group("user/app/memory.current", "500\n");
  EXPECT_FALSE(group_memory_left(machine.root())) << "no limit";
  machine.group("user/memory.max", "1000\n");
  machine.group("user/memory.current", "900\n");
  EXPECT_EQ(group_memory_left(machine.root()), 100);
  machine.group("user/memory.stat", "anon 600\nactive_file 50\ninactive_file 250\n");
  EXPECT_EQ(group_memory_left(machine.root()), 350) << "cached files make room";
  machine.group("memory.max", "800\n");
  machine.group("memory.current", "790\n");
  EXPECT_EQ(group_memory_left(machine.root()), 10) << "as in a container: the root has the limit";
  machine.group("memory.current", "900\n");
  EXPECT_EQ(group_memory_left(machine.root()), 0);
}

TEST(ControlGroups, MemoryOfVersionOne) {
  const Machine machine("4:memory:/docker/1\n0::/\n");
  machine.group("memory/docker/1/memory.limit_in_bytes", "1000\n");
  machine.group("memory/docker/1/memory.usage_in_bytes", "600\n");
  machine.group("memory/docker/1/memory.stat", "total_inactive_file 100\n");
  machine.group("memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.group("memory/memory.usage_in_bytes", "600\n");
  EXPECT_EQ(group_memory_left(machine.root()), 500);
}

}  // namespace
}  // namespace vitro
