// What the symbolizer's tests share: files in a directory, mapped into processes of a made-up /proc.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdlib>
#include <fstream>

#include "symbols/symbolizer.h"
#include "unit/process/fake_proc_fs.h"
#include "unit/symbols/fake_object_analyzer.h"

namespace profd {

class SymbolizerTest : public testing::Test {
 protected:
  static constexpr uint64_t kStart = 0x400000, kLimit = 0x500000, kOffset = 0x1000;

  SymbolizerTest() {
    std::string name = "/tmp/profd-symbols-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~SymbolizerTest() override { std::system(("rm -rf " + directory_).c_str()); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name)) << content;
    return Path(name);
  }

  /// A living process.
  ProcessDetails Process(uint32_t pid, uint32_t exec_id = 1) {
    ProcessDetails details;
    details.process = {.pid = pid, .start_time_ns = kStartTimeNs, .exec_id = exec_id, .command = "app"};
    details.ns_pids = {pid};
    proc_.AddProcess(pid, kStartTimeNs);
    proc_.texts[FakeProcFs::Name(pid, "status")] =
        fmt::format("Uid:\t{0}\t{0}\t{0}\t{0}\nNSpid:\t{1}\t1\n", getuid(), pid);
    return details;
  }

  /// The file as it is mapped, seen as `path` by the process.
  static std::shared_ptr<const MappedFile> Mapped(const std::string& real_path, const std::string& path) {
    struct stat status {};
    EXPECT_EQ(stat(real_path.c_str(), &status), 0);
    return std::make_shared<MappedFile>(MappedFile{major(status.st_dev), minor(status.st_dev), status.st_ino, path});
  }
  static std::shared_ptr<const MappedFile> Memory(const std::string& name) {
    return std::make_shared<MappedFile>(MappedFile{0, 0, 0, name});
  }
  /// Makes the file openable by map_files of that process.
  void MapInto(uint32_t pid, const std::string& real_path) {
    proc_.files[fmt::format("{}/map_files/{:x}-{:x}", pid, kStart, kLimit)] = real_path;
  }

  static ResolvedAddress In(std::shared_ptr<const MappedFile> file, uint64_t address) {
    return {address, kStart, kLimit, kOffset, std::move(file)};
  }
  std::string NameAt(const ProcessDetails& process, const ResolvedAddress& address) {
    const auto symbolized = symbolizer_.Symbolize(process, std::vector{address});
    return symbolized.at(0).lines.empty() ? "?" : symbolized[0].lines[0].function;
  }

  static constexpr uint64_t kStartTimeNs = 5'000'000'000;
  std::string directory_;
  FakeProcFs proc_;
  FakeClock clock_;
  FakeObjectAnalyzer analyzer_;
  Symbolizer symbolizer_{&proc_, &clock_, &analyzer_, 1000};
};

}  // namespace profd
