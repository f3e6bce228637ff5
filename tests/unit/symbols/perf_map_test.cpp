// Code that is in no file: perf maps, and the kernel.
#include <fcntl.h>

#include "unit/symbols/symbolizer_fixture.h"

namespace profd {
namespace {

using testing::ElementsAre;

class PerfMapTest : public SymbolizerTest {
 protected:
  ProcessDetails Jit(uint32_t pid) {
    ProcessDetails process = Process(pid);
    process.ns_pids = {pid, 1};
    return process;
  }
  /// Written a second after the process started, unless said otherwise.
  void WriteMap(uint32_t pid, const std::string& content, int64_t after_start = 1) {
    Write("perf.map", content);
    const int64_t start = (clock_.ToWall(BootTime(kStartTimeNs)).time_since_epoch().count()) / 1'000'000'000;
    const timespec times[2] = {{start + after_start, 0}, {start + after_start, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, Path("perf.map").c_str(), times, 0), 0);
    proc_.root_files[{pid, "/tmp/perf-1.map"}] = Path("perf.map");
  }
  const std::shared_ptr<const MappedFile> memory_ = Memory("//anon");
};

TEST_F(PerfMapTest, AnonymousCodeIsLookedUpByAddressUnderTheInnermostPid) {
  const auto process = Jit(7);
  WriteMap(7, "map");
  const auto result = symbolizer_.Symbolize(process, std::vector{In(memory_, 0x400010), In(memory_, 0x400020)});
  EXPECT_EQ(result[0].lines.at(0).function, "map+400010");
  EXPECT_EQ(result[1].lines.at(0).function, "map+40001f");
  EXPECT_EQ(result[0].file, "//anon");
  EXPECT_EQ(result[0].build_id, "");
  EXPECT_EQ(analyzer_.calls.at(0).kind, ObjectKind::kPerfMap);
  EXPECT_EQ(analyzer_.describes, 0);
}

TEST_F(PerfMapTest, AllKindsOfAnonymousMemoryCount) {
  const auto process = Jit(7);
  WriteMap(7, "map");
  for (const std::string name : {"//anon", "[heap]", "", "[anon:v8]", "[stack]", "/memfd:doublemapper (deleted)"}) {
    EXPECT_EQ(NameAt(process, In(Memory(name), 0x400010)), "map+400010") << name;
  }
}

TEST_F(PerfMapTest, AMapThatGrewIsReadAnewButNotMoreThanOnceASecond) {
  const auto process = Jit(7);
  WriteMap(7, "map");
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
  WriteMap(7, "grown");
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
  clock_.now += std::chrono::seconds(1);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "grown+400010") << "code may have been replaced";
  clock_.now += std::chrono::seconds(1);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "grown+400010");
  EXPECT_EQ(analyzer_.CallCount(), 2u) << "the same content is not read twice";
}

TEST_F(PerfMapTest, AMapThatTakesLongIsReadLessOften) {
  const auto process = Jit(7);
  WriteMap(7, "map");
  analyzer_.before_answer = [&] { clock_.now += std::chrono::seconds(1); };
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
  WriteMap(7, "grown");
  clock_.now += std::chrono::seconds(10);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
  clock_.now += std::chrono::seconds(10);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "grown+400010");
}

TEST_F(PerfMapTest, AMapOlderThanTheProcessIsTheFormerOnes) {
  const auto process = Jit(7);
  WriteMap(7, "map", -60);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "?");
  EXPECT_EQ(analyzer_.CallCount(), 0u);
}

TEST_F(PerfMapTest, AMapOfAnotherUserIsNotBelieved) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  const auto process = Jit(7);
  WriteMap(7, "map");
  ASSERT_EQ(chown(Path("perf.map").c_str(), 4711, 4711), 0);
  WriteMap(7, "map");
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "?");
  proc_.texts["7/status"] = "Uid:\t4711\t4711\t4711\t4711\nNSpid:\t7\t1\n";
  clock_.now += std::chrono::seconds(2);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
}

