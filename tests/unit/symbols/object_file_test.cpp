// Which file is believed to be the mapped one.
#include "symbols/object_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>

#include "unit/symbols/symbolizer_fixture.h"

namespace profd {
namespace {

FileFacts Facts(uint64_t inode, uint32_t minor, int64_t file_system = EXT4_SUPER_MAGIC) {
  FileFacts facts;
  facts.identity.inode = inode;
  facts.device_major = 8;
  facts.device_minor = minor;
  facts.file_system = file_system;
  return facts;
}

TEST(CompareToMapping, DeviceAndInodeDecideWhereTheyAreTrue) {
  const MappedFile mapped = {8, 1, 77, "/app"};
  EXPECT_EQ(CompareToMapping(Facts(77, 1), mapped), FileMatch::kSame);
  EXPECT_EQ(CompareToMapping(Facts(78, 1), mapped), FileMatch::kOther);
  EXPECT_EQ(CompareToMapping(Facts(77, 2), mapped), FileMatch::kOther);
}

TEST(CompareToMapping, SomeFileSystemsShowOtherNumbers) {
  const MappedFile mapped = {8, 1, 77, "/app"};
  EXPECT_EQ(CompareToMapping(Facts(99, 40, OVERLAYFS_SUPER_MAGIC), mapped), FileMatch::kUnclear);
  EXPECT_EQ(CompareToMapping(Facts(77, 1, OVERLAYFS_SUPER_MAGIC), mapped), FileMatch::kSame);
  EXPECT_EQ(CompareToMapping(Facts(77, 40, BTRFS_SUPER_MAGIC), mapped), FileMatch::kUnclear);
  EXPECT_EQ(CompareToMapping(Facts(99, 40, BTRFS_SUPER_MAGIC), mapped), FileMatch::kOther);
}

TEST(CompareToMapping, AMappingWithoutNumbersProvesNothing) {
  EXPECT_EQ(CompareToMapping(Facts(0, 0), {8, 0, 0, "/app"}), FileMatch::kUnclear);
}

TEST_F(SymbolizerTest, WithoutMapFilesThePathIsOpenedWhenItIsTheSameFile) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  proc_.root_files[{7, "/app"}] = Path("app");
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "app+1010");
}

TEST_F(SymbolizerTest, AnotherFileUnderThePathIsRefused) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  proc_.root_files[{7, "/app"}] = Write("replaced", "replaced");
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?");
  EXPECT_EQ(analyzer_.CallCount(), 0u);
  EXPECT_EQ(symbolizer_.counters().open_failures, 1u);
  EXPECT_THAT(symbolizer_.StateOf(*file).symbols, testing::StartsWith("failed: "));
}

TEST_F(SymbolizerTest, AnotherFileInMapFilesIsRefusedAndThePathTried) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Write("other", "other"));
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?");
  proc_.root_files[{7, "/app"}] = Path("app");
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?") << "not tried again at once";
  clock_.now += std::chrono::seconds(11);
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "app+1010");
}

