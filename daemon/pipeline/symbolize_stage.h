// Third stage: names for addresses, and at the end of an interval its segment. May wait for a worker; the stages before
// it do not.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "base/clock.h"
#include "pipeline/go_program.h"
#include "pipeline/segment_builder.h"
#include "pipeline/stages.h"
#include "storage/profile_store.h"
#include "symbols/symbolizer.h"

namespace profd {

/// Not thread safe: one thread owns it.
class SymbolizeStage {
 public:
  using GoFound = std::function<void(GoProgram)>;

  /// `on_go` is told once for each Go program whose goroutines the kernel side can find.
  SymbolizeStage(Symbolizer* symbolizer, const Clock* clock, std::chrono::nanoseconds period, GoFound on_go);

  struct Output {
    Segment segment;
    uint64_t unknown_ticks = 0;  ///< counted in the kernel with a stack that never came
  };
  /// A segment when the batch closes an interval. Its outcomes are still the kernel's, cumulative.
  std::optional<Output> Process(ResolvedBatch batch);
  /// Whether there are answers to come that nobody else asks for: call TakeAnswers() from time to time.
  bool AwaitsAnswers() const { return !go_to_come_.empty(); }
  void TakeAnswers();

 private:
  // So long all stacks of an interval wait for workers, and so long each does. The rest waits for the interval's end.
  static constexpr Symbolizer::Patience kPatiencePerInterval{2000}, kPatience{300};
  // And then, before the segment is made.
  static constexpr Symbolizer::Patience kPatienceAtTheEnd{2000};

  using GoKey = std::pair<ProcessId, uint64_t>;  // where the file is mapped
  struct GoQuestion {
    ProcessDetails process;
    ResolvedAddress text;
    int tries = 0;
    BootTime next{};
  };
  /// Whether there is an answer; it is passed on.
  bool TakeGo(const ProcessId& id, const GoQuestion& question, Symbolizer::Patience patience);

  void AddStack(ResolvedStack stack);
  void AddWaiting(uint32_t generation);
  /// Runs `ask` with the patience that is left of the interval, at most `most`; what it takes is taken away.
  template <typename Ask>
  auto Patiently(Symbolizer::Patience most, Ask ask);
  void ConsiderGo(const ResolvedStack& resolved);
  /// Of the file that is mapped where `text` is.
  void AskGo(const ResolvedStack& resolved, const ResolvedAddress& text);
  Output Close(const ResolvedInterval& interval);

  Symbolizer* const symbolizer_;
  const Clock* const clock_;
  const std::chrono::nanoseconds period_;
  const GoFound on_go_;
  std::map<uint32_t, SegmentBuilder> builders_;  // by generation
  // Stacks whose names are still to come, by generation: a worker takes its time, or it is code made at run time whose
  // map is written, and read, a little later.
  std::map<uint32_t, std::vector<ResolvedStack>> waiting_;
  Symbolizer::Patience patience_ = kPatiencePerInterval;
  // Programs whose runtime was asked for, by the mapping of the file, and those where the answer is still to come.
  std::set<GoKey> asked_go_;
  std::map<GoKey, GoQuestion> go_to_come_;
  WallTime last_end_{};
};

}  // namespace profd
