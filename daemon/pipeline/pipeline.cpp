#include "pipeline/pipeline.h"

#include <algorithm>

#include "profile/sample_outcome.h"

namespace profd {
namespace {

// Two intervals may have to be closed for it, each of which may wait four seconds for names on a machine that is all
// busy with programs that nobody has seen before.
constexpr std::chrono::seconds kFlipDeadline{20};
constexpr std::chrono::milliseconds kAnswerWait{100}, kLongWait{60'000};

uint64_t TicksOf(const ResolvedBatch& batch) {
  uint64_t ticks = 0;
  if (batch.interval) {
    for (const RawCount& count : batch.interval->raw.counts) ticks += count.ticks;
  }
  return ticks;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Start(const PipelineOptions& options, const PipelineParts& parts) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(options, parts));
  Pipeline* self = pipeline.get();
  ASSIGN_OR_RETURN(std::vector<TaskUsage> alive, parts.monitor->ListTasks());
  // Before the collector's thread exists the sampler may be used from here.
  const auto exclude = [self](const ProcessId& id) {
    if (!self->collector_) {
      (void)self->parts_.sampler->Exclude(id);
      return;
    }
    self->collector_->Post([self, id](Sampler& sampler) {
      if (absl::Status status = sampler.Exclude(id); !status.ok()) self->parts_.on_error(status);
    });
  };
  const auto on_event = [self](const ProcessEvent& event) {
    if (event.kind == ProcessEvent::Kind::kExec) self->discovery_->OnExec(event.process, event.time);
    self->parts_.on_process_event(event);
  };
  pipeline->resolver_ =
      std::make_unique<Resolver>(parts.proc_fs, parts.clock, alive, options.exclusions, exclude, on_event);
  pipeline->discovery_ = std::make_unique<GoDiscovery>(pipeline->resolver_.get(), parts.symbolizer, parts.clock,
                                                       [self](GoProgram program) { self->OnGo(std::move(program)); });
  pipeline->symbolize_ = std::make_unique<SymbolizeStage>(
      parts.symbolizer, parts.clock, std::chrono::nanoseconds(1'000'000'000 / options.sample_hz),
      [self](GoProgram program) { self->OnGo(std::move(program)); });
  RETURN_IF_ERROR(parts.sampler->Start());
  ASSIGN_OR_RETURN(pipeline->collector_, Collector::Create(parts.sampler, parts.monitor, &self->raw_, parts.on_error));
  pipeline->resolver_thread_ = std::jthread([self] { self->RunResolver(); });
  pipeline->symbolizer_thread_ = std::jthread([self] { self->RunSymbolizer(); });
  return pipeline;
}

void Pipeline::DiscoverGo() {
  collector_->Post([this](Sampler&) {
    auto alive = parts_.monitor->ListTasks();
    if (!alive.ok()) return parts_.on_error(alive.status());
    std::ranges::sort(*alive, std::greater(), &TaskUsage::cpu);
    std::vector<ProcessId> busiest_first;
    for (const TaskUsage& task : *alive) busiest_first.push_back(task.process);
    discovery_->Begin(busiest_first);
  });
}

void Pipeline::OnGo(GoProgram program) {
  if (program.facts.tls_g_known) {
    collector_->Post([this, id = program.process, facts = program.facts, text = program.text](Sampler& sampler) {
      if (absl::Status status = sampler.SetGoProcess(id, facts, text); !status.ok()) parts_.on_error(status);
    });
  }
  parts_.on_go(std::move(program));
}

Pipeline::~Pipeline() { Stop(); }

void Pipeline::Stop() {
  if (collector_) collector_->Stop();
  if (resolver_thread_.joinable()) resolver_thread_.join();
  discovery_.reset();  // the resolver has told it of programs
  if (symbolizer_thread_.joinable()) symbolizer_thread_.join();
  std::lock_guard lock(flip_mutex_);
  stopped_ = true;
  flipped_.notify_all();
}

void Pipeline::RunResolver() {
  while (auto batch = raw_.Pop()) {
    ResolvedBatch resolved = resolver_->Resolve(*std::move(batch));
    const uint64_t ticks = TicksOf(resolved);
    const size_t bytes = resolved.ApproximateBytes();
    if (!resolved_.Push(std::move(resolved), bytes)) dropped_ticks_ += ticks;
  }
  resolved_.Close();
}

void Pipeline::RunSymbolizer() {
  for (bool drained = false; !drained;) {
    auto batch = resolved_.PopFor(symbolize_->AwaitsAnswers() ? kAnswerWait : kLongWait, drained);
    symbolize_->TakeAnswers();
    if (!batch) continue;
    const uint64_t flip = batch->flip;
    if (auto output = symbolize_->Process(*std::move(batch))) {
      Publish(*std::move(output), flip);
    } else if (flip > 0) {
      std::lock_guard lock(flip_mutex_);
      flips_done_ = std::max(flips_done_, flip);
      failed_flip_ = flip;
      flipped_.notify_all();
    }
  }
}

// What user space lost was recorded by the kernel: it moves from one to the other, and the sum stays.
void Pipeline::CorrectOutcomes(OutcomeCounts& outcomes) const {
  auto move = [&](uint64_t ticks, SampleOutcome reason) {
    uint64_t& recorded = outcomes[kOutcomes[OUTCOME_RECORDED].label];
    ticks = std::min(ticks, recorded);
    recorded -= ticks;
    outcomes[kOutcomes[reason].label] += ticks;
  };
  move(unknown_ticks_.load(), OUTCOME_STACK_UNKNOWN);
  move(dropped_ticks_.load() + collector_->ticks_dropped(), OUTCOME_QUEUE_FULL);
}

void Pipeline::Publish(SymbolizeStage::Output output, uint64_t flip) {
  unknown_ticks_ += output.unknown_ticks;
  OutcomeCounts now = std::move(output.segment.outcomes);
  CorrectOutcomes(now);
  output.segment.outcomes.clear();
  for (const auto& [outcome, count] : now) {
    const uint64_t before = last_outcomes_[outcome];
    output.segment.outcomes[outcome] = count > before ? count - before : 0;
  }
  last_outcomes_ = std::move(now);
  const WallTime end = output.segment.end;
  if (parts_.on_segment) parts_.on_segment(output.segment);
  if (absl::Status status = parts_.store->Append(std::move(output.segment)); !status.ok()) parts_.on_error(status);
  std::lock_guard lock(flip_mutex_);
  flips_done_ = std::max(flips_done_, flip);
  newest_end_ = end;
  flipped_.notify_all();
}

absl::StatusOr<WallTime> Pipeline::Flip() {
  const uint64_t number = collector_->RequestFlip();
  std::unique_lock lock(flip_mutex_);
  const bool done = flipped_.wait_for(lock, kFlipDeadline, [&] { return stopped_ || flips_done_ >= number; });
  if (stopped_) return Error(absl::StatusCode::kUnavailable, "profd is stopping");
  if (done && failed_flip_ >= number) {
    return Error(absl::StatusCode::kInternal, "the kernel's counts could not be read; profd's log says why");
  }
  if (!done) {
    return Error(
        absl::StatusCode::kDeadlineExceeded,
        "the current interval was not closed within {} s: profd does not keep up (see queues in `profctl status`)",
        kFlipDeadline.count());
  }
  return newest_end_;
}

OutcomeCounts Pipeline::Outcomes() const {
  std::lock_guard lock(outcomes_mutex_);
  OutcomeCounts sum;
  for (const CpuTicks& cpu : parts_.sampler->TicksByCpu()) {
    for (const auto& [outcome, count] : cpu.outcomes) sum[outcome] += count;
  }
  CorrectOutcomes(sum);
  // Counters never fall: what was shown as recorded and is known as lost now, the next ticks make up for.
  for (auto& [outcome, count] : sum) count = shown_outcomes_[outcome] = std::max(count, shown_outcomes_[outcome]);
  return sum;
}

std::vector<Pipeline::QueueState> Pipeline::Queues() const {
  return {{"raw", raw_.size(), raw_.dropped()}, {"resolved", resolved_.size(), resolved_.dropped()}};
}

}  // namespace profd
