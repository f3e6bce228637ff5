#include "worker/channel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <thread>

namespace profd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    a_.Reset(pair[0]);
    b_.Reset(pair[1]);
  }
  static Deadline Soon() { return steady_clock::now() + milliseconds(50); }

  UniqueFd a_, b_;
};

TEST_F(ChannelTest, MessagesLargerThanTheSocketsBufferPass) {
  const std::string large(size_t{2} << 20, 'x');
  std::thread sender([&] { EXPECT_TRUE(SendMessage(a_.get(), large, -1, std::nullopt).ok()); });
  const auto received = ReceiveMessage(b_.get(), kMaxResponseBytes, false, std::nullopt);
  sender.join();
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->content, large);
}

TEST_F(ChannelTest, ADescriptorComesWithItsMessageWhereItIsWanted) {
  const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(SendMessage(a_.get(), "take it", file.get(), std::nullopt).ok());
  auto received = ReceiveMessage(b_.get(), 100, true, std::nullopt);
  ASSERT_TRUE(received->descriptor);
  EXPECT_EQ(fcntl(received->descriptor.get(), F_GETFD), FD_CLOEXEC);
  ASSERT_TRUE(SendMessage(a_.get(), "unwanted", file.get(), std::nullopt).ok());
  received = ReceiveMessage(b_.get(), 100, false, std::nullopt);
  EXPECT_EQ(received->content, "unwanted");
  EXPECT_FALSE(received->descriptor);
}

TEST_F(ChannelTest, NoAnswerOrHalfOfOneIsADeadlineExceeded) {
  EXPECT_EQ(ReceiveMessage(a_.get(), 100, false, Soon()).status().code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_EQ(send(b_.get(), "\x05\0\0\0ab", 6, 0), 6);
  EXPECT_EQ(ReceiveMessage(a_.get(), 100, false, Soon()).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ChannelTest, AReaderThatDoesNotReadIsADeadlineExceeded) {
  const std::string large(size_t{4} << 20, 'x');
  EXPECT_EQ(SendMessage(a_.get(), large, -1, Soon()).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ChannelTest, ALengthBeyondTheLimitIsRefusedBeforeAnythingIsAllocated) {
  ASSERT_EQ(send(b_.get(), "\xff\xff\xff\xff", 4, 0), 4);
  EXPECT_EQ(ReceiveMessage(a_.get(), 100, false, Soon()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ChannelTest, AClosedConnectionIsUnavailableAndNoSignal) {
  b_.Reset();
  EXPECT_EQ(ReceiveMessage(a_.get(), 100, false, std::nullopt).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(SendMessage(a_.get(), "x", -1, std::nullopt).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace profd
