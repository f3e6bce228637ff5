#include "symbols/symbolizer.h"

#include <algorithm>

#include "process/proc_maps.h"
#include "symbols/symbolizer_impl.h"

namespace profd {

void Symbolizer::Impl::AnswerFromCache(std::vector<Query>& queries) {
  std::lock_guard lock(mutex_);
  for (Query& query : queries) {
    if (!query.object) continue;
    query.answered = cache_.Find(query.object->id(), query.position, &query.lines);
    ++counters_.lookups;
    if (query.answered) ++counters_.hits;
  }
}

void Symbolizer::Impl::Answer(std::vector<Query>& queries, const ProcessDetails* process, Patience patience) {
  AnswerFromCache(queries);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (!queries[i].object || queries[i].answered) continue;
    const auto left = std::chrono::ceil<Patience>(deadline - std::chrono::steady_clock::now());
    Ask(queries, i, process, std::max(left, Patience(0)));
  }
}

template <typename Reply>
Reply Symbolizer::Impl::AskUnlessWasteful(const Object& object, const std::function<Reply()>& ask) {
  const WasteLimit::Culprit culprit(object.identity().device, object.identity().owner);
  const BootTime begin = clock_.Boot();
  {
    std::lock_guard lock(mutex_);
    if (!waste_.Allows(culprit, begin)) return Error(absl::StatusCode::kUnavailable, "other objects took too long");
  }
  Reply reply = ask();
  if (absl::IsInternal(reply.status()) || absl::IsDeadlineExceeded(reply.status())) {
    const BootTime now = clock_.Boot();
    std::lock_guard lock(mutex_);
    waste_.Add(culprit, now, now - begin);
  }
  return reply;
}

absl::StatusOr<std::vector<FrameLines>> Symbolizer::Impl::AskObject(const Question& question) {
  Object& object = *question.object;
  if (question.process) EnsureFile(object, *question.process, question.address);
  const FailureCount count(*this, object);
  // Once for each object: whoever wants a line wants the build ID too.
  if (object.kind() == ObjectKind::kElf) RETURN_IF_ERROR(object.Describe(analyzer_, clock_).status());
  return object.Resolve(analyzer_, clock_, question.positions);
}

void Symbolizer::Impl::EnsureFile(Object& object, const ProcessDetails& process, const ResolvedAddress& address) {
  // An object that failed is not opened either; the vdso's copy is never closed.
  if (object.MayBeAsked(clock_) && KindOf(*address.file) != MemoryKind::kVdso) {
    objects_.EnsureFile(object, process, address);
  }
}

void Symbolizer::Impl::Ask(std::vector<Query>& queries, size_t first, const ProcessDetails* process,
                           Patience patience) {
  auto question = std::make_shared<Question>();
  question->object = queries[first].object;
  if (process) question->process = *process;
  if (queries[first].address) question->address = *queries[first].address;
  std::vector<uint64_t>& positions = question->positions;
  for (size_t i = first; i < queries.size(); ++i) {
    if (queries[i].object == question->object && !queries[i].answered) positions.push_back(queries[i].position);
  }
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());

  const auto ask = [this, question] {
    const Object& object = *question->object;
    question->answer = AskUnlessWasteful<absl::StatusOr<std::vector<FrameLines>>>(
        object, [this, question] { return AskObject(*question); });
    if (!question->answer.ok()) return;
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < question->positions.size(); ++i) {
      FrameLines& lines = (*question->answer)[i];
      if (!question->process) {
        for (FrameLine& line : lines) {
          StripModule(line.function);
          StripModule(line.system_name);
        }
      }
      cache_.Insert(object.id(), question->positions[i], lines);
    }
  };
  const bool done = pool_.RunFor(question->object->id(), ask, patience);
  std::lock_guard lock(mutex_);
  for (size_t i = first; i < queries.size(); ++i) {
    Query& query = queries[i];
    if (query.object != question->object || query.answered) continue;
    query.answered = true;
    query.pending = !done;
    if (!done || !question->answer.ok()) {
      ++counters_.unanswered;
      continue;
    }
    // From the cache, where names have their bounds; the answer itself only if the cache is too small for a stack.
    if (cache_.Find(question->object->id(), query.position, &query.lines)) continue;
    const auto place = std::lower_bound(positions.begin(), positions.end(), query.position);
    query.lines = (*question->answer)[static_cast<size_t>(place - positions.begin())];
  }
}

