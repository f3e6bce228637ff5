// Go's table in made-up objects: what is read from it, and that lies in it are refused by name.
#include <gmock/gmock.h>

#include <random>

#include "elf/object.h"
#include "unit/elf/elf_builder.h"

namespace profd::elf {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing_elf::BytesOf;
using testing_elf::ElfBuilder;
using testing_elf::FileOf;
using testing_elf::With;

constexpr uint64_t kText = ElfBuilder::kText;
// Offsets of words in the header.
constexpr size_t kFunctionsAt = 8, kTextAt = 24, kNamesAt = 32, kRecordsAt = 64;

std::string BuildInfo(std::string_view version) {
  std::string info("\xff Go buildinf:\x08\x02", 16);
  info.resize(32, '\0');
  return info + static_cast<char>(version.size()) + std::string(version);
}

// main.a at 0..16: line 10 for 4 bytes, then 12; main.B[go.shape.int] at 16..48: line 20. Both start a line before.
std::string Table(uint32_t magic = 0xfffffff1) {
  const std::string names("runtime\0main.a\0main.B[go.shape.int]\0", 36);
  const std::string units = BytesOf(uint32_t{0}), files("/src/main.go\0", 13);
  // Pairs of zigzag value delta and address delta; values start at -1.
  const std::string values(
      "\0"                  // 0 means: no sequence
      "\x02\x30\0"          // 1: value 0 for 48 bytes
      "\x16\x04\x04\x0c\0"  // 4: value 10 for 4 bytes, 12 for 12
      "\x2a\x20\0",
      12);  // 9: value 20 for 32 bytes
  const auto record = [](uint32_t entry, uint32_t name, uint32_t lines, uint32_t start_line) {
    std::string bytes;
    for (const uint32_t field : {entry, name, 0u, 0u, 0u, 1u, lines, 0u, 0u, start_line, 0u}) bytes += BytesOf(field);
    return bytes;
  };
  std::string records;
  for (const uint32_t field : {0u, 20u, 16u, 20u + 44u, 48u}) records += BytesOf(field);
  records += record(0, 8, 4, 9) + record(16, 15, 9, 19);

  std::string table = BytesOf(magic) + std::string("\0\0\x01\x08", 4);
  uint64_t at = 8 + 8 * 8;
  const uint64_t names_at = at, units_at = names_at + names.size(), files_at = units_at + units.size();
  const uint64_t values_at = files_at + files.size(), records_at = values_at + values.size();
  for (const uint64_t word : {uint64_t{2}, uint64_t{1}, kText, names_at, units_at, files_at, values_at, records_at}) {
    table += BytesOf(word);
  }
  return table + names + units + files + values + records;
}

ElfBuilder GoBuilder(const std::string& table, std::string_view version = "go1.21.13") {
  return ElfBuilder().Section(".go.buildinfo", BuildInfo(version)).Section(".gopclntab", table);
}

std::unique_ptr<Object> Opened(const ElfBuilder& builder) { return *OpenElf(FileOf(builder.Build())); }

std::string ReasonFor(const std::string& table) {
  const auto object = Opened(GoBuilder(table));
  EXPECT_EQ(object->Describe()->symbols, "none") << "but the rest of it is told";
  return Message(object->Resolve(ElfBuilder::kTextAt).status());
}

TEST(Pclntab, GivesNameFileLineAndStart) {
  const auto object = Opened(GoBuilder(Table()));
  const auto lines = object->Resolve(ElfBuilder::kTextAt + 3);
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_THAT(*lines, SizeIs(1));
  EXPECT_EQ((*lines)[0].function, "main.a");
  EXPECT_EQ((*lines)[0].file, "/src/main.go");
  EXPECT_EQ((*lines)[0].line, 10);
  EXPECT_EQ((*lines)[0].start_line, 9);
  EXPECT_EQ((*object->Resolve(ElfBuilder::kTextAt + 4))[0].line, 12);
  EXPECT_EQ((*object->Resolve(ElfBuilder::kTextAt + 16))[0].line, 20);
  EXPECT_EQ(object->Describe()->symbols, "gopclntab");
  EXPECT_EQ(object->Describe()->symbol_count, 2u);
}

TEST(Pclntab, TypeArgumentsAreWrittenAsTheRuntimeDoes) {
  const auto lines = Opened(GoBuilder(Table()))->Resolve(ElfBuilder::kTextAt + 20);
  EXPECT_EQ((*lines)[0].function, "main.B[...]");
  EXPECT_EQ((*lines)[0].system_name, "main.B[go.shape.int]");
}

TEST(Pclntab, OlderTablesHaveNoStartLineSoTheFirstInstructionsCounts) {
  const auto lines = Opened(GoBuilder(Table(0xfffffff0), "go1.19"))->Resolve(ElfBuilder::kTextAt + 8);
  EXPECT_EQ((*lines)[0].line, 12);
  EXPECT_EQ((*lines)[0].start_line, 10);
}

TEST(Pclntab, OutsideItsTextTheSymbolsAnswer) {
  const auto object = Opened(GoBuilder(Table()).Symbol("c_function", kText + 48, 8).Symbol("not_me", kText, 48));
  EXPECT_EQ((*object->Resolve(ElfBuilder::kTextAt + 50))[0].function, "c_function");
  EXPECT_EQ((*object->Resolve(ElfBuilder::kTextAt))[0].function, "main.a");
}

// The second function's name replaced.
std::string TableWith(std::string_view name) {
  std::string table = Table(), padded(name);
  padded.resize(std::string_view("main.B[go.shape.int]").size());
  return table.replace(table.find("main.B"), padded.size(), padded);
}

TEST(Pclntab, AFunctionOfMapsHasItsKindPlaceAndCode) {
  const auto runtime = Opened(GoBuilder(TableWith("runtime.mapassign")))->AskGo();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  ASSERT_THAT(runtime->map_functions, SizeIs(1));
  const MapFunction& function = runtime->map_functions.front();
  EXPECT_EQ(function.kind, (MapFunctionKind{MapOperation::kWrite, MapKey::kPointer}));
  EXPECT_EQ(function.code.offset, ElfBuilder::kTextAt + 16);
  EXPECT_EQ(function.code.code, std::string(16, '\x90'));
}

TEST(Pclntab, WhatIsNoFunctionOfMapsInItsVersionIsNotListed) {
  const std::string table = TableWith("runtime.mapaccess1");
  EXPECT_THAT(Opened(GoBuilder(table, "go1.26.1"))->AskGo()->map_functions, SizeIs(1));
  EXPECT_THAT(Opened(GoBuilder(table, "go1.27.1"))->AskGo()->map_functions, SizeIs(0));
  EXPECT_THAT(Opened(GoBuilder(Table()))->AskGo()->map_functions, SizeIs(0));
}

TEST(HostilePclntab, CountsThatLie) {
  for (const uint64_t count : {uint64_t{0}, uint64_t{1000}, uint64_t{1} << 29, UINT64_MAX}) {
    EXPECT_THAT(ReasonFor(With(Table(), kFunctionsAt, count)), HasSubstr("claims")) << count;
  }
}

TEST(HostilePclntab, TablesOutsideOrOutOfOrder) {
  for (size_t word = kNamesAt; word <= kRecordsAt; word += 8) {
    EXPECT_THAT(ReasonFor(With(Table(), word, UINT64_MAX)), HasSubstr("outside")) << word;
  }
  EXPECT_THAT(ReasonFor(With(Table(), kNamesAt, uint64_t{120})), HasSubstr("out of order"));
}

TEST(HostilePclntab, OtherMagics) {
  EXPECT_THAT(ReasonFor(Table(0xfffffffa)), HasSubstr("of Go 1.17 or older"));
  EXPECT_THAT(ReasonFor(Table(0x12345678)), HasSubstr("unknown magic"));
  EXPECT_THAT(ReasonFor("\xf1\xff\xff\xff"), HasSubstr("too short"));
  EXPECT_THAT(ReasonFor(With(Table(), 7, char{3})), HasSubstr("broken header"));
}

TEST(HostilePclntab, TextThatIsNotExecutable) {
  EXPECT_THAT(ReasonFor(With(Table(), kTextAt, uint64_t{0x10})), HasSubstr("outside the executable"));
  EXPECT_THAT(ReasonFor(With(Table(), kTextAt, uint64_t{0})), HasSubstr("no moduledata"));
  EXPECT_THAT(ReasonFor(With(Table(), kTextAt, UINT64_MAX - 8)), HasSubstr("outside the executable"));
}

TEST(HostilePclntab, ABrokenOneLeavesTheSymbolsAndSaysSoWhenAskedAboutGo) {
  const auto object = Opened(GoBuilder(With(Table(), kFunctionsAt, uint64_t{1000})).Symbol("main.a", kText, 16));
  EXPECT_EQ(object->Describe()->symbols, "symtab");
  EXPECT_EQ((*object->Resolve(ElfBuilder::kTextAt))[0].function, "main.a");
  EXPECT_THAT(object->AskGo()->unknown_layout, HasSubstr("claims 1000 functions"));
}

TEST(HostilePclntab, RandomChangesNeverDoMoreThanRefuse) {
  const std::string good = Table();
  std::minstd_rand random(1);
  for (int round = 0; round < 5000; ++round) {
    std::string table = good;
    for (int change = 0; change < 3; ++change) table[random() % table.size()] = static_cast<char>(random());
    const auto object = Opened(GoBuilder(table));
    for (uint64_t offset = 0; offset < 64; offset += 3) {
      static_cast<void>(object->Resolve(ElfBuilder::kTextAt + offset).ok());
    }
    static_cast<void>(object->AskGo().ok());
    static_cast<void>(object->TypeName(ElfBuilder::kTextAt));
  }
}

TEST(GoVersion, MustBePrintableAndOfReasonableLength) {
  for (const std::string& version : {std::string("go1.21\n"), std::string(200, 'g'), std::string("not go")}) {
    const auto object = Opened(GoBuilder(Table(), version));
    EXPECT_EQ(object->Describe()->go_version, "") << version;
  }
}

}  // namespace
}  // namespace profd::elf
