// The pool with real workers: answers, sharing, ends.
#include <dlfcn.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "unit/worker/pool_fixture.h"

namespace profd {

// Not static, so that both symbol tables have them.
namespace worker_pool_test {
struct Basket {
  __attribute__((noinline)) int Add(const std::string& what, int count);
};
int Basket::Add(const std::string& what, int count) { return static_cast<int>(what.size()) + count; }
}  // namespace worker_pool_test

extern "C" __attribute__((noinline)) int plain_c_function(int value) { return value * 3; }

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace testing_worker;

template <typename Method>
const void* AddressOf(Method method) {
  const void* address = nullptr;
  std::memcpy(&address, &method, sizeof(address));
  return address;
}

std::vector<std::string> NamesOf(const std::vector<FrameLines>& frames) {
  std::vector<std::string> names;
  for (const FrameLines& frame : frames) names.push_back(frame.empty() ? "" : frame[0].function);
  return names;
}

TEST(WorkerPool, ResolvesFunctionsOfThisProgram) {
  const auto pool = PoolOf(TestOptions());
  const TestFile self = OpenFile("/proc/self/exe");
  const uint64_t positions[] = {PlaceOf(AddressOf(&worker_pool_test::Basket::Add)).offset,
                                PlaceOf(AddressOf(&plain_c_function)).offset + 1};
  const auto frames = pool->Resolve(self.ref(), positions);
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_EQ((*frames)[0][0].function.substr(0, 44), "profd::worker_pool_test::Basket::Add(std::__");
  EXPECT_TRUE((*frames)[0][0].system_name.starts_with("_ZN5profd16worker_pool_test6Basket3Add")) << "raw";
  EXPECT_EQ((*frames)[1][0].function, "plain_c_function");
}

TEST(WorkerPool, ResolvesALibraryByItsDynamicSymbols) {
  const auto pool = PoolOf(TestOptions());
  const MappedAt malloc_at = PlaceOf(dlsym(RTLD_NEXT, "malloc"));
  const TestFile libc = OpenFile(malloc_at.path);
  const auto frames = pool->Resolve(libc.ref(), std::vector<uint64_t>{malloc_at.offset});
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_THAT(NamesOf(*frames), ElementsAre("malloc"));
}

TEST(WorkerPool, DescribesAnObject) {
  const auto pool = PoolOf(TestOptions());
  const auto facts = pool->Describe(OpenFile("/proc/self/exe").ref());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->symbols, "symtab");
  EXPECT_EQ(facts->go_version, "");
  EXPECT_THAT(facts->build_id, SizeIs(40));
}

TEST(WorkerPool, AnswersInTheOrderAskedAndManyMoreThanOneMessageHolds) {
  const auto pool = PoolOf(TestOptions());
  std::string map;
  std::vector<uint64_t> positions;
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    map += fmt::format("{:x} 10 jit_{}\n", 0x1000 + i * 16, i);
    positions.push_back(static_cast<uint64_t>(0x1000 + (999 - i) * 16 + 3));
    expected.push_back(fmt::format("jit_{}", 999 - i));
  }
  const TestFile file = FileOf(map, ObjectKind::kPerfMap);
  const auto frames = pool->Resolve(file.ref(), positions);
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_EQ(NamesOf(*frames), expected);
}

TEST(WorkerPool, ResolvesTheLongestNamesToo) {
  const auto pool = PoolOf(TestOptions());
  std::string map;
  std::vector<uint64_t> positions;
  for (int i = 0; i < 300; ++i) {
    map += fmt::format("{:x} 10 {}\n", 0x1000 + i * 16, std::string(5000, 'n'));
    positions.push_back(static_cast<uint64_t>(0x1000 + i * 16));
  }
  const TestFile file = FileOf(map, ObjectKind::kPerfMap);
  const auto frames = pool->Resolve(file.ref(), positions);
  ASSERT_TRUE(frames.ok()) << frames.status();
  for (const FrameLines& frame : *frames) ASSERT_THAT(frame, SizeIs(1));
  EXPECT_EQ(frames->back()[0].function, std::string(4096, 'n')) << "cut, not refused";
}

TEST(WorkerPool, PositionsOutsideAreUnknownAndNoError) {
  const auto pool = PoolOf(TestOptions());
  const TestFile self = OpenFile("/proc/self/exe");
  const uint64_t positions[] = {UINT64_MAX, uint64_t{1} << 40};
  const auto frames = pool->Resolve(self.ref(), positions);
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_THAT(*frames, ElementsAre(IsEmpty(), IsEmpty()));
}

