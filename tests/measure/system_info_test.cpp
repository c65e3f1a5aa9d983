#include "measure/system_info.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(SystemInfo, TheTightestGroupAroundTheProcessLimitsItsMemory) {
  const test::TemporaryDirectory directory;
  const fs::path root = directory.path() / "cgroup";
  const fs::path groups = directory.path() / "self";
  write(groups, "12:cpu,cpuacct:/x\n0::/user/app\n");
  EXPECT_FALSE(memory_left_in_groups(groups, root)) << "no files at all";
  write(root / "user/app/memory.max", "max\n");
  write(root / "user/app/memory.current", "500\n");
  EXPECT_FALSE(memory_left_in_groups(groups, root)) << "no limit";
  write(root / "user/memory.max", "1000\n");
  write(root / "user/memory.current", "900\n");
  EXPECT_EQ(memory_left_in_groups(groups, root), 100);
  write(root / "user/memory.stat", "anon 600\nactive_file 50\ninactive_file 250\n");
  EXPECT_EQ(memory_left_in_groups(groups, root), 350) << "cached files make room";
  write(root / "memory.max", "800\n");
  write(root / "memory.current", "790\n");
  EXPECT_EQ(memory_left_in_groups(groups, root), 10) << "as in a container: the root has the limit";
  write(root / "memory.current", "900\n");
  EXPECT_EQ(memory_left_in_groups(groups, root), 0);
}

TEST(SystemInfo, VersionOneOfControlGroupsToo) {
  const test::TemporaryDirectory directory;
  const fs::path root = directory.path() / "cgroup";
  const fs::path groups = directory.path() / "self";
  write(groups, "4:memory:/docker/1\n0::/\n");
  write(root / "memory/docker/1/memory.limit_in_bytes", "1000\n");
  write(root / "memory/docker/1/memory.usage_in_bytes", "600\n");
  write(root / "memory/docker/1/memory.stat", "total_inactive_file 100\n");
  write(root / "memory/memory.limit_in_bytes", "9223372036854771712\n");
  write(root / "memory/memory.usage_in_bytes", "600\n");
  EXPECT_EQ(memory_left_in_groups(groups, root), 500);
}

}  // namespace
}  // namespace vitro
