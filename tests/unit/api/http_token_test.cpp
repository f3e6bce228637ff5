#include "api/http_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/temp_dir.h"

namespace profd {
namespace {

using ::testing::HasSubstr;

class HttpTokenTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Load() { return LoadOrMakeHttpToken(path, "no-such-group"); }
  void Write(const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
  }
  mode_t Mode() {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  testing::TempDir dir;
  std::string path = dir / "run/http.token";
};

TEST_F(HttpTokenTest, IsMadeOnceWithItsDirectoryAndStays) {
  const auto made = Load();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->size(), 64u);
  EXPECT_EQ(Mode(), 0640u);
  const auto again = Load();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *made);
}

TEST_F(HttpTokenTest, TwoAreNeverTheSame) {
  const auto first = Load();
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_NE(*first, *Load());
}

TEST_F(HttpTokenTest, ModeDoesNotDependOnTheUmask) {
  const mode_t before = umask(0);
  ASSERT_TRUE(Load().ok());
  umask(before);
  EXPECT_EQ(Mode(), 0640u);
}

TEST_F(HttpTokenTest, OwnOneIsTakenWithoutTheLineEnd) {
  std::filesystem::create_directories(dir / "run");
  Write("my-own_token-0123456789\n", 0600);
  EXPECT_EQ(*Load(), "my-own_token-0123456789");
}

TEST_F(HttpTokenTest, OneThatOthersCanReadIsRefused) {
  std::filesystem::create_directories(dir / "run");
  Write("my-own_token-0123456789\n", 0644);
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(Load().status()), HasSubstr("chmod 0640"));
}

TEST_F(HttpTokenTest, WhatIsNoTokenIsRefused) {
  std::filesystem::create_directories(dir / "run");
  for (const char* text : {"", "short", "has spaces in the middle of it", "<script>alert(1)</script>"}) {
    Write(text, 0600);
    EXPECT_FALSE(Load().ok()) << text;
  }
}

TEST_F(HttpTokenTest, ALinkIsNotFollowed) {
  std::filesystem::create_directories(dir / "run");
  std::ofstream(dir / "elsewhere") << "my-own_token-0123456789";
  std::filesystem::create_symlink(dir / "elsewhere", path);
  EXPECT_FALSE(Load().ok());
}

TEST(SameSecret, OnlyForEqualText) {
  EXPECT_TRUE(SameSecret("abc", "abc"));
  EXPECT_FALSE(SameSecret("abd", "abc"));
  EXPECT_FALSE(SameSecret("ab", "abc"));
  EXPECT_FALSE(SameSecret("abcd", "abc"));
  EXPECT_FALSE(SameSecret("", "abc"));
}

}  // namespace
}  // namespace profd