TEST(WorkerPool, ResolvesKernelAddresses) {
  const auto pool = PoolOf(TestOptions());
  std::ifstream kallsyms("/proc/kallsyms");
  uint64_t address = 0;
  for (std::string line; std::getline(kallsyms, line);) {
    if (line.ends_with(" T vfs_read")) address = std::stoull(line, nullptr, 16);
  }
  if (address == 0) GTEST_SKIP() << "the kernel hides its addresses here";
  const TestFile file = OpenFile("/proc/kallsyms", ObjectKind::kKallsyms);
  const auto frames = pool->Resolve(file.ref(), std::vector<uint64_t>{address + 2});
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_THAT(NamesOf(*frames), ElementsAre("vfs_read"));
}

TEST(WorkerPool, OneWorkerServesManyQuestionsAboutItsObject) {
  const auto pool = PoolOf(TestOptions());
  const TestFile self = OpenFile("/proc/self/exe");
  ASSERT_TRUE(pool->Describe(self.ref()).ok());
  const auto first = pool->pids();
  ASSERT_THAT(first, SizeIs(1));
  ASSERT_TRUE(pool->Describe(self.ref()).ok());
  ASSERT_TRUE(pool->Resolve(self.ref(), std::vector<uint64_t>{0}).ok());
  EXPECT_EQ(pool->pids(), first);
  EXPECT_EQ(pool->counters().ok, 3u);
}

TEST(WorkerPool, TwoObjectsNeverShareAWorker) {
  const auto pool = PoolOf(TestOptions());
  const TestFile one = FileOf("1000 10 one\n", ObjectKind::kPerfMap),
                 two = FileOf("1000 10 two\n", ObjectKind::kPerfMap);
  const std::vector<uint64_t> position{0x1000};
  EXPECT_THAT(NamesOf(*pool->Resolve(one.ref(), position)), ElementsAre("one"));
  EXPECT_THAT(NamesOf(*pool->Resolve(two.ref(), position)), ElementsAre("two"));
  EXPECT_THAT(pool->pids(), SizeIs(2));
}

TEST(WorkerPool, NoMoreWorkersThanAllowedRunAndTheLeastRecentlyUsedEnds) {
  const auto pool = PoolOf(TestOptions());
  const TestFile files[] = {FileOf("1000 10 a\n", ObjectKind::kPerfMap), FileOf("1000 10 b\n", ObjectKind::kPerfMap),
                            FileOf("1000 10 c\n", ObjectKind::kPerfMap)};
  ASSERT_TRUE(pool->Describe(files[0].ref()).ok());
  const pid_t first = pool->pids().at(0);
  ASSERT_TRUE(pool->Describe(files[1].ref()).ok());
  ASSERT_TRUE(pool->Describe(files[2].ref()).ok());
  EXPECT_THAT(pool->pids(), SizeIs(2));
  EXPECT_THAT(pool->pids(), testing::Not(testing::Contains(first)));
  EXPECT_THAT(NamesOf(*pool->Resolve(files[0].ref(), std::vector<uint64_t>{0x1000})), ElementsAre("a"));
}

TEST(WorkerPool, AnIdleWorkerEndsAndLeavesNoZombie) {
  WorkerPoolOptions options = TestOptions();
  options.idle_timeout = std::chrono::milliseconds(1);
  const auto pool = PoolOf(options);
  const TestFile self = OpenFile("/proc/self/exe");
  ASSERT_TRUE(pool->Describe(self.ref()).ok());
  while (!pool->pids().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  // No child of any state is left: neither running nor waiting to be reaped.
  while (waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(errno, ECHILD);
  EXPECT_TRUE(pool->Describe(self.ref()).ok()) << "and another one comes when asked";
}

TEST(WorkerPool, ThreadsMayAskAtOnce) {
  const auto pool = PoolOf(TestOptions());
  std::vector<TestFile> files;
  for (int i = 0; i < 4; ++i) files.push_back(FileOf(fmt::format("1000 10 f{}\n", i), ObjectKind::kPerfMap));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const int which = (t + i) % 4;
        const auto frames = pool->Resolve(files[which].ref(), std::vector<uint64_t>{0x1000});
        right += frames.ok() && (*frames)[0].at(0).function == fmt::format("f{}", which);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 60);
  EXPECT_EQ(pool->counters().ok, 60u);
}

TEST(WorkerPool, TheCallersPlaceInTheFileStaysWhereItWas) {
  const auto pool = PoolOf(TestOptions());
  const TestFile file = FileOf("1000 10 name\n", ObjectKind::kPerfMap);
  lseek(file.fd.get(), 3, SEEK_SET);
  ASSERT_TRUE(pool->Describe(file.ref()).ok());
  EXPECT_EQ(lseek(file.fd.get(), 0, SEEK_CUR), 3);
}

TEST(WorkerPool, RefusesSenselessOptions) {
  WorkerPoolOptions options = TestOptions();
  options.memory_bytes = 0;
  EXPECT_THAT(WorkerPool::Create(options), HasCode(absl::StatusCode::kInvalidArgument));
  options = TestOptions();
  options.max_workers = 0;
  EXPECT_THAT(WorkerPool::Create(options), HasCode(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace profd
