// Hostile objects through the whole way: the pool stays whole, and says what is wrong with them.
#include <sys/stat.h>

#include <random>

#include "support/temp_dir.h"
#include "unit/elf/elf_builder.h"
#include "unit/worker/pool_fixture.h"

namespace profd {
namespace {

using namespace testing_worker;
using testing_elf::ElfBuilder;
using testing_elf::With;

constexpr auto kRefused = absl::StatusCode::kInvalidArgument;

class WorkerHostile : public ::testing::Test {
 protected:
  absl::StatusOr<ObjectFacts> Describe(std::string_view content, ObjectKind kind = ObjectKind::kElf) {
    return pool_->Describe(FileOf(content, kind).ref());
  }
  void TearDown() override {
    EXPECT_EQ(pool_->counters().crashed, 0u);
    EXPECT_EQ(pool_->counters().timed_out, 0u);
  }

  const std::unique_ptr<WorkerPool> pool_ = PoolOf(TestOptions());
};

TEST_F(WorkerHostile, EmptyTruncatedAndRandomFiles) {
  EXPECT_THAT(Describe(""), RefusedWith(kRefused, "an empty file"));
  const std::string self = ReadAll("/proc/self/exe");
  EXPECT_THAT(Describe(self.substr(0, self.size() / 2)), RefusedWith(kRefused, "lies outside the file"));
  EXPECT_THAT(Describe(self.substr(0, 40)), RefusedWith(kRefused, "lies outside the file"));
  std::minstd_rand random(7);
  std::string garbage(100'000, '\0');
  for (char& byte : garbage) byte = static_cast<char>(random());
  EXPECT_THAT(Describe(garbage), RefusedWith(kRefused, "not an ELF file"));
  EXPECT_THAT(Describe(garbage, ObjectKind::kPerfMap), RefusedWith(kRefused, "no line"));
  EXPECT_THAT(Describe(garbage, ObjectKind::kKallsyms), HasCode(kRefused));
}

TEST_F(WorkerHostile, AGibibyteOfNothing) {
  TestFile sparse{UniqueFd(memfd_create("sparse", MFD_CLOEXEC))};
  ASSERT_EQ(ftruncate(sparse.fd.get(), off_t{1} << 30), 0);
  EXPECT_THAT(pool_->Describe(sparse.ref()), RefusedWith(kRefused, "not an ELF file"));
  sparse.kind = ObjectKind::kPerfMap;
  EXPECT_THAT(pool_->Describe(sparse.ref()), RefusedWith(kRefused, "larger than"));
}

TEST_F(WorkerHostile, SymbolsThatFillAGibibyteOfHole) {
  const std::string elf = ElfBuilder().Symbol("f", ElfBuilder::kText, 8).Build();
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof(header));
  const size_t symtab = header.e_shoff + 2 * sizeof(Elf64_Shdr);
  const std::string large = With(With(elf, symtab + offsetof(Elf64_Shdr, sh_offset), uint64_t{0}),
                                 symtab + offsetof(Elf64_Shdr, sh_size), uint64_t{2} << 30);
  const TestFile file = FileOf(large);
  ASSERT_EQ(ftruncate(file.fd.get(), off_t{3} << 30), 0);
  EXPECT_EQ(pool_->Describe(file.ref())->symbols, "none");
  EXPECT_THAT(pool_->Resolve(file.ref(), std::vector<uint64_t>{ElfBuilder::kTextAt}),
              RefusedWith(kRefused, "cannot map .symtab"));
}

TEST_F(WorkerHostile, WhatIsNoRegularFileIsNotEvenPassedOn) {
  const profd::testing::TempDir directory;
  ASSERT_EQ(mkfifo((directory / "fifo").c_str(), 0600), 0);
  const TestFile fifo{UniqueFd(open((directory / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC))};
  EXPECT_THAT(pool_->Describe(fifo.ref()), RefusedWith(kRefused, "not a regular file"));
  EXPECT_THAT(pool_->Describe(OpenFile(directory.path()).ref()), RefusedWith(kRefused, "not a regular file"));
  EXPECT_THAT(pool_->Describe(ObjectRef{.fd = -1}), RefusedWith(kRefused, "cannot look at the file"));
  EXPECT_TRUE(pool_->pids().empty());
}

TEST_F(WorkerHostile, NamesWithBytesThatSteerTerminalsOrAreNoUtf8StayWithinUtf8) {
  const std::string elf = ElfBuilder().Symbol("bad\xff\xfename", ElfBuilder::kText, 8).Build();
  const auto frames = pool_->Resolve(FileOf(elf).ref(), std::vector<uint64_t>{ElfBuilder::kTextAt});
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_EQ((*frames)[0].at(0).function, "bad\ufffd\ufffdname");
}

TEST(WorkerTruncated, AFileThatShrinksWhileItIsReadCostsItsWorkerOnly) {
  const auto pool = PoolOf(TestOptions());
  std::string padding(size_t{1} << 20, 'p');
  const std::string elf = ElfBuilder().Section(".padding", padding).Symbol("f", ElfBuilder::kText, 8).Build();
  const TestFile file = FileOf(elf);
  const ObjectRef ref = file.ref();
  ASSERT_TRUE(pool->Describe(ref).ok());
  ASSERT_EQ(ftruncate(file.fd.get(), 0), 0);
  // The names lie in pages that are gone.
  EXPECT_THAT(pool->Resolve(ref, std::vector<uint64_t>{ElfBuilder::kTextAt}),
              RefusedWith(absl::StatusCode::kInternal, "killed by signal 7"));
  EXPECT_TRUE(pool->Describe(FileOf(elf).ref()).ok());
}

}  // namespace
}  // namespace profd
