// The test's own process through the real /proc: its functions are where the worker is asked about them.
#include <link.h>

#include <sys/mman.h>

#include "process/proc_status.h"
#include "symbols/object_file.h"
#include "unit/symbols/symbolizer_fixture.h"

namespace profd {
namespace {

[[gnu::noinline]] int OwnFunction(int x) { return x * 3; }

/// Offset in this executable's file of an address in it, by the dynamic linker's account.
uint64_t OffsetInOwnFile(uint64_t address) {
  std::pair<uint64_t, uint64_t> query = {address, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& [wanted, offset] = *static_cast<std::pair<uint64_t, uint64_t>*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          const uint64_t start = info->dlpi_addr + segment.p_vaddr;
          if (segment.p_type == PT_LOAD && wanted >= start && wanted < start + segment.p_filesz) {
            offset = wanted - start + segment.p_offset;
            return 1;
          }
        }
        return 0;
      },
      &query);
  return query.second;
}

TEST(RealSymbolize, OwnFunctionsAreAskedAboutInTheOwnExecutableAtTheirOffset) {
  const RealProcFs proc;
  const SystemClock clock;
  FakeObjectAnalyzer analyzer;
  ProcessTable table(&proc, &clock, 10);
  Symbolizer symbolizer(&proc, &clock, &analyzer, 100);
  const ProcessId self{.tgid = static_cast<uint32_t>(getpid()),
                       .exec_id = 1,
                       .start_time_ns = *ParseStartTicks(*proc.Read("self/stat", 4096)) * 10'000'000};
  table.OnSeen(self, "symbols_test");
  const auto function = reinterpret_cast<uint64_t>(&OwnFunction);
  const auto library = reinterpret_cast<uint64_t>(&getppid);
  const auto resolved = table.Resolve(self, std::vector<uint64_t>{function, library + 1});
  const auto result = symbolizer.Symbolize(table.Details(self), resolved);

  struct stat own {};
  ASSERT_EQ(stat("/proc/self/exe", &own), 0);
  ASSERT_EQ(analyzer.calls.size(), 2u);
  EXPECT_EQ(analyzer.calls[0].identity.inode, own.st_ino);
  EXPECT_EQ(analyzer.calls[0].identity.size, static_cast<uint64_t>(own.st_size));
  EXPECT_EQ(analyzer.calls[0].positions.at(0), OffsetInOwnFile(function));
  EXPECT_EQ(analyzer.calls[1].positions.at(0), OffsetInOwnFile(library));
  EXPECT_EQ(analyzer.calls[0].content.substr(0, 4),
            "\x7f"
            "ELF");
  EXPECT_THAT(result[0].file, testing::EndsWith("symbols_test"));
  EXPECT_THAT(result[1].file, testing::HasSubstr("libc"));
  ASSERT_NE(table.ExecutableFile(self), nullptr);
  EXPECT_EQ(symbolizer.StateOf(*table.ExecutableFile(self)).runtime, "go1.26.1");
}

TEST(RealSymbolize, AFileThatIsDeletedWhileMappedIsStillOpened) {
  // By map_files alone, which takes a capability that tests may not have.
  const RealProcFs proc;
  std::string name = "/tmp/profd-mapped-XXXXXX";
  UniqueFd fd(mkstemp(name.data()));
  ASSERT_EQ(ftruncate(fd.get(), 4096), 0);
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  struct stat status {};
  ASSERT_EQ(fstat(fd.get(), &status), 0);
  unlink(name.c_str());
  ResolvedAddress address;
  address.address = address.mapping_start = reinterpret_cast<uint64_t>(memory);
  address.mapping_limit = address.mapping_start + 4096;
  address.file = std::make_shared<MappedFile>(
      MappedFile{major(status.st_dev), minor(status.st_dev), status.st_ino, name + " (deleted)"});
  ProcessDetails process;
  process.process.pid = static_cast<uint32_t>(getpid());
  const auto opened = OpenMappedFile(proc, process, address);
  munmap(memory, 4096);
  if (absl::IsPermissionDenied(opened.status())) GTEST_SKIP() << "map_files needs CAP_CHECKPOINT_RESTORE";
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->identity.inode, status.st_ino);
}

}  // namespace
}  // namespace profd
