#include "storage/event_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/unique_fd.h"
#include "base/utf8.h"
#include "storage/event_json.h"

namespace profd {
namespace {

/// PRAGMA user_version. Another layout gets another number, and code that converts the older one.
constexpr int64_t kSchemaVersion = 1;
constexpr const char* kMakeSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS events(id TEXT PRIMARY KEY NOT NULL, identity TEXT NOT NULL, "
    "last_seen_ns INTEGER NOT NULL, document TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS events_by_last_seen ON events(last_seen_ns);"
    "PRAGMA user_version = 1;"
    "COMMIT";
constexpr const char* kPut = "INSERT OR REPLACE INTO events(id, identity, last_seen_ns, document) VALUES(?, ?, ?, ?)";
constexpr const char* kTrim =
    "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY last_seen_ns DESC, id LIMIT -1 OFFSET ?)";
constexpr const char* kRemove = "DELETE FROM events WHERE id = ?";
constexpr const char* kLoad = "SELECT id, document FROM events ORDER BY last_seen_ns DESC, id LIMIT ?";

constexpr size_t kMaxDocument = 8 << 20;  // bytes
constexpr int kMaxValue = 32 << 20;       // bytes of any text or row in the file
constexpr int kBusyMs = 1000;
/// What SQLite keeps beside a database.
constexpr const char* kCompanions[] = {"-wal", "-shm", "-journal"};

/// SQLite's result code as an error; DataLoss when the file is to blame.
absl::Status Failed(const std::string& path, int code, std::string_view why) {
  const auto error = [&](absl::StatusCode kind, std::string_view advice) {
    return Error(kind, "cannot keep recursion events in {}: {}{}", path, why, advice);
  };
  switch (code & 0xFF) {
    case SQLITE_ERROR:  // what is in it is no table of ours
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_TOOBIG: return error(absl::StatusCode::kDataLoss, "");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return error(absl::StatusCode::kUnavailable, ". Another process holds it: end that");
    case SQLITE_FULL: return error(absl::StatusCode::kResourceExhausted, ". Make room in its file system");
    default:
      return error(absl::StatusCode::kFailedPrecondition,
                   ". Let profd write to it and its directory, or choose another directory with --data-dir");
  }
}

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

std::string_view ColumnText(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? std::string_view() : std::string_view(text, sqlite3_column_bytes(row, column));
}

/// A prepared statement, to be run any number of times.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  /// Binds the values and calls `row` with each row. SQLITE_OK when all is done.
  template <typename Row, typename... Values>
  int Run(Row row, const Values&... values) const {
    int index = 0;
    (Bind(++index, values), ...);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement_.get())) == SQLITE_ROW) row(statement_.get());
    sqlite3_reset(statement_.get());
    return code == SQLITE_DONE ? SQLITE_OK : code;
  }

 private:
  // A value that cannot be bound is NULL, which the table refuses.
  void Bind(int index, int64_t value) const { sqlite3_bind_int64(statement_.get(), index, value); }
  void Bind(int index, const std::string& text) const {
    sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }

  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
};

void IgnoreRow(sqlite3_stmt*) {}

/// Makes the file before SQLite does, which gives what it puts beside it the same mode.
absl::Status MakeFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat info {};
  if (!fd || fstat(fd.get(), &info) != 0) return Failed(path, SQLITE_CANTOPEN, ErrnoText(errno));
  if (!S_ISREG(info.st_mode)) return Failed(path, SQLITE_CANTOPEN, "it is no regular file");
  if (fchmod(fd.get(), 0600) != 0) return Failed(path, SQLITE_CANTOPEN, ErrnoText(errno));
  return absl::OkStatus();
}

