// The filter itself, in a child: each call that a worker has no business with is its end.
#include "worker/syscall_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>

namespace profd {
namespace {

constexpr int kNotFiltered = 3, kSurvived = 7;

[[noreturn]] void Filtered(const std::function<void()>& act) {
  if (!InstallSyscallFilter().ok()) _exit(kNotFiltered);
  act();
  _exit(kSurvived);
}

void* Map(int protection) { return mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

TEST(SyscallFilterDeathTest, LetsAWorkerReadAndAllocate) {
  const int file = open("/proc/self/exe", O_RDONLY);
  EXPECT_EXIT(Filtered([file] {
                char byte = 0;
                if (pread(file, &byte, 1, 0) != 1 || Map(PROT_READ | PROT_WRITE) == MAP_FAILED) _exit(1);
                if (mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED) _exit(1);
                free(malloc(size_t{32} << 20));
                close(file);
              }),
              testing::ExitedWithCode(kSurvived), "");
  close(file);
}

struct Forbidden {
  const char* name;
  std::function<void()> act;
};
void PrintTo(const Forbidden& forbidden, std::ostream* out) { *out << forbidden.name; }

class ForbiddenCallDeathTest : public testing::TestWithParam<Forbidden> {};

TEST_P(ForbiddenCallDeathTest, Kills) { EXPECT_EXIT(Filtered(GetParam().act), testing::KilledBySignal(SIGSYS), ""); }

INSTANTIATE_TEST_SUITE_P(
    Calls, ForbiddenCallDeathTest,
    testing::Values(Forbidden{"open_a_file", [] { open("/etc/passwd", O_RDONLY); }},
                    Forbidden{"look_at_a_path", [] { access("/etc/passwd", F_OK); }},
                    Forbidden{"make_a_socket", [] { socket(AF_INET, SOCK_STREAM, 0); }},
                    Forbidden{"start_a_process", [] { fork(); }},
                    Forbidden{"run_a_program", [] { execl("/bin/true", "true", nullptr); }},
                    Forbidden{"signal_a_process", [] { kill(getppid(), 0); }},
                    Forbidden{"trace_a_process", [] { ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
                    Forbidden{"write_to_a_descriptor", [] { [[maybe_unused]] const auto n = write(1, "x", 1); }},
                    Forbidden{"map_executable_memory", [] { Map(PROT_READ | PROT_EXEC); }},
                    Forbidden{"make_memory_executable",
                              [] { mprotect(Map(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace profd
