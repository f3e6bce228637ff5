#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace profd {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }
int OpenOne() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(UniqueFd, ClosesAtTheEndOfItsLife) {
  const int fd = OpenOne();
  {
    const UniqueFd owner(fd);
    EXPECT_TRUE(owner);
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(UniqueFd, IsEmptyByDefault) {
  const UniqueFd owner;
  EXPECT_FALSE(owner);
  EXPECT_EQ(owner.get(), -1);
}

TEST(UniqueFd, ZeroIsADescriptor) {
  UniqueFd owner(0);
  EXPECT_TRUE(owner);
  owner.Release();
}

TEST(UniqueFd, MovingHandsTheDescriptorOver) {
  UniqueFd from(OpenOne());
  const int fd = from.get();
  UniqueFd to(std::move(from));
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): what is left behind is the point
  EXPECT_EQ(to.get(), fd);
  EXPECT_TRUE(IsOpen(fd));
}

TEST(UniqueFd, AssigningClosesWhatItHad) {
  UniqueFd owner(OpenOne());
  const int old = owner.get();
  const int fresh = OpenOne();
  owner = UniqueFd(fresh);
  EXPECT_FALSE(IsOpen(old));
  EXPECT_TRUE(IsOpen(fresh));
}

TEST(UniqueFd, AssigningToItselfKeepsTheDescriptor) {
  UniqueFd owner(OpenOne());
  UniqueFd& same = owner;
  owner = std::move(same);
  EXPECT_TRUE(owner);
  EXPECT_TRUE(IsOpen(owner.get()));
}

TEST(UniqueFd, ReleasedDescriptorsStayOpen) {
  int fd = -1;
  {
    UniqueFd owner(OpenOne());
    fd = owner.Release();
  }
  EXPECT_TRUE(IsOpen(fd));
  close(fd);
}

}  // namespace
}  // namespace profd
