#include "pipeline/recursion_stage.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "pipeline/shown_frames.h"
#include "process/cpu_time.h"

namespace profd {
namespace {

constexpr std::chrono::milliseconds kBusyWait{20}, kIdleWait{5000};
constexpr std::chrono::milliseconds kTimeGap{100};
constexpr std::chrono::milliseconds kRoomKept{20};
constexpr std::chrono::seconds kGroupKept{10};
// Names are asked for again after so long, and given up after so long: a worker that has to be started takes 20 ms, the
// mappings of a process that has just begun up to 100.
constexpr std::chrono::milliseconds kAskAgain{5}, kLongestWait{200};
constexpr std::chrono::milliseconds kGiveUp{2000};
constexpr size_t kMostUnnamed = 64;
// Ticks of one stack that come closer together than that say nothing new.
constexpr std::chrono::milliseconds kTickGap{4};
constexpr size_t kMostRemembered = 4096;

// What can be said of a frame without its name.
std::string PlaceOf(const SymbolizedAddress& address) {
  if (address.file.empty()) return fmt::format("{:#x}", address.address);
  const std::string name = address.file.substr(address.file.rfind('/') + 1);
  return fmt::format("{}+{:#x}", name, address.address - address.mapping_start + address.mapping_offset);
}

bool IsTick(const StackReading& reading) { return reading.trigger == RecursionTrigger::kSample; }

}  // namespace

ReadStack NameStack(const RawStack& raw, std::span<const SymbolizedAddress> symbolized, bool last_try) {
  ReadStack stack;
  stack.truncated = raw.truncated || raw.read_failed;
  std::vector<uint32_t> place;  // of each address in the frames
  const bool below_root = symbolized.size() > 1 && IsBelowRoot(symbolized.back());
  for (const SymbolizedAddress& address : symbolized.first(symbolized.size() - (below_root ? 1 : 0))) {
    place.push_back(static_cast<uint32_t>(stack.frames.size()));
    for (const FrameLine& line : address.lines) {
      if (IsHidden(line)) continue;
      stack.frames.push_back(
          {.code = {.name = line.function, .file = line.file, .line = line.line}, .place = {}, .named = true});
    }
    if (!address.lines.empty()) continue;
    const bool to_come = !last_try && (address.pending || address.file.empty());
    std::string where = PlaceOf(address);
    CodeFrame code{.name = to_come ? "" : where};
    stack.frames.push_back({.code = std::move(code), .place = std::move(where), .named = !to_come});
  }
  place.push_back(static_cast<uint32_t>(stack.frames.size()));
  for (Fold fold : raw.folds) {
    if (fold.first + fold.length >= place.size()) break;
    fold.length = place[fold.first + fold.length] - place[fold.first];
    fold.first = place[fold.first];
    if (fold.length > 0) stack.folds.push_back(fold);
  }
  return stack;
}

absl::StatusOr<std::unique_ptr<RecursionStage>> RecursionStage::Start(const RecursionParts& parts) {
  std::unique_ptr<RecursionStage> stage(new RecursionStage(parts));
  stage->epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  stage->wakeup_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stage->epoll_ || !stage->wakeup_) {
    return Error(absl::StatusCode::kInternal, "eventfd or epoll: {}", ErrnoText(errno));
  }
  for (const int fd : {parts.tripwires->readings_fd(), stage->wakeup_.get()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(stage->epoll_.get(), EPOLL_CTL_ADD, fd, &event)) {
      return Error(absl::StatusCode::kInternal, "epoll_ctl: {}", ErrnoText(errno));
    }
  }
  const auto lives = [&parts](const Process& process) {
    return ReadCpuTime(*parts.proc_fs, IdOf(process)).has_value();  // of the process that began then
  };
  stage->detector_.Restore(parts.outlet->loaded(), lives, parts.clock->Wall());
  stage->changed_ = true;
  stage->Publish(parts.clock->Boot());
  stage->ShowEvents();
  stage->thread_ = std::jthread([self = stage.get()](std::stop_token stop) { self->Run(stop); });
  return stage;
}

RecursionStage::~RecursionStage() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  Wake();
  thread_.join();
}

void RecursionStage::Wake() {
  const uint64_t one = 1;
  (void)!write(wakeup_.get(), &one, sizeof(one));
}

void RecursionStage::Wait(bool busy) {
  epoll_event events[2];
  const auto most = !unnamed_.empty() ? kAskAgain : busy ? kBusyWait : kIdleWait;
  epoll_wait(epoll_.get(), events, 2, static_cast<int>(most.count()));
  uint64_t count;
  (void)!read(wakeup_.get(), &count, sizeof(count));
}

void RecursionStage::Run(std::stop_token stop) {
  bool busy = false;
  while (!stop.stop_requested()) {
    Wait(busy);
    HandleReadings();
    HandleEnds();
    const BootTime now = parts_.clock->Boot();
    AskForNames(now);
    if (now - last_time_ >= kTimeGap) {
      last_time_ = now;
      detector_.OnTime(now, parts_.clock->Wall());
    }
    Publish(now);
    ShowEvents();
    FollowSuspects(now);
    busy = !suspects_.empty();
  }
}

