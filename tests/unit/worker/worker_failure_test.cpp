// Workers that die, hang or do not start: what the caller is told, what is counted, and when it is tried again.
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "unit/worker/pool_fixture.h"

namespace profd {
namespace {

using testing::IsEmpty;
using namespace testing_worker;
using std::chrono::milliseconds;

TestFile PerfMap() { return FileOf("1000 10 name\n", ObjectKind::kPerfMap); }
const std::vector<uint64_t> kPosition{0x1000};

// Waits until `pid` is stopped, so that a question to it stays without an answer.
void Stop(pid_t pid) {
  kill(pid, SIGSTOP);
  for (;;) {
    const std::string stat = ReadAll(fmt::format("/proc/{}/stat", pid));
    if (stat.find(") T ") != std::string::npos) return;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

TEST(WorkerFailure, AKilledWorkerIsAnInternalErrorAndTheNextQuestionAfterBackoffWorks) {
  WorkerPoolOptions options = TestOptions();
  options.first_backoff = milliseconds(400);
  const auto pool = PoolOf(options);
  const TestFile file = PerfMap();
  ASSERT_TRUE(pool->Describe(file.ref()).ok());
  const pid_t pid = pool->pids().at(0);
  Stop(pid);
  std::thread killer([pid] {
    std::this_thread::sleep_for(milliseconds(50));
    kill(pid, SIGKILL);
  });
  const auto answer = pool->Resolve(file.ref(), kPosition);
  killer.join();
  EXPECT_THAT(answer, RefusedWith(absl::StatusCode::kInternal, "killed by signal 9"));
  EXPECT_EQ(pool->counters().crashed, 1u);
  EXPECT_THAT(pool->pids(), IsEmpty());

  EXPECT_THAT(pool->Resolve(file.ref(), kPosition), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(pool->counters().backed_off, 1u);
  std::this_thread::sleep_for(milliseconds(400));
  EXPECT_TRUE(pool->Resolve(file.ref(), kPosition).ok());
  EXPECT_EQ(pool->counters().ok, 2u);
}

TEST(WorkerFailure, AnObjectInBackoffDoesNotHoldUpOthers) {
  WorkerPoolOptions options = TestOptions();
  options.first_backoff = std::chrono::hours(1);
  options.longest_backoff = std::chrono::hours(1);
  const auto pool = PoolOf(options);
  const TestFile bad = PerfMap(), good = PerfMap();
  ASSERT_TRUE(pool->Describe(bad.ref()).ok());
  kill(pool->pids().at(0), SIGKILL);
  ASSERT_THAT(pool->Resolve(bad.ref(), kPosition), HasCode(absl::StatusCode::kInternal));
  EXPECT_THAT(pool->Resolve(bad.ref(), kPosition), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(pool->Resolve(good.ref(), kPosition).ok());
}

TEST(WorkerFailure, AWorkerThatHangsIsKilledAtTheDeadline) {
  WorkerPoolOptions options = TestOptions();
  options.question_deadline = milliseconds(1500);
  const auto pool = PoolOf(options);
  const TestFile file = PerfMap();
  ASSERT_TRUE(pool->Describe(file.ref()).ok());
  const pid_t pid = pool->pids().at(0);
  Stop(pid);
  EXPECT_THAT(pool->Resolve(file.ref(), kPosition), HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(pool->counters().timed_out, 1u);
  EXPECT_EQ(pool->counters().crashed, 0u);
  EXPECT_EQ(kill(pid, 0), -1) << "killed, and no zombie";
}

TEST(WorkerFailure, AQuestionThatFindsAllWorkersBusyGivesUpAtTheDeadline) {
  WorkerPoolOptions options = TestOptions();
  options.max_workers = 1;
  options.question_deadline = milliseconds(1500);
  const auto pool = PoolOf(options);
  const TestFile slow = PerfMap(), other = PerfMap();
  ASSERT_TRUE(pool->Describe(slow.ref()).ok());
  const pid_t pid = pool->pids().at(0);
  Stop(pid);
  std::thread asks_slow([&] { EXPECT_FALSE(pool->Resolve(slow.ref(), kPosition).ok()); });
  std::this_thread::sleep_for(milliseconds(100));
  const auto answer = pool->Resolve(other.ref(), kPosition);
  asks_slow.join();
  // Either it was told so, or it got the place that the killed worker left.
  if (!answer.ok()) {
    EXPECT_THAT(answer, RefusedWith(absl::StatusCode::kUnavailable, "busy"));
  }
  EXPECT_TRUE(pool->Resolve(other.ref(), kPosition).ok()) << "that was no failure of the object";
}

TEST(WorkerFailure, AnExecutableThatDoesNotExistIsNamedAndCounted) {
  WorkerPoolOptions options = TestOptions();
  options.executable = "/nonexistent/worker";
  const auto pool = PoolOf(options);
  const TestFile file = PerfMap();
  EXPECT_THAT(pool->Describe(file.ref()), RefusedWith(absl::StatusCode::kUnavailable, "/nonexistent/worker"));
  EXPECT_EQ(pool->counters().launch_failed, 1u);
}

TEST(WorkerFailure, AProgramThatIsNoWorkerIsACrash) {
  WorkerPoolOptions options = TestOptions();
  options.executable = "/bin/true";
  const auto pool = PoolOf(options);
  const TestFile file = PerfMap();
  EXPECT_THAT(pool->Describe(file.ref()), RefusedWith(absl::StatusCode::kInternal, "exited with 0"));
  EXPECT_EQ(pool->counters().crashed, 1u);
}

TEST(WorkerFailure, AnObjectThatNeedsMoreMemoryThanAllowedIsRefusedOrCrashesItsWorkerOnly) {
  WorkerPoolOptions options = TestOptions();
  options.memory_bytes = uint64_t{16} << 20;
  const auto pool = PoolOf(options);
  std::string map;
  for (int i = 0; i < 1'000'000; ++i) map += fmt::format("{:x} 10 name_{}\n", 0x1000 + i * 16, i);
  const TestFile large = FileOf(map, ObjectKind::kPerfMap);
  EXPECT_THAT(pool->Describe(large.ref()), RefusedWith(absl::StatusCode::kInvalidArgument, "memory"));
  EXPECT_TRUE(pool->Describe(PerfMap().ref()).ok());
}

TEST(WorkerFailure, ARefusalIsRememberedAndAskedAgainLater) {
  WorkerPoolOptions options = TestOptions();
  options.refusal_time = milliseconds(300);
  const auto pool = PoolOf(options);
  const TestFile garbage = FileOf("garbage, and a good deal of it");
  EXPECT_THAT(pool->Describe(garbage.ref()), RefusedWith(absl::StatusCode::kInvalidArgument, "not an ELF file"));
  EXPECT_THAT(pool->pids(), IsEmpty()) << "its worker has nothing to do";
  EXPECT_THAT(pool->Describe(garbage.ref()), RefusedWith(absl::StatusCode::kInvalidArgument, "not an ELF file"));
  EXPECT_EQ(pool->counters().refused, 2u);
  EXPECT_EQ(pool->counters().crashed, 0u);
}

TEST(WorkerFailure, AWorkerEndsWithThePool) {
  auto pool = PoolOf(TestOptions());
  ASSERT_TRUE(pool->Describe(PerfMap().ref()).ok());
  const pid_t pid = pool->pids().at(0);
  pool.reset();
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(WorkerFailure, AWorkerEndsWhenProfdIsKilled) {
  int from_child[2];
  ASSERT_EQ(pipe(from_child), 0);
  const pid_t profd = fork();
  if (profd == 0) {
    const auto pool = PoolOf(TestOptions());
    const TestFile file = PerfMap();
    pid_t worker = pool->Describe(file.ref()).ok() ? pool->pids().at(0) : -1;
    // In the middle of a question it does not watch the connection.
    Stop(worker);
    if (write(from_child[1], &worker, sizeof(worker)) != sizeof(worker)) _exit(1);
    pause();
    _exit(0);
  }
  pid_t worker = -1;
  ASSERT_EQ(read(from_child[0], &worker, sizeof(worker)), static_cast<ssize_t>(sizeof(worker)));
  ASSERT_GT(worker, 0);
  kill(profd, SIGKILL);
  waitpid(profd, nullptr, 0);
  const auto gone = [worker] {
    const std::string stat = ReadAll(fmt::format("/proc/{}/stat", worker));
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  };
  while (!gone()) std::this_thread::sleep_for(milliseconds(1));
  close(from_child[0]);
  close(from_child[1]);
}

}  // namespace
}  // namespace profd
