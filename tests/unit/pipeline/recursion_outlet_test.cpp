#include "pipeline/recursion_outlet.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <future>

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What the store was asked for, and how fast it answers. Outlives it. Thread safe.
class Disk {
 public:
  absl::Status Do(const std::string& what) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !blocked_; });
    if (fails_) return Error(absl::StatusCode::kResourceExhausted, "disk full");
    log_.push_back(what);
    return absl::OkStatus();
  }
  void Block(bool blocked) {
    std::lock_guard lock(mutex_);
    blocked_ = blocked;
    ready_.notify_all();
  }
  void Fail() {
    std::lock_guard lock(mutex_);
    fails_ = true;
  }
  bool fails() const {
    std::lock_guard lock(mutex_);
    return fails_;
  }
  std::vector<std::string> log() const {
    std::lock_guard lock(mutex_);
    return log_;
  }

  std::vector<RecursionEvent> stored;  ///< before the store is opened

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  bool blocked_ = false, fails_ = false;
  std::vector<std::string> log_;
};

class FakeEventStore final : public EventStore {
 public:
  explicit FakeEventStore(Disk* disk) : disk_(disk) {}
  absl::Status Put(const RecursionEvent& event) override {
    return disk_->Do(fmt::format("put {} {}", event.id, ToWord(event.grade)));
  }
  absl::Status Remove(const std::string& id) override { return disk_->Do("remove " + id); }
  absl::StatusOr<std::vector<RecursionEvent>> Load() const override {
    if (disk_->fails()) return Error(absl::StatusCode::kInternal, "unreadable");
    return disk_->stored;
  }
  uint64_t bytes() const override { return 4242; }

 private:
  Disk* const disk_;
};

RecursionChange Change(const std::string& id, RecursionGrade grade, bool transition = true) {
  RecursionChange change{.event = {}, .transition = transition};
  change.event.id = id;
  change.event.grade = grade;
  return change;
}

class RecursionOutletTest : public ::testing::Test {
 protected:
  ~RecursionOutletTest() override { disk.Block(false); }
  std::unique_ptr<RecursionOutlet> Open() {
    return std::make_unique<RecursionOutlet>(std::make_unique<FakeEventStore>(&disk),
                                             [this](const absl::Status& status) { errors.push_back(Message(status)); });
  }
  /// All that was told is on the disk then.
  std::vector<std::string> Written() {
    outlet.reset();
    return disk.log();
  }

  Disk disk;
  std::vector<std::string> errors;  // read them when the outlet is gone
  std::unique_ptr<RecursionOutlet> outlet = Open();
};

TEST_F(RecursionOutletTest, KeepsWhatIsMoreThanObserved) {
  outlet->Publish(Change("a", RecursionGrade::kObserved), 1s);
  outlet->Publish(Change("b", RecursionGrade::kGrowing), 1s);
  outlet->Publish(Change("c", RecursionGrade::kProjected), 1s);
  EXPECT_THAT(Written(), ElementsAre("put b growing", "put c projected"));
}

TEST_F(RecursionOutletTest, KeepsADeathWhateverItWasBefore) {
  RecursionChange crash = Change("a", RecursionGrade::kObserved);
  crash.event.state = RecursionState::kCrashed;
  outlet->Publish(crash, 1s);
  EXPECT_THAT(Written(), SizeIs(1));
}

TEST_F(RecursionOutletTest, WhatIsOnlyObservedDoesNotReplaceEvidence) {
  outlet->Publish(Change("a", RecursionGrade::kProjected), 1s);
  outlet->Publish(Change("a", RecursionGrade::kObserved), 5s);
  EXPECT_THAT(Written(), ElementsAre("put a projected"));
}

TEST_F(RecursionOutletTest, TransitionsAreKeptAtOnceAndNumbersOnceASecond) {
  const auto grade = RecursionGrade::kGrowing;
  outlet->Publish(Change("a", grade), 10s);
  outlet->Publish(Change("a", grade, false), 10s + 999ms);
  outlet->Publish(Change("b", grade, false), 10s + 999ms);  // another story
  outlet->Publish(Change("a", RecursionGrade::kProjected), 10s + 999ms);
  outlet->Publish(Change("a", grade, false), 11s + 998ms);
  outlet->Publish(Change("a", grade, false), 11s + 999ms);
  EXPECT_THAT(Written(), ElementsAre("put a growing", "put b growing", "put a projected", "put a growing"));
}

