#include "pipeline/go_discovery.h"

#include <algorithm>

namespace profd {

absl::StatusOr<GoProgram> AskAboutGo(Symbolizer& symbolizer, const ProcessId& id, const ProcessDetails& process,
                                     const ResolvedAddress& text, Symbolizer::Patience patience) {
  ASSIGN_OR_RETURN(GoFacts facts, symbolizer.AskGo(process, text, patience));
  GoProgram program{.process = id};
  const uint64_t low = text.mapping_start + (facts.text_offset - text.mapping_offset);
  program.text = {.low = low, .high = low + facts.text_size};
  program.facts = std::move(facts);
  program.path = text.file->path;
  if (auto file = symbolizer.FileAt(process, text); file.ok()) {
    program.file = file->identity;
    program.fd = std::move(file->fd);
  }
  return program;
}

GoDiscovery::GoDiscovery(Resolver* resolver, Symbolizer* symbolizer, const Clock* clock,
                         std::function<void(GoProgram)> on_go)
    : resolver_(resolver), symbolizer_(symbolizer), clock_(clock), on_go_(std::move(on_go)) {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

GoDiscovery::~GoDiscovery() = default;

void GoDiscovery::Begin(const std::vector<ProcessId>& running) {
  std::lock_guard lock(mutex_);
  for (const ProcessId& process : running) {
    if (waiting_.size() < kMostWaiting) waiting_.push_back({.process = process});
  }
  wake_.notify_one();
}

void GoDiscovery::OnExec(const ProcessId& process, BootTime time) {
  std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) return;  // a tick finds it
  Insert({.process = process, .due = time + kLeastAge});
}

// With the lock held.
void GoDiscovery::Insert(Candidate candidate) {
  const auto place = std::ranges::upper_bound(waiting_, candidate.due, {}, &Candidate::due);
  const bool first = place == waiting_.begin();
  waiting_.insert(place, candidate);
  if (first) wake_.notify_one();
}

void GoDiscovery::Look(Candidate candidate) {
  const auto known = resolver_->ProgramOf(candidate.process);
  if (!known || known->details.exited || known->excluded) return;
  absl::StatusOr<GoProgram> program =
      known->text ? AskAboutGo(*symbolizer_, candidate.process, known->details, *known->text, kPatience)
                  : Error(absl::StatusCode::kUnavailable, "its text is not known yet");
  if (program.ok()) {
    on_go_(*std::move(program));
    return;
  }
  if (!absl::IsUnavailable(program.status()) || ++candidate.tries >= kMostTries) return;
  candidate.due = clock_->Boot() + kLeastAge * (1 << candidate.tries);
  std::lock_guard lock(mutex_);
  Insert(candidate);
}

void GoDiscovery::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    Candidate next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !waiting_.empty(); });
      if (stop.stop_requested()) return;
      const BootTime now = clock_->Boot();
      if (waiting_.front().due > now) {
        // Who is due earlier wakes us, or comes a little late.
        wake_.wait_for(lock, stop, std::min<BootTime>(waiting_.front().due - now, kLeastAge), [] { return false; });
        continue;
      }
      next = waiting_.front();
      waiting_.pop_front();
    }
    Look(next);
  }
}

}  // namespace profd
