// Inlined calls, stack deltas and names in Go's table, made up: what the real tables hold is compared with the
// runtime's own word elsewhere (tests/e2e/test_go_frames.py).
#include <gmock/gmock.h>

#include "elf/pclntab.h"
#include "unit/elf/elf_builder.h"

namespace profd::elf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using testing_elf::BytesOf;

constexpr uint64_t kText = 0x401000;

// main.a, 16 bytes: line 10 for 4 of them, then 12; in the first 8 stands the inlined call of node 0; the stack delta
// is 0 for 4 bytes, then 24.
struct Table {
  uint32_t data_count = 4;
  uint8_t flags = 0;
  uint8_t kind = 0;
  uint32_t entry = 0;

  std::string Build() const {
    const std::string names("runtime\0main.a\0main.inlined\0", 28);
    const std::string units = BytesOf(uint32_t{0}), files("/src/main.go\0", 13);
    const std::string values(
        "\0"
        "\x02\x10\0"          // 1: value 0
        "\x16\x04\x04\x0c\0"  // 4: lines
        "\x00"
        "\x02\x08\x01\x08\0"   // 10: node 0 for 8 bytes, then none
        "\x02\x04\x30\x0c\0",  // 15: stack deltas
        20);
    std::string record;
    for (const uint32_t field : {entry, 8u, 0u, 0u, 15u, 1u, 4u, 3u, 0u, 9u}) record += BytesOf(field);
    record += std::string{static_cast<char>(kind), static_cast<char>(flags), 0, static_cast<char>(data_count)};
    for (const uint32_t value : {0u, 0u, 10u}) record += BytesOf(value);
    for (const uint32_t data : {~0u, ~0u, ~0u, 0u}) record += BytesOf(data);
    std::string records;
    for (const uint32_t field : {0u, 12u, 16u}) records += BytesOf(field);
    std::string table = BytesOf(uint32_t{0xfffffff1}) + std::string("\0\0\x01\x08", 4);
    const uint64_t names_at = 72, units_at = names_at + names.size(), files_at = units_at + units.size();
    const uint64_t values_at = files_at + files.size(), records_at = values_at + values.size();
    for (const uint64_t word : {uint64_t{1}, uint64_t{1}, kText, names_at, units_at, files_at, values_at, records_at}) {
      table += BytesOf(word);
    }
    return table + names + units + files + values + records + record;
  }
};

constexpr uint8_t kWrapperId = 23;

std::string Node(uint32_t name, int32_t parent, int32_t start_line, uint32_t kind = 0) {
  return BytesOf(kind) + BytesOf(name) + BytesOf(parent) + BytesOf(start_line);
}

class GoFramesTest : public testing::Test {
 protected:
  Pclntab Open(const Table& table, std::string nodes) {
    table_ = table.Build();
    nodes_ = std::move(nodes);
    const Bytes bytes(table_);
    const auto header = ReadPclntabHeader(bytes);
    EXPECT_TRUE(header.ok()) << header.status();
    return Pclntab(Piece(bytes), *header, kText, Piece(Bytes(nodes_)), kWrapperId);
  }

  std::string table_, nodes_;
};

TEST_F(GoFramesTest, AnInlinedCallStandsBeforeItsCallerWhichIsAtThePlaceOfTheCall) {
  const Pclntab table = Open({}, Node(15, 8, 33));
  const auto calls = table.Find(kText + 2);
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_EQ(calls[0].name, "main.inlined");
  EXPECT_EQ(calls[0].line, 10);
  EXPECT_EQ(calls[0].start_line, 33);
  EXPECT_EQ(calls[0].file, "/src/main.go");
  EXPECT_EQ(calls[1].name, "main.a");
  EXPECT_EQ(calls[1].line, 12);
  EXPECT_EQ(calls[1].start_line, 9);
  EXPECT_THAT(table.Find(kText + 8), SizeIs(1));
}

TEST_F(GoFramesTest, WrappersAreMarked) {
  const auto calls = Open({.kind = kWrapperId}, Node(15, 8, 33)).Find(kText + 2);
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_FALSE(calls[0].wrapper);
  EXPECT_TRUE(calls[1].wrapper);
  const auto inlined = Open({}, Node(15, 8, 33, kWrapperId)).Find(kText + 2);
  ASSERT_THAT(inlined, SizeIs(2));
  EXPECT_TRUE(inlined[0].wrapper);
  EXPECT_FALSE(inlined[1].wrapper);
}

TEST_F(GoFramesTest, ATreeThatRunsInACircleIsLeftOut) {
  const auto calls = Open({}, Node(15, 0, 33)).Find(kText + 2);
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].name, "main.a");
  EXPECT_EQ(calls[0].line, 10);
}

TEST_F(GoFramesTest, ATreeThatIsCutOffOrNamesNothingIsLeftOut) {
  EXPECT_THAT(Open({}, Node(15, 8, 33).substr(0, 15)).Find(kText), SizeIs(1));
  EXPECT_THAT(Open({}, Node(1 << 30, 8, 33)).Find(kText), SizeIs(1));
  EXPECT_THAT(Open({}, "").Find(kText), SizeIs(1));
  EXPECT_THAT(Open({.data_count = 3}, Node(15, 8, 33)).Find(kText), SizeIs(1)) << "it has no tree";
}

TEST_F(GoFramesTest, TheStackDeltaIsThatOfTheInstruction) {
  const Pclntab table = Open({}, "");
  EXPECT_EQ(table.StackDelta(kText), 0u);
  EXPECT_EQ(table.StackDelta(kText + 3), 0u);
  EXPECT_EQ(table.StackDelta(kText + 4), 24u);
  EXPECT_EQ(table.StackDelta(kText + 16), std::nullopt);
  EXPECT_EQ(table.StackDelta(kText - 1), std::nullopt);
}

TEST_F(GoFramesTest, FunctionsAreFoundByTheirWholeName) {
  const Pclntab table = Open({}, "");
  EXPECT_THAT(table.EntriesOf({"main.b", "main.a", ""}), ElementsAre(Pair("main.a", kText)));
  EXPECT_THAT(table.EntriesOf({"main", "main.", "main.a.", "ain.a", "main.A"}), IsEmpty());
  EXPECT_THAT(table.EntriesOf({"main.inlined", "runtime"}), IsEmpty()) << "names, but of no function";
  EXPECT_THAT(table.EntriesOf({"main."}), IsEmpty()) << "also when no longer one is looked for";
  EXPECT_THAT(table.EntriesOf({}), IsEmpty());
}

TEST_F(GoFramesTest, AFunctionOutsideTheTextIsNotFound) {
  EXPECT_THAT(Open({.entry = 15}, "").EntriesOf({"main.a"}), ElementsAre(Pair("main.a", kText + 15)));
  EXPECT_THAT(Open({.entry = 16}, "").EntriesOf({"main.a"}), IsEmpty());
}

TEST_F(GoFramesTest, AFunctionThatWritesTheStackPointerHasNoDelta) {
  EXPECT_EQ(Open({.flags = 2}, "").StackDelta(kText), std::nullopt);
  EXPECT_EQ(Open({.flags = 1}, "").StackDelta(kText), 0u);
}

}  // namespace
}  // namespace profd::elf
