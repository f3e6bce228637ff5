#include "process/proc_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace profd {
namespace {

std::vector<MapEvent> Parse(std::string_view text) { return ParseExecutableMaps(text, 100); }

TEST(ProcMaps, OnlyExecutableMappingsCount) {
  const auto events = Parse(
      "55d0c0a00000-55d0c0a02000 r--p 00000000 fe:01 247026                     /usr/bin/cat\n"
      "55d0c0a02000-55d0c0a07000 r-xp 00002000 fe:01 247026                     /usr/bin/cat\n"
      "55d0c0a0b000-55d0c0a0c000 rw-p 0000a000 fe:01 247026                     /usr/bin/cat\n");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].start, 0x55d0c0a02000u);
  EXPECT_EQ(events[0].length, 0x5000u);
  EXPECT_EQ(events[0].file_offset, 0x2000u);
  EXPECT_EQ(events[0].file, (MappedFile{0xfe, 1, 247026, "/usr/bin/cat"}));
}

TEST(ProcMaps, AFileIsFoundWhateverItsPathIsNow) {
  const MappedFile file{.device_major = 0xfe, .device_minor = 0, .inode = 1234, .path = "/bin/shop"};
  const auto mappings = MappingsOf(
      "400000-401000 r--p 00000000 fe:00 1234 /bin/shop (deleted)\n"
      "401000-403000 r-xp 00001000 fe:00 1234 /bin/shop (deleted)\n"
      "500000-501000 r--p 00000000 fe:00 1235 /bin/shop\n",
      file, 10);
  ASSERT_EQ(mappings.size(), 2u);
  EXPECT_EQ(mappings[1].start, 0x401000u);
  EXPECT_EQ(mappings[1].file_offset, 0x1000u);
}

TEST(ProcMaps, NamesKeepBlanksAndGetTheirLineBreaksBack) {
  const auto events = Parse(
      "1000-2000 r-xp 00000000 00:1f 7 /tmp/my  app (deleted)\n"
      "2000-3000 rwxs 00000000 00:1f 8 /tmp/a\\012b\\01c \n");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].file.path, "/tmp/my  app (deleted)");
  EXPECT_EQ(events[1].file.path, "/tmp/a\nb\\01c ");
}

TEST(ProcMaps, MemoryThatIsNoFileIsNamedAsPerfNamesIt) {
  const auto events = Parse(
      "1000-2000 rwxp 00000000 00:00 0 \n"
      "2000-3000 rwxp 00000000 00:00 0\n"
      "7000-9000 r-xp 00000000 00:00 0                          [vdso]\n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].file.path, "//anon");
  EXPECT_EQ(events[1].file.path, "//anon");
  EXPECT_EQ(events[2].file.path, "[vdso]");
  EXPECT_EQ(events[3].file.path, "[vsyscall]");
}

TEST(ProcMaps, GarbageIsLeftOutAndTheRestRead) {
  const auto events = Parse(
      "\n"
      "-\n"
      "zz-11 r-xp 0 0:0 0 /a\n"
      "2000-1000 r-xp 00000000 00:00 0 /backwards\n"
      "1000-1000 r-xp 00000000 00:00 0 /empty\n"
      "11112222333344445-5 r-xp 00000000 00:00 0 /too-large\n"
      "1000-2000 r-xp\n"
      "1000-2000 r-x\n"
      "1000-2000 r-xp 00000000 0000 0 /no-colon\n"
      "1000-2000 r-xp 00000000 00:00 x /no-inode\n"
      "4000-5000 r-xp 00000000 00:00 0 /good\n"
      "6000-7000 r-xp 00000000 00:00 0 /cut-o");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].file.path, "/good");
}

TEST(ProcMaps, NoMoreThanAskedForAndNoLongerNames) {
  std::string text;
  for (int i = 1; i <= 50; ++i) text += fmt::format("{:x}000-{:x}fff r-xp 00000000 00:00 0 /f{}\n", i, i, i);
  EXPECT_EQ(ParseExecutableMaps(text, 3).size(), 3u);
  const auto events = Parse("1000-2000 r-xp 00000000 00:00 0 /" + std::string(100'000, 'x') + "\n");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].file.path.size(), kMaxPathBytes);
}

TEST(ProcMaps, NamesWithStrangeBytesStayAsTheyAre) {
  const auto events = Parse("1000-2000 r-xp 00000000 00:00 9 /\x1b[31m\xff;<b>\n");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].file.path, "/\x1b[31m\xff;<b>");
}

TEST(ProcMaps, OnlyTheKernelsLastMarkOfADeletedFileIsNoPartOfItsPath) {
  EXPECT_EQ(WithoutDeleted("/tmp/my app (deleted)"), "/tmp/my app");
  EXPECT_EQ(WithoutDeleted("/tmp/app (deleted) (deleted)"), "/tmp/app (deleted)");
  EXPECT_EQ(WithoutDeleted("/tmp/app (deleted)/lib.so"), "/tmp/app (deleted)/lib.so");
  EXPECT_EQ(WithoutDeleted("/tmp/app"), "/tmp/app");
}

TEST(CodeHasNoFile, APackedProgramsIsInMemoryAlone) {
  const std::string memory = "00400000-0049f000 r-xp 00000000 00:00 0 \n0049f000-00579000 r--p 00000000 00:00 0 \n";
  const std::string vdso = "7ffd000000-7ffd002000 r-xp 00000000 00:00 0                          [vdso]\n";
  const std::string file = "00600000-00700000 r-xp 00000000 08:01 5    /bin/app\n";
  EXPECT_TRUE(CodeHasNoFile(memory + vdso));
  EXPECT_FALSE(CodeHasNoFile(memory + file + vdso));
  EXPECT_FALSE(CodeHasNoFile(vdso));
  EXPECT_FALSE(CodeHasNoFile(""));
}

}  // namespace
}  // namespace profd
