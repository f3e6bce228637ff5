#include <gmock/gmock.h>
#include <linux/types.h>

#include <cstring>

#include "kernel/tripwires.h"
#include "shared/abi.h"

namespace profd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr profd_process_id kProcess = {.start_time_ns = 5, .tgid = 42, .exec_id = 2};

profd_reading_record Record() {
  profd_reading_record record{};
  record.header = {.kind = PROFD_RECORD_READING, .generation = 3, .time_ns = 77};
  record.process = kProcess;
  record.tid = 43;
  record.uid = 1000;
  record.trigger = PROFD_TRIGGER_STACK_GROWTH;
  record.goroutine = 17;
  record.stack_lo = 0x1000;
  record.stack_hi = 0x9000;
  record.stack_bytes = 0x7800;
  record.max_stack = 1'000'000'000;
  record.rlimit_stack = 8 << 20;
  record.main_thread_stack = 1;
  record.fatal = 1;
  record.positions_verified = 47;
  std::memcpy(record.comm, "worker", 6);
  record.repeats[0] = 1'000'000;
  record.stack.header = {.kind = PROFD_RECORD_USER_STACK, .generation = 3, .time_ns = 77};
  record.stack.process = kProcess;
  record.stack.frame_count = 4;
  record.stack.fold_count = 1;
  record.stack.folds[0] = {.first = 1, .length = 2, .estimated = 0};
  return record;
}

std::string Bytes(const profd_reading_record& record, const std::vector<uint64_t>& frames = {1, 2, 3, 9}) {
  std::string bytes(reinterpret_cast<const char*>(&record), sizeof(record));
  bytes.append(reinterpret_cast<const char*>(frames.data()), frames.size() * sizeof(uint64_t));
  return bytes;
}

TripwireRecords Decode(const std::string& bytes) {
  TripwireRecords records;
  EXPECT_TRUE(DecodeTripwireRecord(bytes.data(), bytes.size(), records));
  return records;
}

/// Refused, and nothing of it kept.
void ExpectNone(const std::string& bytes) {
  TripwireRecords records;
  EXPECT_FALSE(DecodeTripwireRecord(bytes.data(), bytes.size(), records)) << bytes.size();
  EXPECT_THAT(records.readings, IsEmpty());
  EXPECT_THAT(records.oom_kills, IsEmpty());
  EXPECT_THAT(records.costs, IsEmpty());
}

