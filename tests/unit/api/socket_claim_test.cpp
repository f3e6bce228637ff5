#include "api/socket_claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "support/temp_dir.h"

namespace profd {
namespace {

using ::testing::HasSubstr;

/// A socket bound to `path`.
UniqueFd Bind(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

class SocketClaimTest : public ::testing::Test {
 protected:
  testing::TempDir dir;
  std::string path = dir / "profd.sock";
};

TEST_F(SocketClaimTest, MakesTheDirectoryForAll) {
  const mode_t before = umask(077);
  const auto claim = SocketClaim::Take(dir / "run/profd/profd.sock");
  umask(before);
  ASSERT_TRUE(claim.ok()) << claim.status();
  struct stat info {};
  ASSERT_EQ(stat((dir / "run/profd").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
}

TEST_F(SocketClaimTest, AStaleSocketIsRemoved) {
  Bind(path).Reset();
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(SocketClaim::Take(path).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketClaimTest, ALiveSocketIsLeftAlone) {
  const UniqueFd other = Bind(path);
  ASSERT_EQ(listen(other.get(), 1), 0);
  const auto claim = SocketClaim::Take(path);
  EXPECT_EQ(claim.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(claim.status()), HasSubstr("another profd is listening on " + path));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketClaimTest, OnlyOneOfTwoThatStartTogetherGetsIt) {
  const auto first = SocketClaim::Take(path);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(SocketClaim::Take(path).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SocketClaimTest, IsFreeAgainAfterItsEnd) {
  ASSERT_TRUE(SocketClaim::Take(path).ok());
  EXPECT_TRUE(SocketClaim::Take(path).ok());
}

TEST_F(SocketClaimTest, AFileIsNotRemoved) {
  std::ofstream(path) << "mine";
  const auto claim = SocketClaim::Take(path);
  EXPECT_EQ(claim.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketClaimTest, APathTooLongForASocketIsRefused) {
  EXPECT_EQ(SocketClaim::Take("/" + std::string(107, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SocketClaim::Take("relative.sock").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SocketClaim::Take("").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SocketClaimTest, SharedWithAGroupThatDoesNotExistItStaysRoots) {
  const auto claim = SocketClaim::Take(path);
  ASSERT_TRUE(claim.ok());
  const UniqueFd bound = Bind(path);
  ASSERT_TRUE(claim->ShareWith("no-such-group").ok());
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  EXPECT_EQ(info.st_gid, getegid());
}

}  // namespace
}  // namespace profd
