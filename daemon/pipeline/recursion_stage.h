// From looks at stacks to recursion stories: the thread that reads the tripwires, names what they saw and asks the
// detector. It waits for nobody: a story whose functions have no names yet is told without, and again with them.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "kernel/tripwires.h"
#include "pipeline/recursion_outlet.h"
#include "pipeline/resolver.h"
#include "probes/probe_keeper.h"
#include "process/memory_room.h"
#include "recursion/detector.h"
#include "symbols/symbolizer.h"

namespace profd {

/// What it stands on; everything outlives it.
struct RecursionParts {
  Tripwires* tripwires = nullptr;
  Resolver* resolver = nullptr;
  Symbolizer* symbolizer = nullptr;
  ProbeKeeper* probes = nullptr;
  RecursionOutlet* outlet = nullptr;
  const ProcFs* proc_fs = nullptr;
  const Clock* clock = nullptr;
  DetectorOptions options;
  std::function<void(const RecursionChange&)> on_change;  ///< from its thread, as on_removed
  std::function<void(const std::string&)> on_removed;     ///< the id of a story that is no more
  std::function<void(const absl::Status&)> on_error;
  std::function<void(const ProbeCost&)> on_cost;  ///< of the growth probe, so far
  /// On which thread a suspect's goroutine (0: none) has just been.
  std::function<void(const ProcessId&, uint64_t goroutine, uint32_t tid)> on_thread;
  /// A stack that has folds.
  std::function<void(const StackReading&, const Resolver::Addresses&)> on_recursion;
  std::function<void(const std::set<ProcessId>&)> on_suspects;  ///< these, from now on; may be empty
};

/// The stack of a reading with its names, as far as they are there. `last_try`: what has none now has none.
ReadStack NameStack(const RawStack& stack, std::span<const SymbolizedAddress> symbolized, bool last_try);

/// Public methods may be called from any thread.
class RecursionStage {
 public:
  static absl::StatusOr<std::unique_ptr<RecursionStage>> Start(const RecursionParts& parts);
  ~RecursionStage();

  /// A process has ended, or has become another program.
  void OnProcessEvent(const ProcessEvent& event);
  /// What map probes saw of a goroutine.
  void OnMap(const ProcessId& process, uint64_t goroutine, const RecursionMap& map);
  /// Last seen first.
  std::vector<RecursionEvent> Events() const;

 private:
  /// A reading that waits for names.
  struct Unnamed {
    StackReading raw;
    RecursionReading told;
    BootTime since{}, next{}, wait{};
  };

  explicit RecursionStage(const RecursionParts& parts) : parts_(parts), detector_(parts.options) {}
  void Run(std::stop_token stop);
  void Wait(bool busy);
  void Wake();
  void HandleReadings();
  void HandleEnds();
  void HandleEnd(const ProcessEvent& event);
  void Handle(StackReading raw);
  std::string RuntimeOf(const Resolver::Addresses& resolved) const;
  bool IsGo(const Resolver::Addresses& resolved) const;
  bool IsBelievable(const StackReading& raw, const Resolver::Addresses& resolved) const;
  RecursionReading Convert(const StackReading& raw, const Resolver::Addresses& resolved, bool last_try);
  void AskForNames(BootTime now);
  std::optional<MemoryRoom> RoomOf(uint32_t pid, BootTime now);
  void Publish(BootTime now);
  void ShowEvents();
  void FollowSuspects(BootTime now);

  const RecursionParts parts_;
  Detector detector_;  // of the thread
  std::vector<Unnamed> unnamed_;
  struct Room {
    BootTime read_at{}, limited_at{};  // when its group last had a limit
    std::optional<MemoryRoom> room;
  };
  std::map<uint32_t, Room> rooms_;                             // by pid, for a moment
  std::map<std::pair<uint32_t, uint64_t>, BootTime> handled_;  // by pid and goroutine or thread
  std::set<ProcessId> suspects_;
  BootTime last_time_{};
  bool changed_ = false;  // since ShowEvents()

  UniqueFd epoll_, wakeup_;
  std::mutex ends_mutex_;
  std::vector<ProcessEvent> ends_;
  std::vector<std::tuple<ProcessId, uint64_t, RecursionMap>> maps_;  // under ends_mutex_
  std::set<uint32_t> looked_at_;                                     // under ends_mutex_: processes whose end matters
  mutable std::mutex events_mutex_;
  std::vector<RecursionEvent> events_;  // what the detector has, for others to see
  std::jthread thread_;
};

}  // namespace profd
