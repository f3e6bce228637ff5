// ELF files made to break a reader: each is refused with a reason that names what is wrong, or answered within bounds.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <random>

#include "elf/object.h"
#include "support/temp_dir.h"
#include "unit/elf/elf_builder.h"

namespace profd::elf {
namespace {

using ::testing::HasSubstr;
using testing_elf::ElfBuilder;
using testing_elf::FileOf;
using testing_elf::With;

// Opens, describes and asks; the first refusal's reason, "" when there is none.
std::string ReasonFor(UniqueFd fd) {
  auto object = OpenElf(std::move(fd));
  if (!object.ok()) return Message(object.status());
  std::string reason;
  if (const auto facts = (*object)->Describe(); !facts.ok()) reason = Message(facts.status());
  for (const uint64_t offset : {uint64_t{0}, ElfBuilder::kTextAt, ElfBuilder::kTextAt + 100, UINT64_MAX}) {
    if (const auto lines = (*object)->Resolve(offset); !lines.ok() && reason.empty()) reason = Message(lines.status());
    EXPECT_EQ((*object)->TypeName(offset), "");
  }
  static_cast<void>((*object)->AskGo().ok());
  return reason;
}
std::string ReasonFor(const std::string& content) { return ReasonFor(FileOf(content)); }

std::string Good() {
  return ElfBuilder().Symbol("f", ElfBuilder::kText, 8).Symbol("g", ElfBuilder::kText + 8, 8).Build();
}

Elf64_Ehdr HeaderOf(const std::string& file) {
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  return header;
}

// The offset in the file of a field of section `index`'s header.
size_t FieldOf(const std::string& file, unsigned index, size_t field) {
  return HeaderOf(file).e_shoff + index * sizeof(Elf64_Shdr) + field;
}
constexpr unsigned kSymtab = 2, kStrtab = 3;

TEST(HostileElf, TheGoodOneIsGood) { EXPECT_EQ(ReasonFor(Good()), ""); }

TEST(HostileElf, NoElf) {
  EXPECT_THAT(ReasonFor(std::string()), HasSubstr("an empty file"));
  EXPECT_THAT(ReasonFor(std::string("\x7f"
                                    "ELF")),
              HasSubstr("too short"));
  EXPECT_THAT(ReasonFor(std::string(100, 'x')), HasSubstr("not an ELF file"));
  EXPECT_THAT(ReasonFor(With(Good(), EI_DATA, char{ELFDATA2MSB})), HasSubstr("byte order"));
  EXPECT_THAT(ReasonFor(With(Good(), EI_CLASS, char{9})), HasSubstr("unknown width"));
}

TEST(HostileElf, NeitherExecutableNorLibrary) {
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_type), uint16_t{ET_REL})), HasSubstr("neither"));
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_type), uint16_t{ET_CORE})), HasSubstr("neither"));
}

TEST(HostileElf, NoRegularFile) {
  const profd::testing::TempDir directory;
  ASSERT_EQ(mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(ReasonFor(UniqueFd(open((directory / "fifo").c_str(), O_RDONLY | O_NONBLOCK))), HasSubstr("regular"));
  EXPECT_THAT(ReasonFor(UniqueFd(open(directory.path().c_str(), O_RDONLY))), HasSubstr("regular"));
  EXPECT_THAT(ReasonFor(UniqueFd(open("/dev/zero", O_RDONLY))), HasSubstr("regular"));
}

TEST(HostileElf, OneGibibyteOfNothing) {
  UniqueFd sparse(memfd_create("sparse", 0));
  ASSERT_EQ(ftruncate(sparse.get(), off_t{1} << 30), 0);
  EXPECT_THAT(ReasonFor(std::move(sparse)), HasSubstr("not an ELF file"));
}

TEST(HostileElf, TablesOutsideTheFile) {
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 3)), HasSubstr("segment table"));
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 3)), HasSubstr("section table"));
  EXPECT_THAT(ReasonFor(With(Good(), FieldOf(Good(), kSymtab, offsetof(Elf64_Shdr, sh_offset)), UINT64_MAX)),
              HasSubstr(".symtab"));
  EXPECT_THAT(ReasonFor(With(Good(), FieldOf(Good(), kSymtab, offsetof(Elf64_Shdr, sh_size)), UINT64_MAX - 24)),
              HasSubstr(".symtab"));
  EXPECT_THAT(ReasonFor(With(Good(), FieldOf(Good(), kStrtab, offsetof(Elf64_Shdr, sh_size)), UINT64_MAX / 2)),
              HasSubstr("names"));
}

TEST(HostileElf, CountsThatCannotBe) {
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_phnum), uint16_t{0})), HasSubstr("without segments"));
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_phnum), uint16_t{60000})), HasSubstr("60000 segments"));
  EXPECT_THAT(ReasonFor(With(Good(), offsetof(Elf64_Ehdr, e_shnum), uint16_t{0xff00})), HasSubstr("section table"));
  // The real number stands in the first section.
  const std::string extended = With(Good(), offsetof(Elf64_Ehdr, e_shnum), uint16_t{0});
  EXPECT_THAT(ReasonFor(With(extended, FieldOf(Good(), 0, offsetof(Elf64_Shdr, sh_size)), UINT64_MAX / 64 + 2)),
              HasSubstr("sections, more than"));
}

TEST(HostileElf, SymbolsWhoseNamesAreNoStrings) {
  for (const uint32_t link : {0u, 1u, 60000u, UINT32_MAX}) {
    EXPECT_THAT(ReasonFor(With(Good(), FieldOf(Good(), kSymtab, offsetof(Elf64_Shdr, sh_link)), link)),
                HasSubstr("names no table of strings"));
  }
}

TEST(HostileElf, SymbolsThatWrapAround) {
  const std::string file = ElfBuilder()
                               .Symbol("f", UINT64_MAX - 4, UINT64_MAX)
                               .Symbol("g", 0, UINT64_MAX)
                               .Symbol("h", UINT64_MAX, 0)
                               .Build();
  EXPECT_EQ(ReasonFor(file), "");
}

TEST(HostileElf, CutOffAnywhere) {
  const std::string file = Good();
  // The section table stands at the end, so every cut hurts it.
  for (size_t size = 0; size < file.size(); size += 7) EXPECT_NE(ReasonFor(file.substr(0, size)), "") << size;
}

TEST(HostileElf, RandomChangesNeverDoMoreThanRefuse) {
  const std::string good = Good();
  std::minstd_rand random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string file = good;
    for (int change = 0; change < 4; ++change) {
      // The code in the middle matters to nobody.
      const size_t interesting = good.size() - ElfBuilder::kTextAt - ElfBuilder::kTextSize + 256;
      const size_t at = random() % interesting;
      file[at < 256 ? at : at - 256 + ElfBuilder::kTextAt + ElfBuilder::kTextSize] = static_cast<char>(random());
    }
    ReasonFor(file);
  }
}

}  // namespace
}  // namespace profd::elf