TEST_F(SymbolizerTest, AMappingWithoutNumbersNeedsMapFilesTheSamePathAndTheSameProcess) {
  const auto process = Process(7);
  Write("app", "app");
  const auto file = std::make_shared<MappedFile>(MappedFile{0, 0, 0, "/app"});
  const std::string link = fmt::format("7/map_files/{:x}-{:x}", kStart, kLimit);
  const ResolvedAddress address = In(file, 0x400010);

  proc_.root_files[{7, "/app"}] = Path("app");
  EXPECT_FALSE(OpenMappedFile(proc_, process, address).ok()) << "the path alone proves nothing";
  MapInto(7, Path("app"));
  proc_.links[link] = "/container/root/app (deleted)";
  EXPECT_TRUE(OpenMappedFile(proc_, process, address).ok());
  proc_.links[link] = "/container/root/app2";
  EXPECT_FALSE(OpenMappedFile(proc_, process, address).ok());
  proc_.links[link] = "/app";
  proc_.AddProcess(7, kStartTimeNs + 1'000'000'000);
  EXPECT_FALSE(OpenMappedFile(proc_, process, address).ok());
}

TEST_F(SymbolizerTest, AnExitedProcessResolvesThroughFilesThatAreKnown) {
  auto first = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  EXPECT_EQ(NameAt(first, In(file, 0x400010)), "app+1010");
  proc_.RemoveProcess(7);

  ProcessDetails second = Process(8);
  second.exited = true;
  proc_.RemoveProcess(8);
  EXPECT_EQ(NameAt(second, In(Mapped(Path("app"), "/app"), 0x400010)), "app+1010");
  EXPECT_EQ(NameAt(second, In(Mapped(Path("app"), "/app"), 0x400020)), "app+1020") << "through the file kept open";
  EXPECT_EQ(NameAt(second, In(Mapped(Path("app"), "/elsewhere"), 0x400010)), "?");
}

TEST_F(SymbolizerTest, AFileRebuiltUnderItsNameAndNumberIsAnother) {
  const auto first = Process(7);
  const auto file = Mapped(Write("app", "old"), "/app");
  MapInto(7, Path("app"));
  EXPECT_EQ(NameAt(first, In(file, 0x400010)), "old+1010");
  Write("app", "newer");  // same inode
  const auto second = Process(8);
  MapInto(8, Path("app"));
  EXPECT_EQ(NameAt(second, In(file, 0x400010)), "newer+1010");
  EXPECT_EQ(NameAt(first, In(file, 0x400010)), "old+1010");
}

TEST_F(SymbolizerTest, ExecIsAnotherProgramAtTheSameAddress) {
  const auto before = Process(7, 1);
  const auto old_file = Mapped(Write("old", "old"), "/old");
  MapInto(7, Path("old"));
  EXPECT_EQ(NameAt(before, In(old_file, 0x400010)), "old+1010");
  const auto after = Process(7, 2);
  const auto new_file = Mapped(Write("new", "new"), "/new");
  MapInto(7, Path("new"));
  EXPECT_EQ(NameAt(after, In(new_file, 0x400010)), "new+1010");
  EXPECT_EQ(NameAt(before, In(old_file, 0x400010)), "old+1010");
}

int OpenFiles() {
  int open = 0;
  for (int fd = 0; fd < 1024; ++fd) open += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return open;
}

TEST_F(SymbolizerTest, AtMost64FilesStayOpenAndNoneForLongWithoutUse) {
  const int before = OpenFiles();
  std::vector<std::pair<ProcessDetails, ResolvedAddress>> all;
  for (uint32_t pid = 1; pid <= 200; ++pid) {
    const std::string name = fmt::format("app{}", pid);
    all.emplace_back(Process(pid), In(Mapped(Write(name, name), "/" + name), 0x400010));
    MapInto(pid, Path(name));
    EXPECT_EQ(NameAt(all.back().first, all.back().second), name + "+1010");
  }
  EXPECT_LE(OpenFiles(), before + 64);
  EXPECT_GE(OpenFiles(), before + 60);
  ResolvedAddress another = all[0].second;
  another.address = 0x400020;
  EXPECT_EQ(NameAt(all[0].first, another), "app1+1020") << "opened again";
  clock_.now += std::chrono::minutes(6);
  EXPECT_EQ(NameAt(all[0].first, all[0].second), "app1+1010");
  EXPECT_EQ(OpenFiles(), before);
}

TEST(Vdso, TheCopyIsSealedAndBeginsAsElf) {
  absl::StatusOr<VdsoImage> image = CopyVdso();
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->file.identity.size, image->size);
  char magic[4] = {};
  ASSERT_EQ(pread(image->file.fd.get(), magic, 4, 0), 4);
  EXPECT_EQ(std::string(magic, 4),
            "\x7f"
            "ELF");
  EXPECT_EQ(pwrite(image->file.fd.get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(image->file.fd.get(), 0), -1);
}

TEST_F(SymbolizerTest, VdsoAddressesAreOffsetsInThisKernelsOwn) {
  const uint64_t size = CopyVdso()->size;
  const auto process = Process(7);
  const ResolvedAddress inside{0x7fff00000123, 0x7fff00000000, 0x7fff00000000 + size, 0xdead000, Memory("[vdso]")};
  const auto result = symbolizer_.Symbolize(process, std::vector{inside});
  EXPECT_EQ(result[0].file, "[vdso]");
  EXPECT_THAT(result[0].lines.at(0).function, testing::StartsWith("\x7f"
                                                                  "ELF"));
  EXPECT_THAT(result[0].lines.at(0).function, testing::EndsWith("+123"));
  ResolvedAddress other_size = inside;
  other_size.mapping_limit += 0x1000;
  EXPECT_EQ(NameAt(process, other_size), "?");
  const ResolvedAddress of_32_bit{0xf7f00123, 0xf7f00000, 0xf7f00000 + size, 0, Memory("[vdso]")};
  EXPECT_EQ(NameAt(process, of_32_bit), "?");
}

}  // namespace
}  // namespace profd
