// What the process table's tests share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "process/process_table.h"
#include "unit/process/fake_proc_fs.h"

namespace profd {

inline BootTime At(int64_t milliseconds) { return std::chrono::milliseconds(milliseconds); }

class ProcessTableTest : public testing::Test {
 protected:
  /// Started at 100 ms.
  static ProcessId Id(uint32_t tgid, uint32_t exec_id = 1, uint64_t start_ms = 100) {
    return {.tgid = tgid, .exec_id = exec_id, .start_time_ns = start_ms * 1'000'000};
  }
  static MapEvent Map(uint64_t start, const std::string& path, uint64_t inode = 5) {
    return {.start = start, .length = 0x1000, .file_offset = 0x3000, .file = {8, 1, inode, path}};
  }
  static std::string MapsLine(uint64_t start, std::string_view path) {
    return fmt::format("{:x}-{:x} r-xp 00003000 08:01 5    {}\n", start, start + 0x1000, path);
  }
  /// Path of what is mapped there; "-" when nothing is known.
  std::string PathAt(const ProcessId& id, uint64_t address) {
    const std::vector<ResolvedAddress> resolved = table_.Resolve(id, std::vector<uint64_t>{address});
    return resolved.at(0).file ? resolved[0].file->path : "-";
  }
  void AddAlive(const ProcessId& id, const std::string& maps = "") {
    proc_.AddProcess(id.tgid, id.start_time_ns, maps);
  }
  int MapsReads(uint32_t tgid) { return proc_.reads[FakeProcFs::Name(tgid, "maps")]; }
  void Pass(BootTime time) { clock_.now += time; }

  static constexpr uint64_t kA = 0x10000, kB = 0x20000, kC = 0x30000;
  FakeProcFs proc_;
  FakeClock clock_;
  ProcessTable table_{&proc_, &clock_, 100};
};

}  // namespace profd
