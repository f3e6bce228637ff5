#include "process/memory_room.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fake_proc_fs.h"
#include "support/temp_dir.h"

namespace profd {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class MemoryRoom : public ::testing::Test {
 protected:
  MemoryRoom() {
    proc_fs.texts["meminfo"] = "MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable: 2097152 kB\n";
  }
  void RunIn(const std::string& cgroup) { proc_fs.texts["7/cgroup"] = "0::" + cgroup + "\n"; }
  /// A cgroup; `stat` is its memory.stat.
  void AddCgroup(const std::string& path, const std::string& most, uint64_t current, const std::string& stat = "") {
    std::filesystem::create_directories(root / path);
    std::ofstream(root / (path + "/memory.max")) << most << "\n";
    std::ofstream(root / (path + "/memory.current")) << current << "\n";
    if (!stat.empty()) std::ofstream(root / (path + "/memory.stat")) << stat;
  }
  std::optional<ProcessMemory> Room() const { return ReadProcessMemory(proc_fs, 7, root.path()); }
  uint64_t Left() const { return Room() ? Room()->left_bytes : 0; }
  std::string Reason() const { return Room() ? Room()->limited_by : "nothing"; }

  FakeProcFs proc_fs;
  testing::TempDir root;
};

TEST_F(MemoryRoom, IsWhatTheLimitLeaves) {
  RunIn("/pod");
  AddCgroup("/pod", std::to_string(256 * kMiB), 100 * kMiB);
  EXPECT_EQ(Left(), 156 * kMiB);
  EXPECT_EQ(Reason(), "memory.max of /pod");
}

TEST_F(MemoryRoom, FilePagesThatCanBeReclaimedAreFree) {
  RunIn("/pod");
  AddCgroup("/pod", std::to_string(256 * kMiB), 200 * kMiB,
            "anon 1000\nfile 99999999\ninactive_anon 5\nactive_anon 6\ninactive_file 41943040\nactive_file 20971520\n"
            "unevictable 0\nworkingset_refault_file 77777777\n");
  EXPECT_EQ(Left(), (256 - 200 + 40 + 20) * kMiB);
}

TEST_F(MemoryRoom, NoMoreIsReclaimedThanIsInUse) {
  RunIn("/pod");
  AddCgroup("/pod", std::to_string(256 * kMiB), 10 * kMiB, "inactive_file 999999999999\n");
  EXPECT_EQ(Left(), 256 * kMiB);
}

TEST_F(MemoryRoom, AboveTheLimitNothingIsLeft) {
  RunIn("/pod");
  AddCgroup("/pod", std::to_string(256 * kMiB), 257 * kMiB);
  ASSERT_TRUE(Room());
  EXPECT_EQ(Left(), 0u);
}

TEST_F(MemoryRoom, TheTightestAncestorCounts) {
  RunIn("/slice/pod/app");
  AddCgroup("/slice", std::to_string(1000 * kMiB), 900 * kMiB);
  AddCgroup("/slice/pod", std::to_string(300 * kMiB), 280 * kMiB);
  AddCgroup("/slice/pod/app", std::to_string(256 * kMiB), 100 * kMiB);
  EXPECT_EQ(Left(), 20 * kMiB);
  EXPECT_EQ(Reason(), "memory.max of /slice/pod");
  AddCgroup("/slice", std::to_string(1000 * kMiB), 999 * kMiB);
  EXPECT_EQ(Reason(), "memory.max of /slice");
}

TEST_F(MemoryRoom, AnAncestorsLimitHoldsWithoutAnOwn) {
  RunIn("/pod/app");
  AddCgroup("/pod", std::to_string(256 * kMiB), 100 * kMiB);
  AddCgroup("/pod/app", "max", 90 * kMiB);
  EXPECT_EQ(Reason(), "memory.max of /pod");
}

TEST_F(MemoryRoom, WithoutALimitItIsTheMachines) {
  RunIn("/pod");
  AddCgroup("/pod", "max", 100 * kMiB);
  EXPECT_EQ(Left(), 2048 * kMiB);
  EXPECT_EQ(Reason(), "the machine's memory");
  RunIn("/");
  EXPECT_EQ(Reason(), "the machine's memory");
}

TEST_F(MemoryRoom, AMachineWithLessThanTheLimitCounts) {
  RunIn("/pod");
  AddCgroup("/pod", std::to_string(4096 * kMiB), 100 * kMiB);
  EXPECT_EQ(Left(), 2048 * kMiB);
  EXPECT_EQ(Reason(), "the machine's memory");
}

TEST_F(MemoryRoom, BeyondTheRootOfTheNamespaceNothingIsKnown) {
  RunIn("/../pod");
  EXPECT_FALSE(Room());
}

TEST_F(MemoryRoom, WithoutTheUnifiedHierarchyItIsTheMachines) {
  AddCgroup("/docker", std::to_string(256 * kMiB), 100 * kMiB);
  proc_fs.texts["7/cgroup"] = "10:memory:/docker\n1:name=systemd:/docker\n";
  EXPECT_EQ(Reason(), "the machine's memory");
  proc_fs.texts["7/cgroup"] = "10:memory:/other\n0::/docker\n";
  EXPECT_EQ(Reason(), "memory.max of /docker") << "both";
  proc_fs.texts.erase("7/cgroup");
  EXPECT_EQ(Reason(), "the machine's memory");
}

TEST_F(MemoryRoom, APathOutOfTheHierarchyIsNotFollowed) {
  AddCgroup("/pod", std::to_string(256 * kMiB), 100 * kMiB);
  AddCgroup("/other", std::to_string(256 * kMiB), 100 * kMiB);
  RunIn("/pod/../other");
  EXPECT_EQ(Reason(), "the machine's memory");
}

TEST_F(MemoryRoom, ACgroupThatIsGoneLeavesItsAncestors) {
  AddCgroup("/pod", std::to_string(256 * kMiB), 100 * kMiB);
  RunIn("/pod/gone (deleted)");
  EXPECT_EQ(Reason(), "memory.max of /pod");
}

TEST_F(MemoryRoom, ALimitWithoutAUsageIsNone) {
  RunIn("/pod");
  AddCgroup("/pod", std::to_string(256 * kMiB), 0);
  std::filesystem::remove(root / "/pod/memory.current");
  EXPECT_EQ(Reason(), "the machine's memory");
}

TEST_F(MemoryRoom, IsUnknownWhereNothingTells) {
  RunIn("/pod");
  proc_fs.texts["meminfo"] = "MemTotal: 5 kB\n";
  EXPECT_FALSE(Room());
  proc_fs.texts.erase("meminfo");
  EXPECT_FALSE(Room());
}

}  // namespace
}  // namespace profd
