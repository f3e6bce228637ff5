#include "storage/event_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "support/temp_dir.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kFirst = "0000000000000001";
constexpr const char* kSecond = "0000000000000002";
constexpr const char* kThird = "0000000000000003";

WallTime At(std::chrono::nanoseconds time) { return WallTime(time); }

RecursionEvent EventOf(const std::string& id, std::chrono::nanoseconds last_seen = 1s) {
  RecursionEvent event;
  event.id = id;
  event.identity = "identity of " + id;
  event.last_seen = At(last_seen);
  return event;
}

/// Every field has a value of its own.
RecursionEvent FullEvent() {
  return {.id = "00ff00ff00ff00ff",
          .identity = std::string("demo\0/pod/main.f\xFF", 17),
          .grade = RecursionGrade::kProjected,
          .state = RecursionState::kOomKilled,
          .process = {.pid = 4242,
                      .start_time_ns = std::numeric_limits<uint64_t>::max(),
                      .exec_id = 3,
                      .command = "caf\xE9 \"quoted\"\n",
                      .container = {.name = "app", .id = "abc", .pod = "demo-1", .name_space = "prod"}},
          .tid = 4243,
          .goroutine = 17,
          .cycle = {{"main.(*Config).Get", "config.go", 12}, {"f\xC0\xAF", "\xFE.c", -1}},
          .entry = {{"main.load", "load.go", 7}},
          .root = {{"main.main", "main.go", 3}, {"caf\u00e9", "", 0}},
          .depth = 5'000'000,
          .depth_exact = true,
          .depth_error = 12,
          .stack_bytes = 400 << 20,
          .stack_limit_bytes = 512 << 20,
          .limit_reason = "goroutine stack limit",
          .growth_bytes_per_second = 0.1,
          .seconds_to_overflow = 1.0 / 3,
          .first_seen = At(1'700'000'000'123'456'789ns),
          .last_seen = At(1'700'000'001'000'000'001ns),
          .trigger = RecursionTrigger::kStackGrowth,
          .reason = "over a quarter of the limit",
          .positions_verified = 64,
          .occurrences = 9,
          .advice = "guard (*Config).Get",
          .history = {{At(5ns), "observed"}, {At(6ns), "growing: twice as deep"}}};
}

std::vector<std::string> Ids(const EventStore& store) {
  std::vector<std::string> ids;
  const auto events = store.Load();
  EXPECT_TRUE(events.ok()) << events.status();
  for (const RecursionEvent& event : *events) ids.push_back(event.id);
  return ids;
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

class EventStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<EventStore> Open(size_t max_events = 100) {
    auto opened = OpenEventStore(path, max_events);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return nullptr;
    set_aside = opened->set_aside;
    return std::move(opened->store);
  }
  void PutAll(std::initializer_list<RecursionEvent> events) {
    const auto store = Open();
    for (const RecursionEvent& event : events) ASSERT_TRUE(store->Put(event).ok());
  }
  /// What somebody else does to the file.
  void Sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  /// It was set aside under the right name, and the new one works.
  void ExpectANewOne() {
    const auto store = Open();
    ASSERT_THAT(set_aside, ::testing::MatchesRegex(path + "\\.damaged-[0-9]+"));
    EXPECT_TRUE(std::filesystem::exists(set_aside));
    EXPECT_THAT(Ids(*store), IsEmpty());
    EXPECT_TRUE(store->Put(EventOf(kSecond)).ok());
    EXPECT_THAT(Ids(*store), ElementsAre(kSecond));
  }

  testing::TempDir dir;
  const std::string path = dir / "events.db";
  std::string set_aside;
};

TEST_F(EventStoreTest, GivesBackEveryFieldAfterItWasClosed) {
  PutAll({FullEvent()});
  EXPECT_THAT(*Open()->Load(), ElementsAre(FullEvent()));
  EXPECT_EQ(set_aside, "");
}

TEST_F(EventStoreTest, GivesBackWhatHasNoValue) {
  RecursionEvent event = FullEvent();
  event.depth_error.reset();
  event.seconds_to_overflow.reset();
  PutAll({event, EventOf(kFirst)});
  EXPECT_THAT(*Open()->Load(), ElementsAre(event, EventOf(kFirst)));
}

TEST_F(EventStoreTest, ReplacesTheStoryWithTheSameId) {
  RecursionEvent event = EventOf(kFirst);
  PutAll({event});
  event.state = RecursionState::kCrashed;
  event.identity = "another";
  PutAll({event});
  EXPECT_THAT(*Open()->Load(), ElementsAre(event));
}