void RecursionStage::HandleReadings() {
  TripwireRecords records;
  parts_.tripwires->Read(records);
  for (const OomKill& kill : records.oom_kills) detector_.OnOomKill(kill.process.tgid, kill.tid, kill.time);
  for (const ProbeCost& cost : records.costs) {
    parts_.probes->OnCost(cost);
    if (parts_.on_cost) parts_.on_cost(cost);
  }
  auto exit = records.exits.begin();
  for (size_t i = 0; i <= records.readings.size(); ++i) {
    for (; exit != records.exits.end() && exit->after == i; ++exit) HandleEnd(exit->event);
    if (i == records.readings.size()) break;
    Handle(std::move(records.readings[i]));
    // The first of a burst is told before the next is looked at.
    Publish(parts_.clock->Boot());
  }
}

void RecursionStage::Handle(StackReading raw) {
  const std::pair key(raw.process.tgid, raw.goroutine ? raw.goroutine : raw.tid);
  if (parts_.on_thread && suspects_.contains(raw.process)) parts_.on_thread(raw.process, raw.goroutine, raw.tid);
  BootTime& handled = handled_[key];
  if (IsTick(raw) && raw.time - handled < kTickGap) return;
  handled = raw.time;
  {
    std::lock_guard lock(ends_mutex_);
    looked_at_.insert(raw.process.tgid);
  }
  if (handled_.size() > kMostRemembered) handled_.clear();

  const Resolver::Addresses resolved = parts_.resolver->ResolveNow(raw.process, raw.thread_name, raw.stack.frames);
  if (!IsBelievable(raw, resolved)) return;
  RecursionReading reading = Convert(raw, resolved, false);
  const bool names_wanted = detector_.OnReading(reading);
  if (parts_.on_recursion && !raw.stack.folds.empty()) parts_.on_recursion(raw, resolved);
  if (!names_wanted || unnamed_.size() >= kMostUnnamed) return;
  // The newest of a stack is enough: its functions are the same.
  const auto same = [&](const Unnamed& other) {
    return other.raw.process == raw.process && other.raw.goroutine == raw.goroutine && other.raw.tid == raw.tid;
  };
  if (std::ranges::any_of(unnamed_, same)) return;
  const BootTime now = parts_.clock->Boot();
  unnamed_.push_back(
      {.raw = std::move(raw), .told = std::move(reading), .since = now, .next = now + kAskAgain, .wait = kAskAgain});
}

std::string RecursionStage::RuntimeOf(const Resolver::Addresses& resolved) const {
  return resolved.executable ? parts_.symbolizer->StateOf(*resolved.executable).runtime : "";
}

bool RecursionStage::IsGo(const Resolver::Addresses& resolved) const { return RuntimeOf(resolved).starts_with("go"); }

// The bounds of a goroutine's stack are known only where the goroutine is: of a Go program's other stacks, and of a
// program of which it is not known yet what it is, nothing can be said before its end. But no goroutine faults at the
// end of its stack: that is C's, called by Go.
bool RecursionStage::IsBelievable(const StackReading& raw, const Resolver::Addresses& resolved) const {
  if (raw.goroutine != 0) return true;
  const bool signal = raw.trigger == RecursionTrigger::kFatalSignal;
  if (RuntimeOf(resolved).empty()) return signal;
  return !IsGo(resolved) || (signal && raw.fault_at_stack_pointer);
}

RecursionReading RecursionStage::Convert(const StackReading& raw, const Resolver::Addresses& resolved, bool last_try) {
  const auto symbolized = parts_.symbolizer->Symbolize(resolved.process, resolved.addresses, Symbolizer::Patience(0));
  RecursionReading reading{.process = resolved.process.process,
                           .uid = raw.uid,
                           .tid = raw.tid,
                           .goroutine = raw.goroutine,
                           .go_runtime = IsGo(resolved),
                           .time = raw.time,
                           .wall = parts_.clock->ToWall(raw.time),
                           .trigger = raw.trigger,
                           .fatal = raw.fatal,
                           .fault_at_stack_pointer = raw.fault_at_stack_pointer,
                           .stack = NameStack(raw.stack, symbolized, last_try),
                           .stack_bytes = raw.stack_bytes};
  reading.positions_verified = raw.positions_verified;
  reading.sampled_frames = raw.sampled_frames;
  reading.room = RoomOf(raw.process.tgid, raw.time);
  StackLimit own = raw.goroutine
                       ? GoStackLimit(raw.max_stack)
                       : ThreadStackLimit(raw.main_thread_stack, raw.rlimit_stack, raw.stack_lo, raw.stack_hi);
  // Another BPF program may have taken the one look at mappings that there is in a signal.
  if (own.bytes == 0 && raw.fault_at_stack_pointer) own = {.bytes = raw.stack_bytes, .reason = "where it faulted"};
  reading.limit = CutToMemory(own, raw.stack_bytes, reading.room);
  return reading;
}

