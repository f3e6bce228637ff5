// Names of Go's types in made-up programs. What real programs say is compared in tests/unit/worker.
#include "elf/go_types.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <random>

#include "base/utf8.h"
#include "elf/go_runtime.h"
#include "unit/elf/elf_builder.h"

namespace profd::elf {
namespace {

using testing_elf::BytesOf;
using testing_elf::With;

constexpr uint64_t kBase = 0x400000, kTable = 0x700000, kNamesAt = 72;
constexpr uint64_t kTypesAt = 0x200, kTypeAt = kTypesAt + 64, kNameAt = 128;  // the last from the start of the types
constexpr uint64_t kType = kBase + kTypeAt;
// Fields of the descriptor.
constexpr uint64_t kFlags = kTypeAt + 20, kKind = kTypeAt + 23, kNameOffset = kTypeAt + 40;

std::string Named(std::string_view name) {
  std::string bytes(1, '\0');
  size_t size = name.size();
  for (; size >= 0x80; size >>= 7) bytes += static_cast<char>(size | 0x80);
  return bytes + static_cast<char>(size) + std::string(name);
}

// moduledata of `version` at the start, then one type, of a map, and its name.
std::string Program(std::string_view name, const std::string& version = "go1.21.13") {
  const std::string text = Named(name);
  std::string file(kTypesAt + kNameAt, '\0');
  file += text;
  const auto tables = *GoTablesOf(version);
  file = With(With(file, 0, kTable), 8, kTable + kNamesAt);
  file = With(file, tables.types_word * 8, kBase + kTypesAt);
  file = With(file, tables.etypes_word * 8, kBase + file.size());
  return With(With(file, kKind, uint8_t{21}), kNameOffset, static_cast<int32_t>(kNameAt));
}

std::string NameIn(const std::string& file, uint64_t address = kType, const std::string& version = "go1.21.13") {
  const auto image = Image::OfMemory(file);
  Layout layout{.is64 = true, .machine = EM_X86_64};
  layout.segments.push_back(
      {.type = PT_LOAD, .flags = PF_R | PF_W, .address = kBase, .file_size = file.size(), .memory_size = file.size()});
  const GoModule module(*image, layout, {.names = kNamesAt}, kTable);
  return GoTypes::Read(*image, layout, module, version).NameOf(address);
}

TEST(GoTypes, HaveTheNameOfTheirDescriptor) {
  EXPECT_EQ(NameIn(Program("map[string]interface {}")), "map[string]interface {}");
  EXPECT_EQ(NameIn(Program("map[string]main.Größe")), "map[string]main.Größe");
}

TEST(GoTypes, AreWhereTheVersionsModuledataSays) {
  for (const char* version : {"go1.18.1", "go1.19.13", "go1.20", "go1.23.12", "go1.26.4", "go1.27.4"}) {
    EXPECT_EQ(NameIn(Program("map[int]int", version), kType, version), "map[int]int") << version;
  }
  EXPECT_EQ(NameIn(Program("map[int]int", "go1.19.13"), kType, "go1.21.13"), "");
  EXPECT_EQ(NameIn(Program("map[int]int"), kType, "go1.99"), "");
}

TEST(GoTypes, AStarThatSavesTextIsDropped) {
  EXPECT_EQ(NameIn(With(Program("*main.Tree"), kFlags, uint8_t{2})), "main.Tree");
  EXPECT_EQ(NameIn(With(Program("*main.Tree"), kFlags, uint8_t{4})), "*main.Tree") << "that of a pointer stays";
  EXPECT_EQ(NameIn(With(Program("main.Tree"), kFlags, uint8_t{2})), "") << "none to drop";
}

TEST(GoTypes, OfEveryKindButNoneThatGoDoesNotHave) {
  for (const uint8_t kind : {1, 21, 26, 21 | 0x20, 21 | 0xe0}) {
    EXPECT_EQ(NameIn(With(Program("T"), kKind, kind)), "T") << int{kind};
  }
  for (const uint8_t kind : {0, 27, 31, 0x20}) EXPECT_EQ(NameIn(With(Program("T"), kKind, kind)), "") << int{kind};
}

TEST(GoTypes, LongNamesAreNotTold) {
  for (const size_t size : {127u, 128u, 1024u}) {
    EXPECT_EQ(NameIn(Program(std::string(size, 'n'))), std::string(size, 'n'));
  }
  EXPECT_EQ(NameIn(Program(std::string(1025, 'n'))), "");
  EXPECT_EQ(NameIn(Program(std::string(1 << 22, 'n'))), "");
}

TEST(HostileGoTypes, NamesThatAreNotOneLineOfUtf8) {
  for (const char* name : {"", "map[\n]int", "map[\x1b[31m]int", "map[\xff]int", "map[\u202e]int"}) {
    EXPECT_EQ(NameIn(Program(name)), "") << name;
  }
}

TEST(HostileGoTypes, DescriptorsThatAreNotAllInside) {
  const std::string file = Program(std::string(64, 'n'));
  const uint64_t end = kBase + file.size();
  for (const uint64_t address : {uint64_t{0}, kBase + kTypesAt - 8, kType + 4, end - 40, end, UINT64_MAX - 7}) {
    EXPECT_EQ(NameIn(file, address), "") << address;
  }
}

TEST(HostileGoTypes, DescriptorsThatAreNotAligned) {
  const std::string file = Program("map[int]int");
  const std::string descriptor = file.substr(kTypeAt, 48);
  for (const uint64_t shift : {1, 2, 4}) {
    std::string shifted = file;
    shifted.replace(kTypeAt + shift, descriptor.size(), descriptor);
    EXPECT_EQ(NameIn(shifted, kType + shift), "") << shift;
  }
}

TEST(HostileGoTypes, NamesThatAreNotAllInside) {
  const std::string file = Program("map[int]int");
  const auto size = static_cast<int32_t>(file.size() - kTypesAt);
  for (const int32_t offset : {INT32_MIN, -1, 0, size - 2, size - 1, size, INT32_MAX}) {
    EXPECT_EQ(NameIn(With(file, kNameOffset, offset)), "") << offset;
  }
  std::string at_zero = With(file, kNameOffset, int32_t{0});
  at_zero.replace(kTypesAt, 3, std::string("\0\1T", 3));
  EXPECT_EQ(NameIn(at_zero), "") << "no name is there";
  const size_t length_at = kTypesAt + kNameAt + 1;
  EXPECT_EQ(NameIn(With(file, length_at, uint8_t{11})), "map[int]int");
  EXPECT_EQ(NameIn(With(file, length_at, uint8_t{12})), "");
}

TEST(HostileGoTypes, ModuledataThatDoesNotAddUp) {
  const std::string file = Program("map[int]int");
  const auto tables = *GoTablesOf("go1.21.13");
  for (const uint64_t types : {uint64_t{0}, kBase - 8, kBase + file.size(), UINT64_MAX}) {
    EXPECT_EQ(NameIn(With(file, tables.types_word * 8, types)), "") << types;
  }
  for (const uint64_t end : {uint64_t{0}, kBase + kTypesAt, kBase + file.size() + 1, UINT64_MAX}) {
    EXPECT_EQ(NameIn(With(file, tables.etypes_word * 8, end)), "") << end;
  }
  EXPECT_EQ(NameIn(With(file, 8, kTable)), "") << "no moduledata";
}

TEST(HostileGoTypes, RandomChangesNeverDoMoreThanHideOrChangeTheName) {
  const std::string good = With(Program("*map[string]main.Tree"), kFlags, uint8_t{2});
  std::minstd_rand random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string file = good;
    for (int change = 0; change < 3; ++change) file[random() % file.size()] = static_cast<char>(random());
    const std::string name = NameIn(file);
    EXPECT_LE(name.size(), kMaxTypeName);
    EXPECT_EQ(name, ToPrintable(name));
  }
}

}  // namespace
}  // namespace profd::elf
