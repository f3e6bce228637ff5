#include "worker/failure_memory.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const FailureMemory::Time kStart{};
const ObjectKey kObject{.identity = {.device = 1, .inode = 2, .mtime_ns = 3, .size = 4}};

class FailureMemoryTest : public ::testing::Test {
 protected:
  bool Asked(FailureMemory::Time now, const ObjectKey& key = kObject) const { return memory_.Check(key, now).ok(); }
  FailureMemory memory_{seconds(1), seconds(5), seconds(60)};
};

TEST_F(FailureMemoryTest, EachFailureInARowDoublesTheTimeUpToALimit) {
  const absl::Status crash = absl::InternalError("crash");
  auto now = kStart;
  for (const auto wait : {seconds(1), seconds(2), seconds(4), seconds(5), seconds(5)}) {
    memory_.Failed(kObject, crash, now);
    EXPECT_FALSE(Asked(now + wait - milliseconds(1)));
    EXPECT_TRUE(Asked(now + wait));
    now += wait;
  }
}

TEST_F(FailureMemoryTest, ManyFailuresDoNotWrapAround) {
  for (int i = 0; i < 100; ++i) memory_.Failed(kObject, absl::InternalError("crash"), kStart);
  EXPECT_FALSE(Asked(kStart + seconds(4)));
}

TEST_F(FailureMemoryTest, ASuccessStartsItAnew) {
  memory_.Failed(kObject, absl::InternalError("crash"), kStart);
  memory_.Failed(kObject, absl::InternalError("crash"), kStart);
  memory_.Succeeded(kObject);
  EXPECT_TRUE(Asked(kStart));
  memory_.Failed(kObject, absl::InternalError("crash"), kStart);
  EXPECT_TRUE(Asked(kStart + seconds(1)));
}

TEST_F(FailureMemoryTest, SaysWhatHappened) {
  memory_.Failed(kObject, absl::InternalError("the worker crashed: killed by signal 11"), kStart);
  EXPECT_THAT(Message(memory_.Check(kObject, kStart)), HasSubstr("killed by signal 11"));
}

TEST_F(FailureMemoryTest, ARefusalIsRepeatedAsItWas) {
  const absl::Status refusal = absl::InvalidArgumentError("not an ELF file");
  memory_.Refused(kObject, refusal, kStart);
  EXPECT_EQ(memory_.Check(kObject, kStart + seconds(59)), refusal);
  EXPECT_TRUE(Asked(kStart + seconds(60)));
}

TEST_F(FailureMemoryTest, AnotherVersionOfTheFileIsAnotherObject) {
  memory_.Failed(kObject, absl::InternalError("crash"), kStart);
  ObjectKey changed = kObject;
  changed.identity.mtime_ns = 4;
  EXPECT_TRUE(Asked(kStart, changed));
  changed = kObject;
  changed.kind = ObjectKind::kPerfMap;
  EXPECT_TRUE(Asked(kStart, changed));
}

TEST_F(FailureMemoryTest, ForgetsTheObjectWhoseTimeIsOverFirstWhenItIsFull) {
  for (uint64_t i = 0; i < 513; ++i) {
    memory_.Failed({.identity = {.inode = i}}, absl::InternalError("crash"), kStart + milliseconds(i));
  }
  const auto now = kStart + milliseconds(600);
  EXPECT_TRUE(Asked(now, {.identity = {.inode = 0}}));
  EXPECT_FALSE(Asked(now, {.identity = {.inode = 1}}));
  EXPECT_FALSE(Asked(now, {.identity = {.inode = 512}}));
}

}  // namespace
}  // namespace profd
