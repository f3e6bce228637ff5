#include "worker/worker_pool.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "worker/failure_memory.h"
#include "worker/replies.h"
#include "worker/worker_set.h"

namespace profd {
namespace {

using std::chrono::steady_clock;

worker::ObjectKind ToProto(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kPerfMap: return worker::OBJECT_PERF_MAP;
    case ObjectKind::kKallsyms: return worker::OBJECT_KALLSYMS;
    case ObjectKind::kElf: break;
  }
  return worker::OBJECT_ELF;
}

// Anything else may block a reader for ever, or have a reader do things.
absl::Status CheckFile(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "cannot look at the file: {}", ErrnoText(errno));
  }
  if (!S_ISREG(file.st_mode)) return Error(absl::StatusCode::kInvalidArgument, "not a regular file");
  return absl::OkStatus();
}

bool IsAnswer(const absl::Status& status) {
  return status.ok() || status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kNotFound || status.code() == absl::StatusCode::kFailedPrecondition;
}

}  // namespace

class WorkerPool::Impl {
 public:
  explicit Impl(const WorkerPoolOptions& options)
      : options_(options),
        failures_(options.first_backoff, options.longest_backoff, options.refusal_time),
        workers_(options) {}

  // Calls `ask` with a worker that has opened the object, and does what its result asks for.
  template <typename T, typename Ask>
  absl::StatusOr<T> WithWorker(const ObjectRef& object, Ask ask) {
    const ObjectKey key{object.identity, object.kind};
    const auto start = steady_clock::now();
    if (absl::Status known = failures_.Check(key, start); !known.ok()) {
      Count(known.code() == absl::StatusCode::kUnavailable ? &AnalyzerCounters::backed_off
                                                           : &AnalyzerCounters::refused);
      return known;
    }
    if (absl::Status file = CheckFile(object.fd); !file.ok()) {
      Count(&AnalyzerCounters::refused);
      return file;
    }
    auto taken = workers_.Take(key, start + options_.question_deadline);
    if (!taken.ok()) return NoWorker(key, taken.status(), start);
    Worker& worker = **taken;
    const auto asked = steady_clock::now();
    absl::StatusOr<T> answer = absl::UnknownError("");
    if (absl::Status opened = Open(worker, object); opened.ok()) {
      answer = ask(worker);
    } else {
      answer = opened;
    }
    worker.used += steady_clock::now() - asked;
    absl::Status result = Settle(worker, answer.status(), start);
    if (!result.ok()) return result;
    return answer;
  }

  // One question and its answer, not looked at beyond its form.
  absl::StatusOr<worker::Response> Ask(Worker& worker, const worker::Request& request, size_t positions = 0,
                                       int descriptor = -1) {
    const Deadline deadline = steady_clock::now() + options_.question_deadline;
    ASSIGN_OR_RETURN(const std::string reply,
                     worker.process->Exchange(request.SerializeAsString(), descriptor, deadline));
    return ParseReply(reply, positions);
  }

  AnalyzerCounters counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }
  std::vector<pid_t> pids() const { return workers_.pids(); }

 private:
  absl::Status NoWorker(const ObjectKey& key, const absl::Status& why, steady_clock::time_point start) {
    const bool busy = why.code() == absl::StatusCode::kDeadlineExceeded;
    Count(busy ? &AnalyzerCounters::backed_off : &AnalyzerCounters::launch_failed, start);
    if (!busy) failures_.Failed(key, why, steady_clock::now());
    return absl::UnavailableError(why.message());
  }

  absl::Status Open(Worker& worker, const ObjectRef& object) {
    if (worker.facts) return absl::OkStatus();
    worker::Request lock_up;
    worker::Limits& limits = *lock_up.mutable_limits();
    limits.set_memory_bytes(options_.memory_bytes);
    limits.set_address_space_bytes(options_.address_space_bytes);
    limits.set_cpu_seconds(options_.cpu_seconds);
    limits.set_parent(getpid());
    if (const auto ready = Ask(worker, lock_up); !ready.ok()) {
      // No refusal of the object, which the worker has not seen yet.
      if (ready.status().code() != absl::StatusCode::kInvalidArgument) return ready.status();
      return Error(absl::StatusCode::kInternal, "{}", Message(ready.status()));
    }
    worker::Request open;
    open.mutable_open()->set_kind(ToProto(object.kind));
    ASSIGN_OR_RETURN(const worker::Response response, Ask(worker, open, 0, object.fd));
    ASSIGN_OR_RETURN(worker.facts, FactsOf(response));
    return absl::OkStatus();
  }

  // Gives the worker back or ends it; counts; remembers failures. The error that the caller of the pool gets.
  absl::Status Settle(Worker& worker, absl::Status result, steady_clock::time_point start) {
    const ObjectKey key = worker.key;
    if (IsAnswer(result)) {
      const bool refused = result.code() == absl::StatusCode::kInvalidArgument;
      const bool opened = worker.facts.has_value();
      if (opened) {
        workers_.Return(&worker);
      } else {
        workers_.Discard(&worker);
      }
      if (refused) {
        if (!opened) failures_.Refused(key, result, steady_clock::now());
      } else {
        failures_.Succeeded(key);
      }
      Count(refused ? &AnalyzerCounters::refused : &AnalyzerCounters::ok, start);
      return result;
    }
    const std::string how = workers_.Discard(&worker);
    const bool late = result.code() == absl::StatusCode::kDeadlineExceeded;
    if (late) {
      result = Error(absl::StatusCode::kDeadlineExceeded, "no answer within {} ms", options_.question_deadline.count());
    } else if (result.code() == absl::StatusCode::kUnavailable) {
      result = Error(absl::StatusCode::kInternal, "the worker crashed: {}", how);
    }
    Count(late ? &AnalyzerCounters::timed_out : &AnalyzerCounters::crashed, start);
    failures_.Failed(key, result, steady_clock::now());
    return result;
  }

  void Count(uint64_t AnalyzerCounters::*counter, std::optional<steady_clock::time_point> since = std::nullopt) {
    const std::lock_guard lock(mutex_);
    ++(counters_.*counter);
    if (since) counters_.seconds += std::chrono::duration<double>(steady_clock::now() - *since).count();
  }

  const WorkerPoolOptions options_;
  FailureMemory failures_;
  WorkerSet workers_;
  mutable std::mutex mutex_;
  AnalyzerCounters counters_;
};

