// The tripwires in the real kernel.
#include "kernel/tripwires.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "children.h"
#include "kernel/calibration.h"

namespace profd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

volatile bool never = false;

[[gnu::noinline]] int Descend(uint64_t more) {
  if (more == 0) {
    while (!never) {}
    return 1;
  }
  return Descend(more - 1) + 1;
}

// Each level touches its frame, or there would be no fault at the end of the stack.
[[gnu::noinline]] int WithoutEnd(uint64_t level) {
  volatile uint64_t frame[8] = {level};
  return WithoutEnd(level + 1) + static_cast<int>(frame[0]);
}

// So large that the stack is full before there is a fold to be found.
[[gnu::noinline]] int WithLargeFrames(uint64_t level) {
  volatile char frame[32 << 10];
  frame[0] = static_cast<char>(level);
  return WithLargeFrames(level + 1) + frame[0];
}

class TripwiresTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto sampler = Sampler::Create({.sample_hz = 1, .has_exclusions = true});
    ASSERT_TRUE(sampler.ok()) << sampler.status();
    sampler_ = *std::move(sampler);
    auto holder = ProbeHolder::Start([](const absl::Status& status) { ADD_FAILURE() << status; });
    ASSERT_TRUE(holder.ok()) << holder.status();
    holder_ = *std::move(holder);
    auto tripwires = Tripwires::Create({.has_exclusions = true, .suspect_hz = 99}, *sampler_, holder_.get());
    ASSERT_TRUE(tripwires.ok()) << tripwires.status();
    tripwires_ = *std::move(tripwires);
  }

  /// The first reading that is as wanted, within ten seconds.
  template <typename Wanted>
  std::optional<StackReading> Await(Wanted wanted) {
    const auto end = steady_clock::now() + std::chrono::seconds(10);
    while (steady_clock::now() < end) {
      TripwireRecords records;
      tripwires_->Read(records);
      const auto found = std::ranges::find_if(records.readings, wanted);
      if (found != records.readings.end()) return *found;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return std::nullopt;
  }

  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<ProbeHolder> holder_;
  std::unique_ptr<Tripwires> tripwires_;
};

TEST_F(TripwiresTest, ProbesWorkOnOneOfTheWaysThatKernelsHave) {
  EXPECT_THAT(tripwires_->mechanism(), testing::AnyOf(testing::StrEq("uprobe_multi"), testing::StrEq("perf uprobe")));
  EXPECT_GT(tripwires_->trap_cost().count(), 0);
  const auto stats = tripwires_->Stats();
  ASSERT_FALSE(stats.empty());
  EXPECT_GE(stats.front().runs, static_cast<uint64_t>(kCalibrationHits)) << "each call was a hit";
}

TEST_F(TripwiresTest, AnOverflowIsReadAtItsSignal) {
  constexpr size_t kStack = 1 << 20;
  const Child child([] { WithoutEnd(0); }, kStack);
  const auto reading = Await([&](const StackReading& one) { return one.process.tgid == child.pid(); });
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->trigger, RecursionTrigger::kFatalSignal);
  EXPECT_TRUE(reading->fatal);
  EXPECT_TRUE(reading->fault_at_stack_pointer);
  ASSERT_FALSE(reading->stack.folds.empty());
  EXPECT_EQ(reading->stack.folds.front().length, 1u);
  EXPECT_GT(reading->stack.folds.front().repeats, kStack / 400);
  EXPECT_GT(reading->stack_bytes, kStack * 9 / 10);
  EXPECT_FALSE(reading->main_thread_stack);
}

TEST_F(TripwiresTest, AnOverflowOfFewLargeFramesIsReadToo) {
  constexpr size_t kStack = 1 << 20;
  const Child child([] { WithLargeFrames(0); }, kStack);
  const auto reading = Await([&](const StackReading& one) { return one.process.tgid == child.pid(); });
  ASSERT_TRUE(reading.has_value());
  EXPECT_TRUE(reading->fatal);
  EXPECT_GT(reading->stack.frames.size(), 20u);
  EXPECT_LT(reading->stack.frames.size(), 64u);
  EXPECT_GT(reading->stack_bytes, kStack * 8 / 10);
}

TEST_F(TripwiresTest, ASuspectIsLookedAtAndNobodyElse) {
  constexpr uint64_t kDepth = 20'000;
  const Child suspect([] { Descend(kDepth); }, 64 << 20);
  const Child other([] { Descend(kDepth); }, 64 << 20);
  const ProcessId id = IdOf(suspect.pid());
  ASSERT_EQ(id.tgid, suspect.pid());
  TripwireRecords before;
  tripwires_->Read(before);
  ASSERT_TRUE(tripwires_->SetSuspects({id}).ok());
  TripwireRecords records;
  std::this_thread::sleep_for(std::chrono::seconds(2));
  tripwires_->Read(records);
  size_t of_suspect = 0;
  for (const StackReading& reading : records.readings) {
    EXPECT_NE(reading.process.tgid, other.pid()) << "it is no suspect";
    if (reading.process.tgid != suspect.pid()) continue;
    ++of_suspect;
    ASSERT_FALSE(reading.stack.folds.empty());
    EXPECT_NEAR(static_cast<double>(reading.stack.folds.front().repeats), kDepth, 2);
  }
  EXPECT_GT(of_suspect, 10u);

  ASSERT_TRUE(tripwires_->SetSuspects({}).ok());
  std::this_thread::sleep_for(milliseconds(200));
  TripwireRecords rest, none;
  tripwires_->Read(rest);
  std::this_thread::sleep_for(milliseconds(500));
  tripwires_->Read(none);
  for (const StackReading& reading : none.readings) EXPECT_NE(reading.process.tgid, suspect.pid());
}

TEST_F(TripwiresTest, TheEndOfASuspectIsToldAtOnce) {
  constexpr uint32_t kExitCode = 3;
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const auto wait_and_exit = [&gate] {
    char go;
    (void)!read(gate[0], &go, 1);
    _exit(kExitCode);
  };
  const Child suspect(wait_and_exit, 1 << 20), other(wait_and_exit, 1 << 20);
  const ProcessId id = IdOf(suspect.pid());
  ASSERT_TRUE(tripwires_->SetSuspects({id}).ok());
  ASSERT_EQ(write(gate[1], "go", 2), 2);
  TripwireRecords records;
  for (int i = 0; i < 100 && records.exits.empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(20));
    tripwires_->Read(records);
  }
  std::this_thread::sleep_for(milliseconds(200));
  tripwires_->Read(records);
  ASSERT_EQ(records.exits.size(), 1u) << "only the suspect's";
  EXPECT_EQ(records.exits[0].event.process, id);
  EXPECT_EQ(records.exits[0].event.exit_code, kExitCode << 8);
  close(gate[0]);
  close(gate[1]);
}

TEST_F(TripwiresTest, AnExcludedProcessIsNotRead) {
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const Child child(
      [&gate] {
        char go;
        (void)!read(gate[0], &go, 1);
        WithoutEnd(0);
      },
      1 << 20);
  const ProcessId id = IdOf(child.pid());
  ASSERT_EQ(id.tgid, child.pid());
  ASSERT_TRUE(sampler_->Exclude(id).ok());
  ASSERT_EQ(write(gate[1], "g", 1), 1);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  TripwireRecords records;
  tripwires_->Read(records);
  for (const StackReading& reading : records.readings) EXPECT_NE(reading.process.tgid, child.pid());
  close(gate[0]);
  close(gate[1]);
}

}  // namespace
}  // namespace profd
