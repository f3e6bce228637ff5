#include "kernel/raw_records.h"

#include <gmock/gmock.h>
#include <linux/types.h>

#include <cstring>

#include "kernel/perf_event.h"
#include "shared/abi.h"

namespace profd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Frames = std::vector<uint64_t>;

std::string StackRecord(const Frames& frames, std::vector<profd_fold> folds = {}, uint32_t flags = 0) {
  profd_stack_record record{};
  record.header = {.kind = PROFD_RECORD_USER_STACK, .generation = 3, .time_ns = 77};
  record.process = {.start_time_ns = 5, .tgid = 42, .exec_id = 2};
  record.hash = 0xabc;
  record.frame_count = static_cast<__u16>(frames.size());
  record.fold_count = static_cast<__u16>(folds.size());
  record.flags = flags;
  for (size_t i = 0; i < folds.size() && i < PROFD_MAX_FOLDS; ++i) record.folds[i] = folds[i];
  std::string bytes(reinterpret_cast<const char*>(&record), sizeof(record));
  bytes.append(reinterpret_cast<const char*>(frames.data()), frames.size() * 8);
  return bytes;
}

absl::StatusOr<RawStack> Decode(const std::string& bytes) { return DecodeStack(bytes.data(), bytes.size()); }

TEST(DecodeStack, KeepsFramesFoldsAndIdentity) {
  auto stack = Decode(StackRecord({1, 2, 3, 9}, {{.first = 1, .length = 2}}, PROFD_STACK_TRUNCATED));
  ASSERT_TRUE(stack.ok()) << stack.status();
  EXPECT_THAT(stack->frames, ElementsAre(1, 2, 3, 9));
  EXPECT_THAT(stack->folds, ElementsAre(Fold{.first = 1, .length = 2, .repeats = 0}));
  EXPECT_EQ(stack->process, (ProcessId{.tgid = 42, .exec_id = 2, .start_time_ns = 5}));
  EXPECT_EQ(stack->hash, 0xabcu);
  EXPECT_EQ(stack->generation, 3u);
  EXPECT_TRUE(stack->truncated);
  EXPECT_FALSE(stack->kernel);
}

TEST(DecodeStack, RefusesARecordThatIsShorterThanItSays) {
  const std::string whole = StackRecord({1, 2, 3});
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(DecodeStack(whole.data(), size).ok()) << size;
}

TEST(DecodeStack, RefusesMoreFoldsThanThereCanBe) {
  EXPECT_FALSE(Decode(StackRecord({1, 2}, std::vector<profd_fold>(PROFD_MAX_FOLDS + 1))).ok());
}

TEST(DecodeStack, DropsAFoldThatReachesBeyondTheFrames) {
  EXPECT_THAT(Decode(StackRecord({1, 2}, {{.first = 1, .length = 2}}))->folds, IsEmpty());
  EXPECT_THAT(Decode(StackRecord({1, 2}, {{.first = 1, .length = 0}}))->folds, IsEmpty());
}

TEST(AbsorbWholeCycles, CountsCyclesThatStandBehindTheirFold) {
  Frames frames = {9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 8};
  std::vector<Fold> folds = {{.first = 1, .length = 3, .repeats = 0}};
  AbsorbWholeCycles(frames, folds);
  EXPECT_THAT(frames, ElementsAre(9, 1, 2, 3, 1, 8));
  EXPECT_THAT(folds, ElementsAre(Fold{.first = 1, .length = 3, .repeats = 2}));
}

TEST(AbsorbWholeCycles, ShiftsTheFoldsBehindAndStopsAtThem) {
  Frames frames = {9, 1, 1, 2, 2, 8};
  std::vector<Fold> folds = {{.first = 1, .length = 1, .repeats = 0}, {.first = 3, .length = 1, .repeats = 0}};
  AbsorbWholeCycles(frames, folds);
  EXPECT_THAT(frames, ElementsAre(9, 1, 2, 8));
  EXPECT_THAT(folds,
              ElementsAre(Fold{.first = 1, .length = 1, .repeats = 1}, Fold{.first = 2, .length = 1, .repeats = 1}));
}