TEST(DecodeTripwireRecord, AReadingHasAllThatWasSeen) {
  const TripwireRecords records = Decode(Bytes(Record()));
  ASSERT_THAT(records.readings, SizeIs(1));
  const StackReading& reading = records.readings[0];
  EXPECT_EQ(reading.process, (ProcessId{.tgid = 42, .exec_id = 2, .start_time_ns = 5}));
  EXPECT_EQ(reading.tid, 43u);
  EXPECT_EQ(reading.uid, 1000u);
  EXPECT_EQ(reading.thread_name, "worker");
  EXPECT_EQ(reading.trigger, RecursionTrigger::kStackGrowth);
  EXPECT_EQ(reading.time, BootTime(77));
  EXPECT_EQ(reading.goroutine, 17u);
  EXPECT_EQ(reading.stack_lo, 0x1000u);
  EXPECT_EQ(reading.stack_hi, 0x9000u);
  EXPECT_EQ(reading.stack_bytes, 0x7800u);
  EXPECT_EQ(reading.max_stack, 1'000'000'000u);
  EXPECT_EQ(reading.rlimit_stack, 8u << 20);
  EXPECT_TRUE(reading.main_thread_stack);
  EXPECT_TRUE(reading.fatal);
  EXPECT_EQ(reading.positions_verified, 47u);
  EXPECT_THAT(reading.stack.frames, ElementsAre(1, 2, 3, 9));
  EXPECT_THAT(reading.stack.folds, ElementsAre(Fold{.first = 1, .length = 2, .repeats = 1'000'000}));
}

TEST(DecodeTripwireRecord, CyclesBehindTheirFoldAreCountedWithIt) {
  profd_reading_record record = Record();
  record.stack.frame_count = 8;
  const TripwireRecords records = Decode(Bytes(record, {1, 2, 3, 2, 3, 2, 3, 9}));
  EXPECT_THAT(records.readings.at(0).stack.frames, ElementsAre(1, 2, 3, 9));
  EXPECT_THAT(records.readings.at(0).stack.folds, ElementsAre(Fold{.first = 1, .length = 2, .repeats = 1'000'002}));
}

TEST(DecodeTripwireRecord, AFoldStandsAtLeastOnce) {
  profd_reading_record record = Record();
  record.repeats[0] = 0;
  EXPECT_EQ(Decode(Bytes(record)).readings.at(0).stack.folds.at(0).repeats, 1u);
}

TEST(DecodeTripwireRecord, EachTriggerIsItsOwn) {
  const std::pair<uint32_t, RecursionTrigger> triggers[] = {
      {PROFD_TRIGGER_TICK, RecursionTrigger::kSample},
      {PROFD_TRIGGER_STACK_GROWTH, RecursionTrigger::kStackGrowth},
      {PROFD_TRIGGER_FATAL_ERROR, RecursionTrigger::kFatalError},
      {PROFD_TRIGGER_FATAL_SIGNAL, RecursionTrigger::kFatalSignal},
  };
  for (const auto& [number, trigger] : triggers) {
    profd_reading_record record = Record();
    record.trigger = number;
    EXPECT_EQ(Decode(Bytes(record)).readings.at(0).trigger, trigger) << number;
  }
}

TEST(DecodeTripwireRecord, AStackThatIsIncompleteSaysSo) {
  profd_reading_record record = Record();
  record.stack.flags = PROFD_STACK_TRUNCATED;
  EXPECT_TRUE(Decode(Bytes(record)).readings.at(0).stack.truncated);
  record.stack.flags = PROFD_STACK_READ_FAILED;
  EXPECT_TRUE(Decode(Bytes(record)).readings.at(0).stack.read_failed);
}

TEST(DecodeTripwireRecord, RefusesAReadingThatIsShorterThanItSays) {
  const std::string whole = Bytes(Record());
  for (size_t size = 0; size < whole.size(); ++size) ExpectNone(whole.substr(0, size));
}

TEST(DecodeTripwireRecord, RefusesCountsThatCannotBe) {
  profd_reading_record frames = Record(), folds = Record();
  frames.stack.frame_count = UINT16_MAX;
  folds.stack.fold_count = PROFD_MAX_FOLDS + 1;
  ExpectNone(Bytes(frames));
  ExpectNone(Bytes(folds));
}

TEST(DecodeTripwireRecord, DropsAFoldBeyondTheFrames) {
  profd_reading_record record = Record();
  record.stack.folds[0] = {.first = 3, .length = 2, .estimated = 0};
  EXPECT_THAT(Decode(Bytes(record)).readings.at(0).stack.folds, IsEmpty());
}

TEST(DecodeTripwireRecord, AnOomKillNamesItsVictim) {
  profd_process_record record{};
  record.header = {.kind = PROFD_RECORD_OOM_KILL, .generation = 0, .time_ns = 99};
  record.tid = 43;
  const std::string bytes(reinterpret_cast<const char*>(&record), sizeof(record));
  const TripwireRecords records = Decode(bytes);
  ASSERT_THAT(records.oom_kills, SizeIs(1));
  EXPECT_EQ(records.oom_kills[0].process.tgid, 0u);
  EXPECT_EQ(records.oom_kills[0].tid, 43u);
  EXPECT_EQ(records.oom_kills[0].time, BootTime(99));
  for (size_t size = 0; size < bytes.size(); ++size) ExpectNone(bytes.substr(0, size));
}

TEST(DecodeTripwireRecord, AnExitHasItsPlaceAmongTheReadings) {
  profd_process_record record{};
  record.header = {.kind = PROFD_RECORD_EXIT, .generation = 0, .time_ns = 99};
  record.process = kProcess;
  record.exit_code = 2 << 8;
  const std::string bytes(reinterpret_cast<const char*>(&record), sizeof(record)), reading = Bytes(Record());
  TripwireRecords records;
  for (const std::string& one : {reading, bytes, reading}) {
    EXPECT_TRUE(DecodeTripwireRecord(one.data(), one.size(), records));
  }
  EXPECT_THAT(records.readings, SizeIs(2));
  ASSERT_THAT(records.exits, SizeIs(1));
  EXPECT_EQ(records.exits[0].after, 1u);
  EXPECT_EQ(records.exits[0].event.kind, ProcessEvent::Kind::kExit);
  EXPECT_EQ(records.exits[0].event.process.tgid, 42u);
  EXPECT_EQ(records.exits[0].event.exit_code, 2u << 8);
  for (size_t size = 0; size < bytes.size(); ++size) ExpectNone(bytes.substr(0, size));
}

TEST(DecodeTripwireRecord, ACostSaysWhoPaidForWhat) {
  profd_probe_cost_record record{};
  record.header.kind = PROFD_RECORD_PROBE_COST;
  record.process = kProcess;
  record.binary = 1023;
  record.hits = 8192;
  record.program_ns = 1'000'000;
  const std::string bytes(reinterpret_cast<const char*>(&record), sizeof(record));
  const TripwireRecords records = Decode(bytes);
  ASSERT_THAT(records.costs, SizeIs(1));
  EXPECT_EQ(records.costs[0].process.tgid, 42u);
  EXPECT_EQ(records.costs[0].binary, 1023u);
  EXPECT_EQ(records.costs[0].hits, 8192u);
  EXPECT_EQ(records.costs[0].program, std::chrono::milliseconds(1));
  for (size_t size = 0; size < bytes.size(); ++size) ExpectNone(bytes.substr(0, size));
}

TEST(DecodeTripwireRecord, OtherRecordsAreNoneOfTheirs) {
  for (const uint32_t kind :
       {0u, uint32_t{PROFD_RECORD_USER_STACK}, uint32_t{PROFD_RECORD_FORK}, uint32_t{PROFD_RECORD_LABELS}, 1000u}) {
    profd_reading_record record = Record();
    record.header.kind = kind;
    ExpectNone(Bytes(record));
  }
}

TEST(DecodeTripwireRecord, RecordsAreAppendedInOrder) {
  TripwireRecords records;
  for (uint32_t tid = 1; tid <= 3; ++tid) {
    profd_reading_record record = Record();
    record.tid = tid;
    const std::string bytes = Bytes(record);
    ASSERT_TRUE(DecodeTripwireRecord(bytes.data(), bytes.size(), records));
  }
  ASSERT_THAT(records.readings, SizeIs(3));
  EXPECT_EQ(records.readings[2].tid, 3u);
}

}  // namespace
}  // namespace profd