absl::StatusOr<std::unique_ptr<ObjectAnalyzer>> WorkerPool::Create(WorkerPoolOptions options) {
  if (options.max_workers == 0 || options.arguments.empty() || options.memory_bytes == 0 ||
      options.address_space_bytes == 0 || options.cpu_seconds == 0 || options.question_deadline.count() <= 0) {
    return Error(absl::StatusCode::kInvalidArgument, "worker pool: a number or limit of 0");
  }
  return std::unique_ptr<ObjectAnalyzer>(new WorkerPool(std::make_unique<Impl>(options)));
}

WorkerPool::WorkerPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WorkerPool::~WorkerPool() = default;

absl::StatusOr<ObjectFacts> WorkerPool::Describe(const ObjectRef& object) {
  return impl_->WithWorker<ObjectFacts>(object,
                                        [](Worker& worker) { return absl::StatusOr<ObjectFacts>(*worker.facts); });
}

namespace {

// Asks about `positions` in as many messages as it takes. `add` makes a request of some of them, `answers_of` answers
// of the response to it.
template <typename Answer, typename Ask, typename Add, typename AnswersOf>
absl::StatusOr<std::vector<Answer>> AskInParts(std::span<const uint64_t> positions, Ask ask, Add add,
                                               AnswersOf answers_of) {
  std::vector<Answer> all;
  all.reserve(positions.size());
  for (std::span rest = positions; !rest.empty();) {
    const std::span part = rest.first(std::min(rest.size(), kMaxPositions));
    rest = rest.subspan(part.size());
    worker::Request request;
    add(request)->Add(part.begin(), part.end());
    ASSIGN_OR_RETURN(const worker::Response response, ask(request, part.size()));
    ASSIGN_OR_RETURN(std::vector<Answer> answers, answers_of(response, part.size()));
    std::move(answers.begin(), answers.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

absl::StatusOr<std::vector<FrameLines>> WorkerPool::Resolve(const ObjectRef& object,
                                                            std::span<const uint64_t> positions) {
  return impl_->WithWorker<std::vector<FrameLines>>(object, [&](Worker& worker) {
    return AskInParts<FrameLines>(
        positions, [&](const worker::Request& request, size_t asked) { return impl_->Ask(worker, request, asked); },
        [](worker::Request& request) { return request.mutable_resolve()->mutable_positions(); }, FramesOf);
  });
}

absl::StatusOr<std::vector<std::optional<uint32_t>>> WorkerPool::AskStackDeltas(const ObjectRef& object,
                                                                                std::span<const uint64_t> positions) {
  using Delta = std::optional<uint32_t>;
  return impl_->WithWorker<std::vector<Delta>>(object, [&](Worker& worker) {
    return AskInParts<Delta>(
        positions, [&](const worker::Request& request, size_t asked) { return impl_->Ask(worker, request, asked); },
        [](worker::Request& request) { return request.mutable_stack()->mutable_positions(); }, StackDeltasOf);
  });
}

absl::StatusOr<std::vector<std::string>> WorkerPool::AskGoTypes(const ObjectRef& object,
                                                                std::span<const uint64_t> positions) {
  return impl_->WithWorker<std::vector<std::string>>(object, [&](Worker& worker) {
    return AskInParts<std::string>(
        positions, [&](const worker::Request& request, size_t asked) { return impl_->Ask(worker, request, asked); },
        [](worker::Request& request) { return request.mutable_types()->mutable_positions(); }, TypeNamesOf);
  });
}

absl::StatusOr<std::vector<NamedFunction>> WorkerPool::AskFunctions(const ObjectRef& object, const std::string& glob) {
  using Functions = std::vector<NamedFunction>;
  return impl_->WithWorker<Functions>(object, [&](Worker& worker) -> absl::StatusOr<Functions> {
    worker::Request request;
    request.mutable_functions()->set_glob(glob);
    ASSIGN_OR_RETURN(const worker::Response response, impl_->Ask(worker, request));
    return NamedFunctionsOf(response);
  });
}

absl::StatusOr<GoFacts> WorkerPool::AskGo(const ObjectRef& object) {
  return impl_->WithWorker<GoFacts>(object, [&](Worker& worker) -> absl::StatusOr<GoFacts> {
    worker::Request request;
    request.mutable_go();
    ASSIGN_OR_RETURN(const worker::Response response, impl_->Ask(worker, request));
    return GoFactsOf(response);
  });
}

AnalyzerCounters WorkerPool::counters() const { return impl_->counters(); }

std::vector<pid_t> WorkerPool::pids() const { return impl_->pids(); }

}  // namespace profd
