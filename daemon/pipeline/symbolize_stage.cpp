#include "pipeline/symbolize_stage.h"

#include "pipeline/go_discovery.h"
#include "pipeline/go_leaf.h"
#include "pprof/pprof.h"
#include "symbols/object_table.h"

namespace profd {
namespace {

// An answer that did not come in time is asked for again after this long, then after twice as long, and so on.
constexpr std::chrono::milliseconds kAskGoAgain{50};
constexpr int kMaxTries = 60;  // a minute and a half
constexpr size_t kMaxAsked = 16384;
constexpr size_t kMaxWaiting = 4096;

bool NamesAreToCome(const ResolvedStack& resolved, const std::vector<SymbolizedAddress>& symbolized) {
  for (size_t i = 0; i < symbolized.size(); ++i) {
    const auto& file = resolved.addresses[i].file;
    if (symbolized[i].pending) return true;
    if (symbolized[i].lines.empty() && file != nullptr && KindOf(*file) == MemoryKind::kAnonymous) return true;
  }
  return false;
}

}  // namespace

SymbolizeStage::SymbolizeStage(Symbolizer* symbolizer, const Clock* clock, std::chrono::nanoseconds period,
                               GoFound on_go)
    : symbolizer_(symbolizer), clock_(clock), period_(period), on_go_(std::move(on_go)) {}

template <typename Ask>
auto SymbolizeStage::Patiently(Symbolizer::Patience most, Ask ask) {
  const auto begin = std::chrono::steady_clock::now();
  auto answer = ask(std::min(most, patience_));
  const auto took = std::chrono::steady_clock::now() - begin;
  patience_ -= std::min(patience_, std::chrono::floor<Symbolizer::Patience>(took));
  return answer;
}

void SymbolizeStage::ConsiderGo(const ResolvedStack& resolved) {
  if (resolved.in_executable) AskGo(resolved, resolved.executable_text);
  // A library that was written in Go, in a program that was not.
  uint64_t mapping = resolved.in_executable ? resolved.executable_text.mapping_start : 0;
  for (const ResolvedAddress& address : resolved.addresses) {
    if (address.file == nullptr || KindOf(*address.file) != MemoryKind::kFile) continue;
    if (address.mapping_start == mapping) continue;
    mapping = address.mapping_start;
    AskGo(resolved, address);
  }
}

void SymbolizeStage::AskGo(const ResolvedStack& resolved, const ResolvedAddress& text) {
  const GoKey key(resolved.stack.process, text.mapping_start);
  if (asked_go_.contains(key)) return;
  if (asked_go_.size() >= kMaxAsked) asked_go_.clear();
  asked_go_.insert(key);
  const GoQuestion question{.process = resolved.process, .text = text};
  const bool answered =
      Patiently(kPatience, [&](Symbolizer::Patience patience) { return TakeGo(key.first, question, patience); });
  if (answered) return;
  if (go_to_come_.size() < kMaxAsked) {
    go_to_come_[key] = question;
  } else {
    asked_go_.erase(key);
  }
}

bool SymbolizeStage::TakeGo(const ProcessId& id, const GoQuestion& question, Symbolizer::Patience patience) {
  auto program = AskAboutGo(*symbolizer_, id, question.process, question.text, patience);
  const absl::Status status = program.status();
  if (status.ok() && program->facts.tls_g_known) on_go_(*std::move(program));
  return status.ok() || absl::IsNotFound(status) || absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status);
}

void SymbolizeStage::TakeAnswers() {
  const BootTime now = clock_->Boot();
  for (auto it = go_to_come_.begin(); it != go_to_come_.end();) {
    GoQuestion& question = it->second;
    const bool due = now >= question.next;
    const bool over = due && question.tries++ == kMaxTries;
    if (over) asked_go_.erase(it->first);  // its next new stack asks again
    if (over || (due && TakeGo(it->first.first, question, Symbolizer::Patience(0)))) {
      it = go_to_come_.erase(it);
      continue;
    }
    // A worker that is busy answers soon; one that has crashed is started again after a while.
    if (due) question.next = now + question.tries * kAskGoAgain;
    ++it;
  }
}

void SymbolizeStage::AddStack(ResolvedStack resolved) {
  SegmentBuilder& builder = builders_[resolved.stack.generation];
  if (resolved.stack.kernel) {
    builder.AddKernelStack(resolved.stack, symbolizer_->SymbolizeKernel(resolved.stack.frames));
    return;
  }
  ConsiderGo(resolved);
  if (!resolved.stack.leaf_callers.empty()) {
    ResolvedAddress leaf = resolved.addresses[resolved.stack.leaf_index];
    if (resolved.stack.leaf_index > 0) --leaf.address;  // it stands there as if it were a return address
    const auto delta = Patiently(kPatience, [&](Symbolizer::Patience patience) {
      return symbolizer_->StackDelta(resolved.process, leaf, patience);
    });
    if (delta) InsertSkippedCaller(resolved, *delta);
  }
  const std::vector<SymbolizedAddress> symbolized = Patiently(kPatience, [&](Symbolizer::Patience patience) {
    return symbolizer_->Symbolize(resolved.process, resolved.addresses, patience);
  });
  std::vector<ResolvedStack>& waiting = waiting_[resolved.stack.generation];
  if (NamesAreToCome(resolved, symbolized) && waiting.size() < kMaxWaiting) {
    waiting.push_back(std::move(resolved));
  } else {
    builder.AddUserStack(resolved, symbolized);
  }
}

void SymbolizeStage::AddWaiting(uint32_t generation) {
  patience_ = kPatienceAtTheEnd;
  for (const ResolvedStack& resolved : waiting_[generation]) {
    builders_[generation].AddUserStack(resolved, Patiently(patience_, [&](Symbolizer::Patience patience) {
                                         return symbolizer_->Symbolize(resolved.process, resolved.addresses, patience);
                                       }));
  }
  patience_ = kPatiencePerInterval;
  waiting_.erase(waiting_.begin(), waiting_.upper_bound(generation));
}

SymbolizeStage::Output SymbolizeStage::Close(const ResolvedInterval& interval) {
  Output output;
  // One segment ends where the next begins. When the wall clock is set back, segments go on from the last one's end
  // until the clock has caught up: each still lasts as long as its interval did.
  const BootTime length = interval.raw.end - interval.raw.start;
  WallTime start = clock_->ToWall(interval.raw.start);
  if (last_end_ != WallTime{} && start - last_end_ < std::chrono::seconds(1)) start = last_end_;
  const WallTime end = std::max(clock_->ToWall(interval.raw.end), start + length);
  last_end_ = end;

  AddWaiting(interval.raw.generation);
  auto result = builders_[interval.raw.generation].Build(interval, start, end, period_);
  builders_.erase(builders_.begin(), builders_.upper_bound(interval.raw.generation));
  output.unknown_ticks = result.unknown_ticks;
  output.segment.start = start;
  output.segment.end = end;
  output.segment.period = period_;
  output.segment.profile = pprof::Encode(result.profile);
  output.segment.usage = std::move(result.usage);
  output.segment.outcomes = interval.raw.outcomes;
  return output;
}

std::optional<SymbolizeStage::Output> SymbolizeStage::Process(ResolvedBatch batch) {
  for (RawLabels& labels : batch.labels) builders_[labels.generation].AddLabels(std::move(labels));
  for (ResolvedStack& stack : batch.stacks) AddStack(std::move(stack));
  if (!batch.interval) return std::nullopt;
  return Close(*batch.interval);
}

}  // namespace profd