class SqliteEventStore final : public EventStore {
 public:
  /// DataLoss: the file is damaged, or not of this version.
  static absl::StatusOr<std::unique_ptr<EventStore>> Open(const std::string& path, size_t max_events) {
    RETURN_IF_ERROR(MakeFile(path));
    auto store = std::unique_ptr<SqliteEventStore>(new SqliteEventStore(path, max_events));
    RETURN_IF_ERROR(store->Connect());
    RETURN_IF_ERROR(store->CheckFile());
    RETURN_IF_ERROR(store->Do("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"));
    ASSIGN_OR_RETURN(store->put_, store->Prepare(kPut));
    ASSIGN_OR_RETURN(store->trim_, store->Prepare(kTrim));
    ASSIGN_OR_RETURN(store->remove_, store->Prepare(kRemove));
    ASSIGN_OR_RETURN(store->load_, store->Prepare(kLoad));
    RETURN_IF_ERROR(store->Load().status());
    sqlite3_db_config(store->database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
    return store;
  }

  absl::Status Put(const RecursionEvent& event) override {
    if (!IsEventId(event.id)) {
      return Error(absl::StatusCode::kInvalidArgument, "'{}' is no id of a recursion event: 16 hex digits are",
                   ToPrintable(event.id));
    }
    const std::string document = EventToJson(event).dump();
    if (document.size() > kMaxDocument) {
      return Error(absl::StatusCode::kInvalidArgument, "recursion event {} takes {} bytes, at most {} are kept",
                   event.id, document.size(), kMaxDocument);
    }
    RETURN_IF_ERROR(Do("BEGIN IMMEDIATE"));
    absl::Status status = PutAndTrim(event, document);
    if (status.ok()) status = Do("COMMIT");
    // SQLite may have rolled back already, then this fails.
    if (!status.ok()) Do("ROLLBACK").IgnoreError();
    return status;
  }

  absl::Status Remove(const std::string& id) override { return Check(remove_.Run(IgnoreRow, id)); }

  absl::StatusOr<std::vector<RecursionEvent>> Load() const override {
    std::vector<RecursionEvent> events;
    const auto read = [&](sqlite3_stmt* row) {
      const std::string_view document = ColumnText(row, 1);
      if (document.size() > kMaxDocument) return;
      absl::StatusOr<RecursionEvent> event = EventFromJson(nlohmann::json::parse(document, nullptr, false));
      if (event.ok() && event->id == ColumnText(row, 0)) events.push_back(*std::move(event));
    };
    RETURN_IF_ERROR(Check(load_.Run(read, max_events_)));
    return events;
  }

  uint64_t bytes() const override {
    uint64_t sum = SizeOf(path_);
    for (const char* companion : kCompanions) sum += SizeOf(path_ + companion);
    return sum;
  }

 private:
  SqliteEventStore(std::string path, size_t max_events)
      : path_(std::move(path)),
        max_events_(static_cast<int64_t>(std::min<uint64_t>(max_events, std::numeric_limits<int64_t>::max()))) {}

  static uint64_t SizeOf(const std::string& path) {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
  }

  absl::Status Connect() {
    sqlite3* database = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(database);
    RETURN_IF_ERROR(Check(code));
    sqlite3_busy_timeout(database, kBusyMs);
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kMaxValue);
    // The file may come from anybody: nothing in it runs.
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    // Until it has proved sound, it stays as it is.
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return absl::OkStatus();
  }

  /// Sound, of this version, or new and then given its tables.
  absl::Status CheckFile() {
    ASSIGN_OR_RETURN(const std::string version, Ask("PRAGMA user_version"));
    ASSIGN_OR_RETURN(const std::string tables, Ask("SELECT count(*) FROM sqlite_schema"));
    if (version == "0" && tables == "0") return Do(kMakeSchema);
    if (version != std::to_string(kSchemaVersion)) return Failed(path_, SQLITE_FORMAT, "it is of version " + version);
    ASSIGN_OR_RETURN(const std::string finding, Ask("PRAGMA integrity_check(1)"));
    if (finding != "ok") return Failed(path_, SQLITE_CORRUPT, finding);
    return absl::OkStatus();
  }

  absl::Status PutAndTrim(const RecursionEvent& event, const std::string& document) {
    const int64_t last_seen_ns = event.last_seen.time_since_epoch().count();
    RETURN_IF_ERROR(Check(put_.Run(IgnoreRow, event.id, ToUtf8(event.identity), last_seen_ns, document)));
    return Check(trim_.Run(IgnoreRow, max_events_));
  }

  absl::StatusOr<Statement> Prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    RETURN_IF_ERROR(
        Check(sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr)));
    return Statement(statement);
  }

  /// The first column of the last row.
  absl::StatusOr<std::string> Ask(const char* sql) const {
    ASSIGN_OR_RETURN(const Statement question, Prepare(sql));
    std::string answer;
    RETURN_IF_ERROR(Check(question.Run([&](sqlite3_stmt* row) { answer = ColumnText(row, 0); })));
    return answer;
  }

  absl::Status Do(const char* sql) const {
    return Check(sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr));
  }

  absl::Status Check(int code) const {
    return code == SQLITE_OK ? absl::OkStatus() : Failed(path_, code, sqlite3_errmsg(database_.get()));
  }

  const std::string path_;
  const int64_t max_events_;
  Database database_;  // before its statements: it goes after them
  Statement put_, trim_, remove_, load_;
};

/// The name that the damaged file has now.
absl::StatusOr<std::string> SetAside(const std::string& path) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  int64_t seconds = now.time_since_epoch().count();
  const auto name = [&] { return fmt::format("{}.damaged-{}", path, seconds); };
  std::error_code ignored;
  while (std::filesystem::exists(name(), ignored)) ++seconds;
  // The database last: without it, the others would be taken for rubbish.
  for (const char* companion : kCompanions) rename((path + companion).c_str(), (name() + companion).c_str());
  if (rename(path.c_str(), name().c_str()) == 0) return name();
  return Error(absl::StatusCode::kFailedPrecondition,
               "the recursion events in {} are damaged, and it cannot be renamed to {}: {}. Move it away", path, name(),
               ErrnoText(errno));
}

}  // namespace

absl::StatusOr<OpenedEventStore> OpenEventStore(const std::string& path, size_t max_events) {
  OpenedEventStore opened;
  absl::StatusOr<std::unique_ptr<EventStore>> store = SqliteEventStore::Open(path, max_events);
  if (absl::IsDataLoss(store.status())) {
    ASSIGN_OR_RETURN(opened.set_aside, SetAside(path));
    store = SqliteEventStore::Open(path, max_events);
  }
  ASSIGN_OR_RETURN(opened.store, std::move(store));
  return opened;
}

}  // namespace profd