void RecursionStage::AskForNames(BootTime now) {
  for (auto it = unnamed_.begin(); it != unnamed_.end();) {
    if (now < it->next) {
      ++it;
      continue;
    }
    it->wait = std::min<BootTime>(2 * it->wait, kLongestWait);
    it->next = now + it->wait;
    const bool last_try = now - it->since > kGiveUp;
    const StackReading& raw = it->raw;
    const auto resolved = parts_.resolver->ResolveNow(raw.process, raw.thread_name, raw.stack.frames);
    const RecursionReading named = Convert(raw, resolved, last_try);
    if (!named.stack.Named()) {
      ++it;
      continue;
    }
    detector_.OnNames(it->told, named);
    it = unnamed_.erase(it);
  }
}

std::optional<MemoryRoom> RecursionStage::RoomOf(uint32_t pid, BootTime now) {
  if (rooms_.size() > kMostRemembered) rooms_.clear();
  auto& [read_at, limited_at, room] = rooms_[pid];
  if (read_at != BootTime{} && now - read_at < kRoomKept) return room;
  read_at = now;
  const auto memory = ReadProcessMemory(*parts_.proc_fs, pid);
  const bool limited = memory && memory->limit_bytes > 0;
  // A process that is ending is told to be in no group (cgroup v1): it dies in the one that it was in.
  if (!limited && limited_at != BootTime{} && now - limited_at < kGroupKept) return room;
  limited_at = limited ? now : BootTime{};
  room.reset();
  if (memory) {
    room =
        MemoryRoom{.left_bytes = memory->left_bytes, .limit_bytes = memory->limit_bytes, .reason = memory->limited_by};
  }
  return room;
}

void RecursionStage::OnProcessEvent(const ProcessEvent& event) {
  if (event.kind != ProcessEvent::Kind::kExit && event.kind != ProcessEvent::Kind::kExec) return;
  std::lock_guard lock(ends_mutex_);
  // The others are nobody's business here, and they are many.
  if (!looked_at_.contains(event.process.tgid)) return;
  ends_.push_back(event);
  Wake();
}

void RecursionStage::OnMap(const ProcessId& process, uint64_t goroutine, const RecursionMap& map) {
  constexpr size_t kMost = 1024;
  std::lock_guard lock(ends_mutex_);
  if (maps_.size() < kMost) maps_.emplace_back(process, goroutine, map);
  Wake();
}

void RecursionStage::HandleEnds() {
  std::vector<ProcessEvent> ends;
  std::vector<std::tuple<ProcessId, uint64_t, RecursionMap>> maps;
  {
    std::lock_guard lock(ends_mutex_);
    ends.swap(ends_);
    maps.swap(maps_);
  }
  for (const auto& [process, goroutine, map] : maps) {
    detector_.OnMap(NamelessProcess(process), goroutine, map);
  }
  for (const ProcessEvent& event : ends) HandleEnd(event);
}

void RecursionStage::HandleEnd(const ProcessEvent& event) {
  {
    // Told twice: by its tripwire, and later with all others.
    std::lock_guard lock(ends_mutex_);
    if (!looked_at_.contains(event.process.tgid)) return;
    if (event.kind == ProcessEvent::Kind::kExit) looked_at_.erase(event.process.tgid);
  }
  ProcessEnd end{.process = NamelessProcess(event.process),
                 .time = event.time,
                 .wall = parts_.clock->ToWall(event.time),
                 .exit_code = event.exit_code};
  // An exec ends the program before it.
  end.replaced = event.kind == ProcessEvent::Kind::kExec;
  if (end.replaced) end.process.exec_id -= 1;
  detector_.OnProcessEnd(end);
  rooms_.erase(event.process.tgid);
}

void RecursionStage::Publish(BootTime now) {
  const std::vector<RecursionChange> changes = detector_.TakeChanges(now);
  const std::vector<std::string> removed = detector_.TakeRemoved();
  if (changes.empty() && removed.empty()) return;
  for (const RecursionChange& change : changes) {
    parts_.outlet->Publish(change, now);
    parts_.on_change(change);
  }
  for (const std::string& id : removed) {
    parts_.outlet->Remove(id);
    parts_.on_removed(id);
  }
  changed_ = true;
}

// For those who ask. Once for all that a wake-up brought: it is a copy of everything.
void RecursionStage::ShowEvents() {
  if (!std::exchange(changed_, false)) return;
  std::vector<RecursionEvent> events = detector_.Events();
  std::lock_guard lock(events_mutex_);
  events_.swap(events);
}

void RecursionStage::FollowSuspects(BootTime now) {
  std::set<ProcessId> suspects;
  for (const Process& process : detector_.Suspects(now)) {
    suspects.insert(IdOf(process));
  }
  if (suspects == suspects_) return;
  suspects_ = suspects;
  if (parts_.on_suspects) parts_.on_suspects(suspects_);
  if (absl::Status status = parts_.tripwires->SetSuspects(suspects_); !status.ok()) parts_.on_error(status);
}

std::vector<RecursionEvent> RecursionStage::Events() const {
  std::lock_guard lock(events_mutex_);
  return events_;
}

}  // namespace profd