std::vector<SymbolizedAddress> Symbolizer::Impl::Symbolize(const ProcessDetails& process,
                                                           std::span<const ResolvedAddress> addresses,
                                                           Patience patience) {
  objects_.CloseIdleFiles();
  std::vector<Query> queries(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    const ResolvedAddress& address = addresses[i];
    if (address.file == nullptr) continue;
    // Neighbours on a stack are mostly in the same mapping.
    const ResolvedAddress* previous = i > 0 ? &addresses[i - 1] : nullptr;
    const bool repeated =
        previous && previous->file == address.file && previous->mapping_start == address.mapping_start;
    queries[i] = {repeated ? queries[i - 1].object : objects_.At(process, address), PositionOf(address, i == 0),
                  &address};
  }
  Answer(queries, &process, patience);

  std::vector<SymbolizedAddress> result(addresses.size());
  const Object* described = nullptr;
  std::string build_id;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const ResolvedAddress& address = addresses[i];
    SymbolizedAddress& symbolized = result[i];
    symbolized.address = address.address;
    if (address.file == nullptr) continue;
    symbolized.mapping_start = address.mapping_start;
    symbolized.mapping_limit = address.mapping_limit;
    symbolized.mapping_offset = address.mapping_offset;
    symbolized.file = WithoutDeleted(address.file->path);
    symbolized.lines = std::move(queries[i].lines);
    symbolized.pending = queries[i].pending;
    if (const Object* object = queries[i].object.get(); object != described) {
      described = object;
      build_id = object ? object->facts().build_id : "";
    }
    symbolized.build_id = build_id;
  }
  return result;
}

std::vector<SymbolizedAddress> Symbolizer::Impl::SymbolizeKernel(std::span<const uint64_t> addresses,
                                                                 Patience patience) {
  std::vector<Query> queries(addresses.size());
  const auto answer = [&] {
    const std::shared_ptr<Object> kernel = objects_.Kernel();
    for (size_t i = 0; i < addresses.size(); ++i) queries[i] = {kernel, CallSite(addresses[i], 0, i == 0)};
    Answer(queries, nullptr, patience);
  };
  answer();
  const bool all = std::all_of(queries.begin(), queries.end(), [](const Query& query) { return !query.lines.empty(); });
  if (!all && objects_.RefreshKernel()) answer();

  std::vector<SymbolizedAddress> result(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    result[i].address = addresses[i];
    result[i].mapping_limit = UINT64_MAX;
    result[i].file = "[kernel]";
    result[i].lines = std::move(queries[i].lines);
    result[i].pending = queries[i].pending;
  }
  return result;
}

absl::StatusOr<GoFacts> Symbolizer::Impl::AskGo(const ProcessDetails& process, const ResolvedAddress& text,
                                                Patience patience) {
  if (text.file == nullptr || KindOf(*text.file) != MemoryKind::kFile) {
    return Error(absl::StatusCode::kNotFound, "no file is mapped there");
  }
  const std::shared_ptr<Object> object = objects_.At(process, text);
  if (object == nullptr) return Error(absl::StatusCode::kUnavailable, "its file is not known");
  if (const auto known = object->known_go()) return *known;
  if (object->described() && object->facts().go_version.empty()) {
    return Error(absl::StatusCode::kNotFound, "not built by Go");
  }
  using Reply = absl::StatusOr<GoFacts>;
  auto answer = std::make_shared<Reply>();
  const auto ask = [this, object, process, text]() -> Reply {
    EnsureFile(*object, process, text);
    if (!object->described() && !object->HasFile()) {
      return Error(absl::StatusCode::kUnavailable, "its file cannot be opened");
    }
    const FailureCount count(*this, *object);
    return object->AskGo(analyzer_, clock_);
  };
  const bool done = pool_.RunFor(
      object->id(), [this, object, ask, answer] { *answer = AskUnlessWasteful<Reply>(*object, ask); }, patience);
  return done ? *answer : Error(absl::StatusCode::kUnavailable, "the answer is not there yet");
}

absl::StatusOr<Symbolizer::File> Symbolizer::Impl::FileAt(const ProcessDetails& process, const ResolvedAddress& text) {
  const std::shared_ptr<Object> object = objects_.At(process, text);
  if (object == nullptr) return Error(absl::StatusCode::kUnavailable, "its file is not known");
  EnsureFile(*object, process, text);
  UniqueFd fd = object->DuplicateFile();
  if (!fd) return Error(absl::StatusCode::kUnavailable, "its file cannot be opened");
  return File{.identity = object->identity(), .fd = std::move(fd)};
}

template <typename Value>
std::optional<Value> Symbolizer::Impl::Recall(Known<Value>& known, const ProcessDetails& process,
                                              const ResolvedAddress& address, uint64_t position, Patience patience,
                                              const std::function<absl::StatusOr<Value>(Object&)>& ask) {
  if (address.file == nullptr || KindOf(*address.file) != MemoryKind::kFile) return std::nullopt;
  const std::shared_ptr<Object> object = objects_.At(process, address);
  if (object == nullptr) return std::nullopt;
  const ObjectPosition key(object->id(), position);
  const auto find = [&]() -> std::optional<Value> {
    std::lock_guard lock(mutex_);
    const Value* value = known.Find(key);  // which may be that there is none
    return value ? std::optional<Value>(std::in_place, *value) : std::optional<Value>();
  };
  if (auto value = find()) return value;
  const auto keep = [this, &known, object, process, address, ask, key] {
    const auto answer = AskUnlessWasteful<absl::StatusOr<Value>>(*object, [&] {
      EnsureFile(*object, process, address);
      const FailureCount count(*this, *object);
      return ask(*object);
    });
    std::lock_guard lock(mutex_);
    if (answer.ok()) known.Put(key, *answer);
  };
  return pool_.RunFor(object->id(), keep, patience) ? find() : std::nullopt;
}