TEST(AbsorbWholeCycles, LeavesAnEstimateAlone) {
  Frames frames = {9, 1, 1, 1};
  std::vector<Fold> folds = {{.first = 1, .length = 1, .repeats = 0, .estimated = true}};
  AbsorbWholeCycles(frames, folds);
  EXPECT_THAT(frames, SizeIs(4));
}

TEST(DecodeTasks, AddsUpThreadsAndLeavesKernelThreadsOut) {
  profd_task_record records[3] = {};
  records[0] = {.process = {.start_time_ns = 1, .tgid = 10}, .tid = 10, .cpu_ns = 100, .comm = "server"};
  records[1] = {.process = {.start_time_ns = 1, .tgid = 10}, .tid = 11, .cpu_ns = 50, .comm = "server"};
  records[2] = {
      .process = {.start_time_ns = 1, .tgid = 2}, .tid = 2, .kernel_thread = 1, .cpu_ns = 7, .comm = "kthreadd"};
  const auto tasks = DecodeTasks(records, sizeof(records));
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(tasks[0].cpu.count(), 150);
  EXPECT_EQ(tasks[0].comm, "server");
}

TEST(DecodeComm, EndsAtNulOrAtItsLastByte) {
  const uint8_t full[PROFD_COMM_BYTES + 1] = "0123456789abcdef";
  EXPECT_EQ(DecodeComm(full), "0123456789abcdef");
  const uint8_t brief[PROFD_COMM_BYTES] = "a\0b";
  EXPECT_EQ(DecodeComm(brief), "a");
}

TEST(ParseCpuList, UnderstandsRangesAndSingles) {
  EXPECT_THAT(*ParseCpuList("0-3,5,7-8\n"), ElementsAre(0, 1, 2, 3, 5, 7, 8));
  EXPECT_THAT(*ParseCpuList("0\n"), ElementsAre(0));
  EXPECT_THAT(*ParseCpuList("\n"), IsEmpty());
}

TEST(ParseCpuList, RefusesNonsense) {
  for (const char* text : {"a", "1-", "3-1", "-1", "0-99999", "1x2"}) EXPECT_FALSE(ParseCpuList(text).ok()) << text;
}

TEST(DecodeLabels, TextsEndWhereTheirZerosOrTheirRoomEnds) {
  profd_labels_record record{};
  record.header.kind = PROFD_RECORD_LABELS;
  record.header.generation = 3;
  record.hash = 77;
  record.count = 2;
  std::memcpy(record.labels[0].key, "tenant", 6);
  std::memset(record.labels[0].value, 'v', sizeof(record.labels[0].value));
  std::memcpy(record.labels[1].key, "a", 1);
  const auto labels = DecodeLabels(&record, sizeof(record));
  ASSERT_TRUE(labels);
  EXPECT_EQ(labels->generation, 3u);
  EXPECT_EQ(labels->hash, 77u);
  const std::vector<std::pair<std::string, std::string>> expected{{"a", ""}, {"tenant", std::string(64, 'v')}};
  EXPECT_EQ(labels->labels, expected);
}

TEST(DecodeLabels, OtherRecordsAreNone) {
  profd_labels_record record{};
  record.header.kind = PROFD_RECORD_USER_STACK;
  EXPECT_FALSE(DecodeLabels(&record, sizeof(record)));
  record.header.kind = PROFD_RECORD_LABELS;
  EXPECT_FALSE(DecodeLabels(&record, sizeof(record) - 1));
  record.count = UINT64_MAX;
  ASSERT_TRUE(DecodeLabels(&record, sizeof(record)));
  EXPECT_EQ(DecodeLabels(&record, sizeof(record))->labels.size(), size_t{PROFD_MAX_LABELS});
}

}  // namespace
}  // namespace profd