TEST_F(RecursionOutletTest, EverySinkHearsEverythingAtOnce) {
  std::vector<std::string> first, second;
  const auto watch = outlet->Watch([&](const RecursionEvent& event) { first.push_back(event.id); });
  auto leaves = outlet->Watch([&](const RecursionEvent& event) { second.push_back(event.id); });
  outlet->Publish(Change("a", RecursionGrade::kObserved, false), 1s);
  EXPECT_THAT(second, ElementsAre("a"));
  leaves.reset();
  outlet->Publish(Change("b", RecursionGrade::kGrowing, false), 1s);
  EXPECT_THAT(first, ElementsAre("a", "b"));
  EXPECT_THAT(second, ElementsAre("a"));
}

TEST_F(RecursionOutletTest, ASlowDiskDelaysNobody) {
  disk.Block(true);
  size_t heard = 0;
  const auto watch = outlet->Watch([&](const RecursionEvent&) { ++heard; });
  auto publishing = std::async(std::launch::async, [this] {
    for (int i = 0; i < 5000; ++i) outlet->Publish(Change(fmt::format("{}", i), RecursionGrade::kGrowing), 1s);
    outlet->Remove("0");
  });
  const bool done = publishing.wait_for(20s) == std::future_status::ready;
  const uint64_t dropped = outlet->dropped();
  disk.Block(false);
  publishing.get();
  EXPECT_TRUE(done);
  EXPECT_EQ(heard, 5000u);
  // One more may be in the writer's hands; the removal came last.
  EXPECT_GE(dropped, 5001u - 4096 - 1);
  EXPECT_LE(dropped, 5001u - 4096);
}

TEST_F(RecursionOutletTest, WhatWasToldIsWrittenBeforeItEnds) {
  disk.Block(true);
  for (int i = 0; i < 100; ++i) outlet->Publish(Change(fmt::format("{}", i), RecursionGrade::kGrowing), 1s);
  disk.Block(false);
  EXPECT_THAT(Written(), SizeIs(100));
}

TEST_F(RecursionOutletTest, RemovesWhatIsOnTheDisk) {
  outlet->Publish(Change("a", RecursionGrade::kGrowing), 1s);
  outlet->Publish(Change("b", RecursionGrade::kObserved), 1s);
  outlet->Remove("a");
  outlet->Remove("a");
  outlet->Remove("b");
  EXPECT_THAT(Written(), ElementsAre("put a growing", "remove a"));
}

TEST_F(RecursionOutletTest, LoadsWhatIsThereAndCanRemoveIt) {
  disk.stored = {Change("old", RecursionGrade::kGrowing).event};
  outlet = Open();
  EXPECT_EQ(outlet->loaded(), disk.stored);
  EXPECT_EQ(outlet->store_bytes(), 4242u);
  outlet->Remove("old");
  EXPECT_THAT(Written(), ElementsAre("remove old"));
}

TEST_F(RecursionOutletTest, AStoreThatCannotBeReadIsToldOf) {
  disk.Fail();
  outlet = Open();
  EXPECT_THAT(outlet->loaded(), IsEmpty());
  EXPECT_THAT(errors, ElementsAre(HasSubstr("unreadable")));
}

TEST_F(RecursionOutletTest, AWriteThatFailsIsToldOf) {
  disk.Fail();
  outlet->Publish(Change("a", RecursionGrade::kGrowing), 1s);
  outlet.reset();
  EXPECT_THAT(errors, ElementsAre(HasSubstr("disk full")));
}

TEST_F(RecursionOutletTest, WhatIsNotOnDiskIsCounted) {
  EXPECT_EQ(outlet->dropped(), 0u);
  disk.Fail();
  outlet->Publish(Change("a", RecursionGrade::kGrowing), 1s);
  for (int i = 0; i < 500 && outlet->dropped() == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(outlet->dropped(), 1u);
}

TEST(RecursionOutlet, WithoutAStoreItTellsOnly) {
  RecursionOutlet outlet(nullptr, [](const absl::Status& status) { ADD_FAILURE() << status; });
  size_t heard = 0;
  const auto watch = outlet.Watch([&](const RecursionEvent&) { ++heard; });
  EXPECT_THAT(outlet.loaded(), IsEmpty());
  for (int i = 0; i < 5000; ++i) outlet.Publish(Change("a", RecursionGrade::kGrowing), 1s);
  outlet.Remove("a");
  EXPECT_EQ(heard, 5000u);
  EXPECT_EQ(outlet.dropped(), 5000u) << "none of it is kept";
}

}  // namespace
}  // namespace profd