TEST_F(EventStoreTest, ForgetsWhatIsRemoved) {
  PutAll({EventOf(kFirst), EventOf(kSecond)});
  EXPECT_TRUE(Open()->Remove(kFirst).ok());
  EXPECT_TRUE(Open()->Remove(kThird).ok());
  EXPECT_THAT(Ids(*Open()), ElementsAre(kSecond));
}

TEST_F(EventStoreTest, GivesTheLastSeenFirst) {
  PutAll({EventOf(kFirst, 2s), EventOf(kSecond, 3s), EventOf(kThird, 1s)});
  EXPECT_THAT(Ids(*Open()), ElementsAre(kSecond, kFirst, kThird));
}

TEST_F(EventStoreTest, DropsTheLongestUnseenBeyondItsNumber) {
  const auto store = Open(2);
  for (const auto& event : {EventOf(kFirst, 1s), EventOf(kSecond, 2s), EventOf(kThird, 3s)}) {
    ASSERT_TRUE(store->Put(event).ok());
  }
  EXPECT_THAT(Ids(*store), ElementsAre(kThird, kSecond));
  ASSERT_TRUE(store->Put(EventOf(kSecond, 4s)).ok());
  ASSERT_TRUE(store->Put(EventOf(kFirst, 5s)).ok());
  EXPECT_THAT(Ids(*store), ElementsAre(kFirst, kSecond));
}

TEST_F(EventStoreTest, ASmallerNumberHoldsForWhatIsThere) {
  PutAll({EventOf(kFirst, 1s), EventOf(kSecond, 2s), EventOf(kThird, 3s)});
  EXPECT_THAT(Ids(*Open(1)), ElementsAre(kThird));
  EXPECT_EQ(Ids(*Open(std::numeric_limits<size_t>::max())).size(), 3u);
}

TEST_F(EventStoreTest, WhatItAcceptedSurvivesAKillOfTheWriter) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t writer = fork();
  if (writer == 0) {
    const auto opened = OpenEventStore(path, 100);
    const bool ok = opened.ok() && opened->store->Put(EventOf(kFirst)).ok() && opened->store->Put(FullEvent()).ok();
    if (!ok || write(ready[1], "r", 1) != 1) _exit(1);
    while (true) pause();
  }
  close(ready[1]);
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1) << "the writer failed";
  close(ready[0]);
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
  EXPECT_THAT(*Open()->Load(), ElementsAre(FullEvent(), EventOf(kFirst)));
  EXPECT_EQ(set_aside, "");
}

TEST_F(EventStoreTest, IsForItsOwnerAlone) {
  const mode_t before = umask(0);
  const auto store = Open();
  ASSERT_TRUE(store->Put(EventOf(kFirst)).ok());
  umask(before);
  for (const char* companion : {"", "-wal", "-shm"}) EXPECT_EQ(ModeOf(path + companion), 0600u) << companion;
  EXPECT_GT(store->bytes(), std::filesystem::file_size(path));
}

TEST_F(EventStoreTest, AFileThatOthersCouldReadIsClosedToThem) {
  PutAll({EventOf(kFirst)});
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(Ids(*Open()), ElementsAre(kFirst));
  EXPECT_EQ(ModeOf(path), 0600u);
}

TEST_F(EventStoreTest, SetsAsideWhatIsNoDatabase) {
  std::ofstream(path) << std::string(5000, 'x');
  std::ofstream(path + "-wal") << "log";
  ExpectANewOne();
  EXPECT_EQ(std::filesystem::file_size(set_aside), 5000u);
  EXPECT_EQ(std::filesystem::file_size(set_aside + "-wal"), 3u);
}

TEST_F(EventStoreTest, EveryDamageHasAFileOfItsOwn) {
  std::ofstream(path) << "first";
  ExpectANewOne();
  const std::string first = set_aside;
  std::ofstream(path) << "second";
  ExpectANewOne();
  EXPECT_NE(set_aside, first);
}

TEST_F(EventStoreTest, SetsAsideADamagedHeader) {
  PutAll({EventOf(kFirst)});
  std::fstream(path, std::ios::in | std::ios::out) << "damaged";
  ExpectANewOne();
}