TEST_F(PerfMapTest, AProcessWithoutMapIsAskedLessAndLessOften) {
  const auto process = Jit(7);
  for (int second = 0; second < 600; ++second) {
    EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "?");
    clock_.now += std::chrono::seconds(1);
  }
  EXPECT_LE(proc_.opens, 18);
  EXPECT_GE(proc_.opens, 8);
}

TEST_F(PerfMapTest, AReusedNumberIsNotBelieved) {
  const auto process = Jit(7);
  WriteMap(7, "map");
  proc_.AddProcess(7, kStartTimeNs + 1'000'000'000);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "?");
}

TEST_F(PerfMapTest, WhatWasReadStaysAfterTheEnd) {
  auto process = Jit(7);
  WriteMap(7, "map");
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
  process.exited = true;
  proc_.RemoveProcess(7);
  clock_.now += std::chrono::seconds(10);
  EXPECT_EQ(NameAt(process, In(memory_, 0x400010)), "map+400010");
  EXPECT_EQ(NameAt(process, In(memory_, 0x400020)), "map+400020");
}

TEST_F(SymbolizerTest, KernelFramesComeFromKallsymsWithoutTheirModule) {
  proc_.files["kallsyms"] = Write("kallsyms", "ksym");
  analyzer_.answer = [](const ObjectRef&, std::span<const uint64_t> positions) {
    std::vector<FrameLines> lines;
    for (const uint64_t position : positions) lines.push_back({{fmt::format("k{:x}\t[ext4]", position), "s [ext4]"}});
    return lines;
  };
  const auto result = symbolizer_.SymbolizeKernel(std::vector<uint64_t>{0xffffffff81000010, 0xffffffffc0000020});
  EXPECT_EQ(result[0].lines.at(0).function, "kffffffff81000010");
  EXPECT_EQ(result[1].lines.at(0).function, "kffffffffc000001f");
  EXPECT_EQ(result[1].lines.at(0).system_name, "s");
  EXPECT_EQ(result[0].file, "[kernel]");
  EXPECT_EQ(analyzer_.calls.at(0).kind, ObjectKind::kKallsyms);
  symbolizer_.SymbolizeKernel(std::vector<uint64_t>{0xffffffff81000010, 0xffffffffc0000020});
  EXPECT_EQ(analyzer_.CallCount(), 1u);
}

TEST_F(SymbolizerTest, AnUnknownKernelAddressIsReasonToLookForNewModulesOnceAMinute) {
  proc_.files["kallsyms"] = Write("kallsyms", "ksym");
  bool loaded = false;
  analyzer_.answer = [&](const ObjectRef&, std::span<const uint64_t> positions) {
    return std::vector<FrameLines>(positions.size(), loaded ? FrameLines{{"module_function"}} : FrameLines{});
  };
  const std::vector<uint64_t> stack = {0xffffffffc0000020};
  EXPECT_TRUE(symbolizer_.SymbolizeKernel(stack)[0].lines.empty());
  loaded = true;
  EXPECT_TRUE(symbolizer_.SymbolizeKernel(stack)[0].lines.empty());
  EXPECT_EQ(analyzer_.CallCount(), 1u);
  clock_.now += std::chrono::seconds(61);
  EXPECT_EQ(symbolizer_.SymbolizeKernel(stack)[0].lines.at(0).function, "module_function");
  EXPECT_NE(analyzer_.calls.at(0).identity, analyzer_.calls.at(1).identity);
}

TEST_F(SymbolizerTest, WithoutKallsymsTheKernelHasNoNames) {
  const auto result = symbolizer_.SymbolizeKernel(std::vector<uint64_t>{0xffffffff81000010});
  EXPECT_EQ(result[0].file, "[kernel]");
  EXPECT_TRUE(result[0].lines.empty());
}

}  // namespace
}  // namespace profd
