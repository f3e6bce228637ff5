#include "process/mapping_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "process/mapped_file_pool.h"
#include "process/process_table.h"

namespace profd {
namespace {

using testing::ElementsAre;

std::shared_ptr<const MappedFile> File(uint64_t inode) {
  return std::make_shared<MappedFile>(MappedFile{1, 2, inode, "/f"});
}

struct Row {
  uint64_t start, limit, offset, inode;
  bool operator==(const Row&) const = default;
};
std::vector<Row> Rows(const MappingSet& set) {
  std::vector<Row> rows;
  for (const MappingRange& range : set.ranges())
    rows.push_back({range.start, range.limit, range.offset, range.file->inode});
  return rows;
}

class MappingSetTest : public testing::Test {
 protected:
  MappingBudget budget_{.limit = 1000};
  MappingSet set_{&budget_, 8};
  std::shared_ptr<const MappedFile> a_ = File(1), b_ = File(2), memory_ = File(0);
};

TEST_F(MappingSetTest, AddressesAreFoundFromStartToBeforeLimit) {
  ASSERT_TRUE(set_.Insert({0x1000, 0x2000, 0, a_}));
  ASSERT_TRUE(set_.Insert({0x3000, 0x4000, 0, b_}));
  EXPECT_EQ(set_.Find(0xfff), nullptr);
  EXPECT_EQ(set_.Find(0x1000)->file, a_);
  EXPECT_EQ(set_.Find(0x1fff)->file, a_);
  EXPECT_EQ(set_.Find(0x2000), nullptr);
  EXPECT_EQ(set_.Find(0x3fff)->file, b_);
  EXPECT_EQ(set_.Find(0x4000), nullptr);
}

TEST_F(MappingSetTest, ANewMappingReplacesThePartItCovers) {
  ASSERT_TRUE(set_.Insert({0x1000, 0x9000, 0x100000, a_}));
  ASSERT_TRUE(set_.Insert({0x3000, 0x4000, 0, b_}));
  EXPECT_THAT(Rows(set_), ElementsAre(Row{0x1000, 0x3000, 0x100000, 1}, Row{0x3000, 0x4000, 0, 2},
                                      Row{0x4000, 0x9000, 0x103000, 1}));
  ASSERT_TRUE(set_.Insert({0x2000, 0x5000, 0x7000, b_}));
  EXPECT_THAT(Rows(set_), ElementsAre(Row{0x1000, 0x2000, 0x100000, 1}, Row{0x2000, 0x5000, 0x7000, 2},
                                      Row{0x5000, 0x9000, 0x104000, 1}));
  ASSERT_TRUE(set_.Insert({0x0, 0x10000, 0, a_}));
  EXPECT_THAT(Rows(set_), ElementsAre(Row{0x0, 0x10000, 0, 1}));
  EXPECT_EQ(budget_.used, 1u);
}

TEST_F(MappingSetTest, NeighboursThatContinueEachOtherBecomeOne) {
  ASSERT_TRUE(set_.Insert({0x1000, 0x2000, 0x5000, a_}));
  ASSERT_TRUE(set_.Insert({0x2000, 0x3000, 0x6000, a_}));
  ASSERT_TRUE(set_.Insert({0x3000, 0x4000, 0x9000, a_}));  // another place in the file
  ASSERT_TRUE(set_.Insert({0x5000, 0x6000, 0x5000, memory_}));
  ASSERT_TRUE(set_.Insert({0x4000, 0x5000, 0, memory_}));
  EXPECT_THAT(Rows(set_),
              ElementsAre(Row{0x1000, 0x3000, 0x5000, 1}, Row{0x3000, 0x4000, 0x9000, 1}, Row{0x4000, 0x6000, 0, 0}));
}

TEST_F(MappingSetTest, AFullSetRefusesAndStaysAsItIs) {
  for (uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(set_.Insert({i * 0x2000, i * 0x2000 + 0x1000, 0, File(i + 1)}));
  EXPECT_FALSE(set_.Insert({0x100000, 0x101000, 0, a_}));
  EXPECT_FALSE(set_.Insert({0x400, 0x500, 0, b_}));  // would split one
  EXPECT_EQ(set_.ranges().size(), 8u);
  EXPECT_TRUE(set_.Insert({0x0, 0x1000, 0, b_}));
  EXPECT_EQ(set_.Find(0)->file, b_);
}

TEST_F(MappingSetTest, CopiesCountInTheBudgetUntilTheyGo) {
  ASSERT_TRUE(set_.Insert({0x1000, 0x2000, 0, a_}));
  {
    MappingSet copy(set_);
    EXPECT_EQ(budget_.used, 2u);
    ASSERT_TRUE(copy.Insert({0x5000, 0x6000, 0, b_}));
    EXPECT_EQ(budget_.used, 3u);
    EXPECT_EQ(set_.Find(0x5000), nullptr);
  }
  EXPECT_EQ(budget_.used, 1u);
  budget_.limit = 1;
  EXPECT_FALSE(set_.Insert({0x5000, 0x6000, 0, b_}));
}

TEST_F(MappingSetTest, EmptyRangesAreRefused) {
  EXPECT_FALSE(set_.Insert({0x1000, 0x1000, 0, a_}));
  EXPECT_FALSE(set_.Insert({0x2000, 0x1000, 0, a_}));
}

TEST(MappingSet, AgreesWithAPageTableWhateverIsMapped) {
  constexpr uint64_t kPages = 64;
  std::mt19937 random(7);
  std::vector<std::shared_ptr<const MappedFile>> files = {File(0), File(1), File(2)};
  for (int round = 0; round < 200; ++round) {
    MappingBudget budget{.limit = 1000};
    MappingSet set(&budget, 200);
    std::vector<std::pair<uint64_t, uint64_t>> pages(kPages, {99, 0});  // inode, offset
    for (int step = 0; step < 30; ++step) {
      const uint64_t start = random() % kPages, limit = start + 1 + random() % (kPages - start);
      const uint64_t file = random() % files.size(), offset = random() % 4;
      ASSERT_TRUE(set.Insert({start, limit, offset, files[file]}));
      for (uint64_t page = start; page < limit; ++page) pages[page] = {file, offset + page - start};
      for (uint64_t page = 0; page < kPages; ++page) {
        const MappingRange* found = set.Find(page);
        ASSERT_EQ(found != nullptr, pages[page].first != 99);
        if (found == nullptr) continue;
        ASSERT_EQ(found->file->inode, pages[page].first);
        if (found->file->inode == 0) continue;
        ASSERT_EQ(page - found->start + found->offset, pages[page].second);
      }
      ASSERT_EQ(budget.used, set.ranges().size());
    }
  }
}

TEST(MappedFilePool, EqualFilesAreOne) {
  MappedFilePool pool(1 << 20);
  const auto first = pool.Intern({1, 2, 3, "/a"});
  EXPECT_EQ(pool.Intern({1, 2, 3, "/a"}), first);
  EXPECT_NE(pool.Intern({1, 2, 4, "/a"}), first);
  EXPECT_NE(pool.Intern({1, 2, 3, "/b"}), first);
}

TEST(MappedFilePool, RefusesWhenFilesInUseTakeTooMuchAndRecovers) {
  MappedFilePool pool(10'000);
  std::vector<std::shared_ptr<const MappedFile>> held;
  for (uint64_t i = 0; i < 100; ++i) {
    if (auto file = pool.Intern({1, 2, i, std::string(1000, 'x')})) held.push_back(file);
  }
  EXPECT_LT(held.size(), 11u);
  EXPECT_GT(held.size(), 5u);
  EXPECT_LE(pool.bytes(), 10'000u);
  held.clear();
  EXPECT_EQ(pool.bytes(), 0u);
  EXPECT_NE(pool.Intern({1, 2, 3, "/a"}), nullptr);
}

TEST(MappedFilePool, FilesMayOutliveThePool) {
  std::shared_ptr<const MappedFile> file;
  {
    MappedFilePool pool(10'000);
    file = pool.Intern({1, 2, 3, "/a"});
  }
  EXPECT_EQ(file->path, "/a");
}

}  // namespace
}  // namespace profd
