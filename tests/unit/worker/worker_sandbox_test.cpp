// What a worker that reads hostile bytes can do: nothing but read them and answer.
#include <filesystem>
#include <map>
#include <regex>

#include "unit/worker/pool_fixture.h"

namespace profd {
namespace {

using testing::Contains;
using testing::Pair;
using testing::SizeIs;
using namespace testing_worker;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// A worker with its object open.
class WorkerSandbox : public testing::Test {
 protected:
  void SetUp() override {
    WorkerPoolOptions options = TestOptions();
    options.memory_bytes = uint64_t{200} << 20;
    options.address_space_bytes = uint64_t{900} << 20;
    options.cpu_seconds = 17;
    pool_ = PoolOf(options);
    ASSERT_TRUE(pool_->Describe(file_.ref()).ok());
    pid_ = pool_->pids().at(0);
  }

  std::string Proc(std::string_view name) const { return ReadAll(fmt::format("/proc/{}/{}", pid_, name)); }

  std::map<std::string, std::string> Status() const {
    std::istringstream text(Proc("status"));
    std::map<std::string, std::string> fields;
    for (std::string line; std::getline(text, line);) {
      const size_t colon = line.find(":\t");
      if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
    }
    return fields;
  }

  const TestFile file_ = OpenFile("/proc/self/exe");
  std::unique_ptr<WorkerPool> pool_;
  pid_t pid_ = -1;
};

TEST_F(WorkerSandbox, HasNoCapabilitiesAndCanGetNone) {
  const auto status = Status();
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_THAT(status, Contains(Pair(set, "0000000000000000")));
  }
  EXPECT_THAT(status, Contains(Pair("NoNewPrivs", "1")));
}

TEST_F(WorkerSandbox, IsFilteredBySeccomp) { EXPECT_THAT(Status(), Contains(Pair("Seccomp", "2"))); }

TEST_F(WorkerSandbox, IsNobodyWhereProfdMayChangeItsUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_THAT(Status(), Contains(Pair("Uid", "65534\t65534\t65534\t65534")));
  EXPECT_THAT(Status(), Contains(Pair("Groups", " ")));
  EXPECT_THAT(Status(), Contains(Pair("CapBnd", "0000000000000000")));
  EXPECT_NE(std::filesystem::read_symlink(fmt::format("/proc/{}/root", pid_)), "/");
}

TEST_F(WorkerSandbox, HasLimits) {
  const std::string limits = Proc("limits");
  const auto both = [&](const std::string& name, const std::string& value) {
    return std::regex_search(limits, std::regex(name + " +" + value + " +" + value + " "));
  };
  EXPECT_TRUE(both("Max cpu time", "17")) << limits;
  EXPECT_TRUE(both("Max core file size", "0"));
  EXPECT_TRUE(both("Max file size", "0"));
  EXPECT_TRUE(both("Max open files", "6"));
  EXPECT_TRUE(both("Max processes", "0"));
  if (kSanitized) GTEST_SKIP() << "a sanitizer reserves more memory than any limit";
  EXPECT_TRUE(both("Max data size", "209715200"));
  EXPECT_TRUE(both("Max address space", "943718400"));
}

TEST_F(WorkerSandbox, HasNoDescriptorButItsSocketAndItsObject) {
  const UniqueFd secret(open("/etc/hostname", O_RDONLY));  // without O_CLOEXEC
  // Another one: the first was launched before.
  const TestFile other = FileOf("1000 10 a\n", ObjectKind::kPerfMap);
  ASSERT_TRUE(pool_->Describe(other.ref()).ok());
  const pid_t pid = pool_->pids().at(1);
  std::map<int, std::string> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    descriptors[std::stoi(entry.path().filename())] = std::filesystem::read_symlink(entry.path());
  }
  for (int stream = 0; stream < 3; ++stream) EXPECT_EQ(descriptors[stream], "/dev/null");
  EXPECT_TRUE(descriptors[3].starts_with("socket:"));
  // The text of a table is read at once; the file is closed then.
  EXPECT_THAT(descriptors, SizeIs(4));
}

TEST_F(WorkerSandbox, HasNoEnvironmentAndASessionOfItsOwn) {
  EXPECT_EQ(Proc("environ"), "");
  EXPECT_EQ(getsid(pid_), pid_);
}

}  // namespace
}  // namespace profd