TEST_F(EventStoreTest, SetsAsideATruncatedFile) {
  PutAll({EventOf(kFirst, 1ns), EventOf(kSecond, 1'000'000'001ns)});
  const std::string whole = dir / "whole";
  std::filesystem::copy_file(path, whole);
  const auto size = std::filesystem::file_size(whole);
  for (const uintmax_t left : {uintmax_t{2}, uintmax_t{99}, uintmax_t{512}, uintmax_t{4096}, size / 2, size - 1}) {
    SCOPED_TRACE(left);
    std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, left);
    ExpectANewOne();
  }
}

TEST_F(EventStoreTest, AnyDamagedByteLeavesAStoreThatWorks) {
  PutAll({EventOf(kFirst), FullEvent()});
  const std::string whole = dir / "whole";
  std::filesystem::copy_file(path, whole);
  for (uintmax_t at = 0; at < std::filesystem::file_size(whole); at += 251) {
    std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
    std::fstream file(path, std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << '\xFF';
    file.close();
    const auto store = Open();
    ASSERT_NE(store, nullptr) << at;
    EXPECT_TRUE(store->Put(EventOf(kThird, 1h)).ok()) << at;
  }
}

TEST_F(EventStoreTest, AnEmptyFileIsANewStore) {
  std::ofstream(path).close();
  EXPECT_THAT(Ids(*Open()), IsEmpty());
  EXPECT_EQ(set_aside, "");
}

TEST_F(EventStoreTest, SetsAsideANewerVersion) {
  PutAll({EventOf(kFirst)});
  Sql("PRAGMA user_version = 2");
  ExpectANewOne();
}

TEST_F(EventStoreTest, SetsAsideTheTablesOfSomebodyElse) {
  Sql("CREATE TABLE other(x)");
  ExpectANewOne();
}

TEST_F(EventStoreTest, SetsAsideAnotherLayout) {
  PutAll({EventOf(kFirst)});
  Sql("ALTER TABLE events RENAME COLUMN document TO text");
  ExpectANewOne();
}

TEST_F(EventStoreTest, SkipsRowsThatCannotBeRead) {
  PutAll({EventOf(kFirst), EventOf(kSecond), EventOf(kThird)});
  Sql("UPDATE events SET document = substr(document, 1, 20) WHERE id = '0000000000000001'");
  Sql("UPDATE events SET id = '0000000000000009' WHERE id = '0000000000000003'");
  Sql("INSERT INTO events VALUES('a', '', 5, x'ff00'), ('b', '', 6, 7), ('c', '', 7, '" + std::string(100000, '[') +
      "')");
  EXPECT_THAT(Ids(*Open()), ElementsAre(kSecond));
  EXPECT_EQ(set_aside, "");
}

TEST_F(EventStoreTest, NothingThatTheFileBringsRuns) {
  PutAll({EventOf(kFirst)});
  Sql("CREATE TRIGGER wipe AFTER INSERT ON events BEGIN DELETE FROM events; END");
  const auto store = Open();
  ASSERT_TRUE(store->Put(EventOf(kSecond, 2s)).ok());
  EXPECT_THAT(Ids(*store), ElementsAre(kSecond, kFirst));
}

TEST_F(EventStoreTest, RefusesWhatItCouldNotGiveBack) {
  const auto store = Open();
  EXPECT_TRUE(absl::IsInvalidArgument(store->Put(EventOf("short"))));
  EXPECT_TRUE(absl::IsInvalidArgument(store->Put(EventOf("000000000000000g"))));
  RecursionEvent large = EventOf(kFirst);
  large.identity.assign(9 << 20, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(store->Put(large)));
  EXPECT_THAT(Ids(*store), IsEmpty());
}

TEST_F(EventStoreTest, ADirectoryThatCannotBeWrittenIsAnErrorThatSaysWhatToDo) {
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  const bool root = geteuid() == 0;
  if (root && seteuid(65534) != 0) GTEST_SKIP() << "cannot become another user";
  const auto opened = OpenEventStore(path, 100);
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  EXPECT_THAT(Message(opened.status()), HasSubstr(path));
  EXPECT_THAT(Message(opened.status()), HasSubstr("Permission denied"));
  EXPECT_THAT(Message(opened.status()), HasSubstr("--data-dir"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(EventStoreTest, AFileThatAnotherProcessHoldsIsNotSetAside) {
  PutAll({EventOf(kFirst)});
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", nullptr, nullptr, nullptr);
  const auto opened = OpenEventStore(path, 100);
  sqlite3_close(other);
  EXPECT_TRUE(absl::IsUnavailable(opened.status())) << opened.status();
  EXPECT_THAT(Ids(*Open()), ElementsAre(kFirst));
}

TEST_F(EventStoreTest, ALinkIsNotFollowed) {
  std::filesystem::create_symlink(dir / "elsewhere", path);
  EXPECT_FALSE(OpenEventStore(path, 100).ok());
  EXPECT_FALSE(std::filesystem::exists(dir / "elsewhere"));
}

}  // namespace
}  // namespace profd
