// The real /proc, by the example of the test itself.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "process/proc_fs.h"
#include "process/proc_status.h"
#include "process/process_table.h"

namespace profd {
namespace {

class RealProcFsTest : public testing::Test {
 protected:
  RealProcFsTest() {
    std::string name = "/tmp/profd-proc-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~RealProcFsTest() override { std::system(("rm -rf " + directory_).c_str()); }

  std::string File(const std::string& name) const { return directory_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const { std::ofstream(File(name)) << text; }
  absl::StatusCode OpenCode(const std::string& path) const { return proc_.OpenInRoot(getpid(), path).status().code(); }

  RealProcFs proc_;
  std::string directory_;
};

ino_t InodeOf(const UniqueFd& fd) {
  struct stat status {};
  fstat(fd.get(), &status);
  return status.st_ino;
}

uint64_t OwnStartNs() {
  const RealProcFs proc;
  return *ParseStartTicks(*proc.Read("self/stat", 4096)) * 10'000'000;
}

TEST_F(RealProcFsTest, ReadsTextsWholeAndNoMoreThanAllowed) {
  const auto status = proc_.Read("self/status", 1 << 20);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(*status, testing::HasSubstr("NSpid:"));
  EXPECT_EQ(proc_.Read("self/status", 10)->size(), 10u);
  EXPECT_GT(proc_.Read("self/maps", 1 << 20)->size(), 4096u);
  EXPECT_TRUE(absl::IsNotFound(proc_.Read("999999999/status", 10).status()));
}

TEST_F(RealProcFsTest, ReadsLinks) {
  EXPECT_THAT(*proc_.ReadLink("self/exe"), testing::EndsWith("process_test"));
  EXPECT_TRUE(absl::IsNotFound(proc_.ReadLink("999999999/exe").status()));
}

TEST_F(RealProcFsTest, OpensWhatAProcessSeesAndNothingButRegularFiles) {
  Write("plain", "hello");
  ASSERT_EQ(mkfifo(File("fifo").c_str(), 0600), 0);
  ASSERT_EQ(symlink("plain", File("link").c_str()), 0);
  const auto fd = proc_.OpenInRoot(getpid(), File("plain"));
  ASSERT_TRUE(fd.ok()) << fd.status();
  char text[6] = {};
  EXPECT_EQ(read(fd->get(), text, 5), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_NE(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(fcntl(fd->get(), F_GETFL) & O_ACCMODE, O_RDONLY);

  EXPECT_EQ(OpenCode(File("fifo")), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenCode(File("link")), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenCode("/dev/null"), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenCode(directory_), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenCode(File("missing")), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenCode(File("plain") + std::string("\0x", 2)), absl::StatusCode::kInvalidArgument);
}

TEST_F(RealProcFsTest, NoMagicLinkLeadsOutOfTheRoot) {
  const std::string own = "/proc/" + std::to_string(getpid());
  EXPECT_FALSE(proc_.OpenInRoot(getpid(), own + "/exe").ok());
  EXPECT_FALSE(proc_.OpenInRoot(getpid(), own + "/root/etc/passwd").ok());
}

TEST_F(RealProcFsTest, DotDotStaysBeneathTheRoot) {
  EXPECT_TRUE(proc_.OpenInRoot(getpid(), "/../../../../etc/passwd").ok());
}

TEST_F(RealProcFsTest, OpensTheFileOfAMapping) {
  const auto fd = proc_.Open("self/exe");
  ASSERT_TRUE(fd.ok()) << fd.status();
  struct stat status {};
  ASSERT_EQ(stat("/proc/self/exe", &status), 0);
  EXPECT_EQ(InodeOf(*fd), status.st_ino);
}

TEST_F(RealProcFsTest, TheTestFindsItselfInItsOwnMaps) {
  const SystemClock clock;
  ProcessTable table(&proc_, &clock, 100);
  const ProcessId self{.tgid = static_cast<uint32_t>(getpid()), .exec_id = 1, .start_time_ns = OwnStartNs()};
  table.OnSeen(self, "process_test");
  const auto address = reinterpret_cast<uint64_t>(&OwnStartNs);
  const auto resolved = table.Resolve(self, std::vector<uint64_t>{address});
  ASSERT_NE(resolved[0].file, nullptr);
  EXPECT_THAT(resolved[0].file->path, testing::EndsWith("process_test"));
  struct stat status {};
  ASSERT_EQ(stat("/proc/self/exe", &status), 0);
  EXPECT_EQ(resolved[0].file->inode, status.st_ino);
  EXPECT_EQ(table.Details(self).executable, resolved[0].file->path);
  EXPECT_EQ(table.Details(self).ns_pids.front(), self.tgid);
  ProcessId other = self;
  other.start_time_ns += 1'000'000'000;
  table.OnSeen(other, "other");
  EXPECT_EQ(table.Resolve(other, std::vector<uint64_t>{address})[0].file, nullptr);
}

}  // namespace
}  // namespace profd
