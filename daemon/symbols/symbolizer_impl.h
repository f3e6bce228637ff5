// What a Symbolizer is made of. Internal to symbols/.
#pragma once

#include <functional>
#include <mutex>

#include "symbols/address_query.h"
#include "symbols/ask_pool.h"
#include "symbols/frame_cache.h"
#include "symbols/lru_map.h"
#include "symbols/object_table.h"
#include "symbols/symbolizer.h"
#include "symbols/waste_limit.h"

namespace profd {

class Symbolizer::Impl {
 public:
  Impl(const ProcFs* proc_fs, const Clock* clock, ObjectAnalyzer* analyzer, size_t max_cached)
      : clock_(*clock), analyzer_(*analyzer), objects_(proc_fs, clock), cache_(max_cached) {}

  std::vector<SymbolizedAddress> Symbolize(const ProcessDetails& process, std::span<const ResolvedAddress> addresses,
                                           Patience patience);
  std::vector<SymbolizedAddress> SymbolizeKernel(std::span<const uint64_t> addresses, Patience patience);
  absl::StatusOr<GoFacts> AskGo(const ProcessDetails& process, const ResolvedAddress& text, Patience patience);
  absl::StatusOr<File> FileAt(const ProcessDetails& process, const ResolvedAddress& text);
  std::optional<uint32_t> StackDelta(const ProcessDetails& process, const ResolvedAddress& leaf, Patience patience);
  std::optional<std::string> GoTypeName(const ProcessDetails& process, const ResolvedAddress& text, uint64_t position,
                                        Patience patience);
  std::optional<std::vector<NamedFunction>> FunctionsNamed(const ProcessDetails& process, const ResolvedAddress& text,
                                                           const std::string& glob, Patience patience);
  SymbolsState StateOf(const MappedFile& executable) const;
  size_t cached() const {
    std::lock_guard lock(mutex_);
    return cache_.size();
  }
  SymbolizerCounters counters() const;

 private:
  static constexpr size_t kMaxStackDeltas = 8192, kMaxTypeNames = 2048, kMaxGlobs = 256;
  using ObjectPosition = std::pair<uint32_t, uint64_t>;  // an object's id, a position in it
  struct ObjectPositionHash {
    size_t operator()(const ObjectPosition& key) const {
      return std::hash<uint64_t>()(key.second ^ (uint64_t{key.first} << 40));
    }
  };
  static constexpr size_t kAskingThreads = 3, kMaxWaitingQuestions = 256;
  /// What one of our threads asks a worker. It outlives the caller, who may lose patience.
  struct Question {
    std::shared_ptr<Object> object;
    std::vector<uint64_t> positions;
    std::optional<ProcessDetails> process;  // none in the kernel
    ResolvedAddress address;
    absl::StatusOr<std::vector<FrameLines>> answer = Error(absl::StatusCode::kUnavailable, "not answered yet");
  };

  /// Fills in the lines of all queries; `process` is null in the kernel.
  void Answer(std::vector<Query>& queries, const ProcessDetails* process, Patience patience);
  void AnswerFromCache(std::vector<Query>& queries);
  /// Asks about all unanswered queries from `first` on that have the same object as that.
  void Ask(std::vector<Query>& queries, size_t first, const ProcessDetails* process, Patience patience);
  /// On a thread of the pool: asks unless objects of the same owner have wasted too much time, and notes what is
  /// wasted now.
  template <typename Reply>
  Reply AskUnlessWasteful(const Object& object, const std::function<Reply()>& ask);
  absl::StatusOr<std::vector<FrameLines>> AskObject(const Question& question);
  template <typename Value>
  using Known = LruMap<ObjectPosition, Value, ObjectPositionHash>;
  /// What is known of a position in the file that is mapped there, or what `ask` says. Nothing: not known yet.
  template <typename Value>
  std::optional<Value> Recall(Known<Value>& known, const ProcessDetails& process, const ResolvedAddress& address,
                              uint64_t position, Patience patience,
                              const std::function<absl::StatusOr<Value>(Object&)>& ask);
  void EnsureFile(Object& object, const ProcessDetails& process, const ResolvedAddress& address);

  /// Adds the failures of an object during its life to the counters.
  class FailureCount {
   public:
    FailureCount(Impl& owner, const Object& object) : owner_(owner), object_(object), before_(object.failures()) {}
    ~FailureCount() {
      std::lock_guard lock(owner_.mutex_);
      owner_.counters_.failed_objects += object_.failures() - before_;
    }

   private:
    Impl& owner_;
    const Object& object_;
    const uint64_t before_;
  };

  const Clock& clock_;
  ObjectAnalyzer& analyzer_;
  ObjectTable objects_;

  mutable std::mutex mutex_;  // never held while a worker is asked
  FrameCache cache_;
  Known<std::optional<uint32_t>> stack_deltas_{kMaxStackDeltas};
  Known<std::string> type_names_{kMaxTypeNames};
  Known<std::vector<NamedFunction>> functions_{kMaxGlobs};  // the position is the glob's hash
  WasteLimit waste_;
  SymbolizerCounters counters_;
  AskPool pool_{kAskingThreads, kMaxWaitingQuestions};  // last: its threads use the rest
};

}  // namespace profd