std::optional<uint32_t> Symbolizer::Impl::StackDelta(const ProcessDetails& process, const ResolvedAddress& leaf,
                                                     Patience patience) {
  const uint64_t position = PositionOf(leaf, true);
  return Recall<std::optional<uint32_t>>(
             stack_deltas_, process, leaf, position, patience,
             [this, position](Object& object) { return object.AskStackDelta(analyzer_, clock_, position); })
      .value_or(std::nullopt);
}

std::optional<std::string> Symbolizer::Impl::GoTypeName(const ProcessDetails& process, const ResolvedAddress& text,
                                                        uint64_t position, Patience patience) {
  return Recall<std::string>(type_names_, process, text, position, patience, [this, position](Object& object) {
    return object.AskGoType(analyzer_, clock_, position);
  });
}

std::optional<std::vector<NamedFunction>> Symbolizer::Impl::FunctionsNamed(const ProcessDetails& process,
                                                                           const ResolvedAddress& text,
                                                                           const std::string& glob, Patience patience) {
  return Recall<std::vector<NamedFunction>>(
      functions_, process, text, std::hash<std::string>()(glob), patience,
      [this, glob](Object& object) { return object.AskFunctions(analyzer_, clock_, glob); });
}

SymbolsState Symbolizer::Impl::StateOf(const MappedFile& executable) const {
  std::string failure;
  const std::shared_ptr<Object> object = objects_.Known(executable, &failure);
  if (object == nullptr) return {"", failure.empty() ? "" : "failed: " + failure};
  SymbolsState state;
  if (object->described()) {
    const ObjectFacts facts = object->facts();
    state = {facts.go_version.empty() ? "native" : facts.go_version, facts.symbols};
    // Its functions have names all the same.
    if (const std::string why = object->unknown_layout(); !why.empty()) {
      state.symbols += fmt::format(" (goroutines unknown: {})", why);
    }
  }
  if (const absl::Status status = object->failure(); !status.ok()) state.symbols = "failed: " + Message(status);
  return state;
}

SymbolizerCounters Symbolizer::Impl::counters() const {
  std::lock_guard lock(mutex_);
  SymbolizerCounters counters = counters_;
  counters.open_failures = objects_.open_failures();
  return counters;
}

Symbolizer::Symbolizer(const ProcFs* proc_fs, const Clock* clock, ObjectAnalyzer* analyzer, size_t max_cached)
    : impl_(std::make_unique<Impl>(proc_fs, clock, analyzer, max_cached)) {}
Symbolizer::~Symbolizer() = default;
std::vector<SymbolizedAddress> Symbolizer::Symbolize(const ProcessDetails& process,
                                                     std::span<const ResolvedAddress> addresses, Patience patience) {
  return impl_->Symbolize(process, addresses, patience);
}
std::vector<SymbolizedAddress> Symbolizer::SymbolizeKernel(std::span<const uint64_t> addresses, Patience patience) {
  return impl_->SymbolizeKernel(addresses, patience);
}
absl::StatusOr<Symbolizer::File> Symbolizer::FileAt(const ProcessDetails& process, const ResolvedAddress& text) {
  return impl_->FileAt(process, text);
}
absl::StatusOr<GoFacts> Symbolizer::AskGo(const ProcessDetails& process, const ResolvedAddress& text,
                                          Patience patience) {
  return impl_->AskGo(process, text, patience);
}
std::optional<uint32_t> Symbolizer::StackDelta(const ProcessDetails& process, const ResolvedAddress& leaf,
                                               Patience patience) {
  return impl_->StackDelta(process, leaf, patience);
}
std::optional<std::string> Symbolizer::GoTypeName(const ProcessDetails& process, const ResolvedAddress& text,
                                                  uint64_t position, Patience patience) {
  return impl_->GoTypeName(process, text, position, patience);
}
std::optional<std::vector<NamedFunction>> Symbolizer::FunctionsNamed(const ProcessDetails& process,
                                                                     const ResolvedAddress& text,
                                                                     const std::string& glob, Patience patience) {
  return impl_->FunctionsNamed(process, text, glob, patience);
}
SymbolsState Symbolizer::StateOf(const MappedFile& executable) const { return impl_->StateOf(executable); }
size_t Symbolizer::cached() const { return impl_->cached(); }
SymbolizerCounters Symbolizer::counters() const { return impl_->counters(); }

}  // namespace profd
