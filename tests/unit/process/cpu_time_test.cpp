#include "process/cpu_time.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "fake_proc_fs.h"

namespace profd {
namespace {

using ::testing::Optional;

const std::chrono::nanoseconds kTick{1'000'000'000 / sysconf(_SC_CLK_TCK)};

/// Of a process that started 500 ticks after the machine. Each field before its times is a number of its own.
std::string Stat(const std::string& name) {
  return "42 (" + name + ") R 4 5 6 7 8 9 10 11 12 13 14000 1500 16 17 18 19 20 21 500 23 24\n";
}
ProcessId Started(int64_t ticks) {
  return {.tgid = 42, .exec_id = 1, .start_time_ns = static_cast<uint64_t>((kTick * ticks).count())};
}

std::optional<std::chrono::nanoseconds> Read(const std::string& stat, const ProcessId& process = Started(500)) {
  FakeProcFs proc_fs;
  proc_fs.texts["42/stat"] = stat;
  return ReadCpuTime(proc_fs, process);
}

TEST(CpuTime, IsUserAndSystemTime) { EXPECT_THAT(Read(Stat("server")), Optional(kTick * 15500)); }

TEST(CpuTime, ANameMayHoldAnything) {
  for (const char* name : {"", "a b", "a) R 1 2 3", "((", "\n", "1 2 3 4 5 6 7 8 9 10 11 12 13"}) {
    EXPECT_THAT(Read(Stat(name)), Optional(kTick * 15500)) << name;
  }
}

TEST(CpuTime, AStartWithinTheSameTickIsTheSame) {
  ProcessId process = Started(500);
  process.start_time_ns += 1;
  EXPECT_TRUE(Read(Stat("server"), process));
}

TEST(CpuTime, OfAReusedPidThereIsNone) {
  EXPECT_FALSE(Read(Stat("server"), Started(499)));
  EXPECT_FALSE(Read(Stat("server"), Started(501)));
}

TEST(CpuTime, OfTheDeadThereIsNone) { EXPECT_FALSE(ReadCpuTime(FakeProcFs(), Started(500))); }

TEST(CpuTime, OfWhatCannotBeReadThereIsNone) {
  for (const char* text : {"", "42", "42 (server", "42 (server) R", "42 (server) R 4 5 6 7 8 9 10 11 12 13 14000 1500",
                           "42 (server) R 4 5 6 7 8 9 10 11 12 13 x 1500 16 17 18 19 20 21 500 23"}) {
    EXPECT_FALSE(Read(text)) << text;
  }
}

}  // namespace
}  // namespace profd
