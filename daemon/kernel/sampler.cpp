#include "kernel/sampler.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <map>
#include <numeric>

#include "cpu_sampler.skel.h"
#include "kernel/bpf_object.h"
#include "kernel/perf_event.h"
#include "kernel/tick_ledger.h"
#include "kernel/to_kernel.h"
#include "process/proc_fs.h"
#include "profile/sample_outcome.h"
#include "shared/abi.h"

namespace profd {
namespace {

// A tick each CPU can have one distinct stack; twice that leaves room for a late flip.
uint32_t CountsCapacity(const SamplerOptions& options) {
  const uint64_t ticks = uint64_t{options.sample_hz} * PossibleCpus() * options.longest_interval.count();
  return std::clamp<uint64_t>(std::bit_ceil(2 * ticks), 1024, 1 << 18);
}

// Bodies wait in the ring for some milliseconds as a rule; a busy machine may take a second to come for them.
uint32_t RingBytes(const SamplerOptions& options) {
  const uint64_t per_second = uint64_t{options.sample_hz} * PossibleCpus() * 2048;
  return std::clamp<uint64_t>(std::bit_ceil(2 * per_second), 512 << 10, 16 << 20);
}

class BpfSampler final : public Sampler {
 public:
  BpfSampler(const SamplerOptions& options, SkeletonPtr<cpu_sampler> skeleton)
      : options_(options),
        period_ns_(1'000'000'000 / options.sample_hz),
        skeleton_(std::move(skeleton)),
        ledger_(std::chrono::nanoseconds(period_ns_)) {}

  ~BpfSampler() override { ring_buffer__free(ring_); }

  absl::Status Init() {
    LibbpfLog log;
    auto on_record = [](void* context, void* data, size_t size) {
      auto* self = static_cast<BpfSampler*>(context);
      if (auto labels = DecodeLabels(data, size)) {
        self->labels_.push_back(*std::move(labels));
      } else if (auto stack = DecodeStack(data, size); stack.ok()) {
        self->stacks_.push_back(*std::move(stack));
      }
      return 0;
    };
    ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.stacks), on_record, this, nullptr);
    if (!ring_) return LibbpfError("mapping the ring of stacks", errno, log);
    return absl::OkStatus();
  }

  absl::Status Start() override {
    ASSIGN_OR_RETURN(bool changed, FollowHotplug());
    (void)changed;
    interval_start_ = clock_.Boot();
    return absl::OkStatus();
  }

  int stacks_fd() const override { return ring_buffer__epoll_fd(ring_); }

  void ReadStacks(std::vector<RawStack>& stacks, std::vector<RawLabels>& labels) override {
    ring_buffer__consume(ring_);
    std::move(stacks_.begin(), stacks_.end(), std::back_inserter(stacks));
    std::move(labels_.begin(), labels_.end(), std::back_inserter(labels));
    stacks_.clear();
    labels_.clear();
  }

  absl::StatusOr<RawInterval> Flip() override {
    bpf_map* idle = active_ == 0 ? skeleton_->maps.counts_b : skeleton_->maps.counts_a;
    bpf_map* full = active_ == 0 ? skeleton_->maps.counts_a : skeleton_->maps.counts_b;
    const __u32 zero = 0;
    const __u32 next = generation_ + 1;
    const int idle_fd = bpf_map__fd(idle);
    if (int error = bpf_map__update_elem(skeleton_->maps.generation, &zero, sizeof(zero), &next, sizeof(next), 0)) {
      return Error(absl::StatusCode::kInternal, "setting the generation: {}", ErrnoText(error));
    }
    // The kernel returns from this update only after all programs that saw the old map have ended.
    if (int error =
            bpf_map__update_elem(skeleton_->maps.active_counts, &zero, sizeof(zero), &idle_fd, sizeof(idle_fd), 0)) {
      return Error(absl::StatusCode::kInternal, "flipping the maps of counts: {}", ErrnoText(error));
    }
    RawInterval interval;
    interval.generation = generation_;
    interval.start = interval_start_;
    interval.end = interval_start_ = clock_.Boot();
    active_ ^= 1;
    generation_ = next;
    RETURN_IF_ERROR(Drain(full, interval.counts));
    ForgetLabelSets();
    last_fill_ = interval.counts.size();
    for (const CpuTicks& ticks : TicksByCpu()) {
      for (const auto& [outcome, count] : ticks.outcomes) interval.outcomes[outcome] += count;
    }
    return interval;
  }

  absl::StatusOr<bool> FollowHotplug() override {
    ASSIGN_OR_RETURN(std::vector<int> online, OnlineCpus());
    bool changed = false;
    std::erase_if(ticks_, [&](const auto& tick) {
      const bool gone = std::find(online.begin(), online.end(), tick.first) == online.end();
      if (gone) ledger_.Close(tick.first);
      changed |= gone;
      return gone;
    });
    for (int cpu : online) {
      if (ticks_.contains(cpu)) continue;
      ASSIGN_OR_RETURN(UniqueFd tick, OpenTick(cpu, period_ns_, options_.hardware_cycles, options_.sample_hz));
      // The attachment lives as long as the event.
      if (ioctl(tick.get(), PERF_EVENT_IOC_SET_BPF, bpf_program__fd(skeleton_->progs.cpu_sampler)) ||
          ioctl(tick.get(), PERF_EVENT_IOC_ENABLE, 0)) {
        return Error(absl::StatusCode::kFailedPrecondition, "starting the tick of CPU {}: {}", cpu, ErrnoText(errno));
      }
      ledger_.Open(cpu, ReadMoment().Of(cpu));
      ticks_.emplace(cpu, std::move(tick));
      changed = true;
    }
    cpus_ = ticks_.size();
    return changed;
  }

  size_t cpus() const override { return cpus_; }

  std::vector<CpuTicks> TicksByCpu() const override {
    const Moment moment = ReadMoment();
    std::vector<CpuTicks> all(moment.totals.size());
    for (int cpu = 0; cpu < static_cast<int>(all.size()); ++cpu) {
      CpuTicks& ticks = all[cpu];
      ticks.cpu = cpu;
      for (size_t outcome = 0; outcome < OUTCOME_COUNT; ++outcome) {
        ticks.outcomes[kOutcomes[outcome].label] = moment.totals[cpu].outcomes[outcome];
      }
      if (options_.hardware_cycles) continue;  // cycles follow the CPU's clock: nothing says how many are due
      const TickLedger::Undelivered undelivered = ledger_.Account(cpu, moment.Of(cpu));
      ticks.outcomes[kOutcomes[OUTCOME_IDLE].label] += undelivered.idle;
      ticks.outcomes[kOutcomes[OUTCOME_NOT_DELIVERED].label] += undelivered.lost;
    }
    return all;
  }

  ProgramStats Stats() const override {
    std::vector<profd_program_stats> runs;
    for (const profd_sampler_totals& totals : ReadPerCpu<profd_sampler_totals>(skeleton_->maps.totals, 0)) {
      runs.push_back(totals.runs);
    }
    return ToProgramStats(skeleton_->progs.cpu_sampler, runs);
  }

  SharedMaps shared_maps() const override {
    return {.go_processes = bpf_map__fd(skeleton_->maps.go_processes),
            .excluded = bpf_map__fd(skeleton_->maps.excluded),
            .readings = bpf_map__fd(skeleton_->maps.readings),
            .readings_lost = bpf_map__fd(skeleton_->maps.readings_lost),
            .suspects = bpf_map__fd(skeleton_->maps.suspects)};
  }

  std::vector<MapFill> MapFills() const override {
    return {
        {.name = "counts", .entries = last_fill_.load(), .max_entries = bpf_map__max_entries(skeleton_->maps.counts_a)},
        {.name = "go_processes",
         .entries = go_processes_.load(),
         .max_entries = bpf_map__max_entries(skeleton_->maps.go_processes)},
        {.name = "excluded",
         .entries = excluded_.load(),
         .max_entries = bpf_map__max_entries(skeleton_->maps.excluded)}};
  }

  void NoteGoroutines(bool yes) override { skeleton_->bss->notes_goroutines = yes; }
  void NoteLabels(bool yes) override { skeleton_->bss->notes_labels = yes; }

  absl::Status Exclude(const ProcessId& process) override {
    const __u8 yes = 1;
    return Set(skeleton_->maps.excluded, process, &yes, sizeof(yes), excluded_);
  }

  absl::Status SetGoProcess(const ProcessId& process, const GoFacts& facts, const AddressRange& text) override {
    const profd_go_process go = ToKernel(facts, text);
    return Set(skeleton_->maps.go_processes, process, &go, sizeof(go), go_processes_);
  }

  void Retain(const std::set<ProcessId>& alive) override {
    std::vector<ProcessId> gone;
    std::set_difference(told_.begin(), told_.end(), alive.begin(), alive.end(), std::back_inserter(gone));
    for (const ProcessId& process : gone) Forget(process);
  }

  void Forget(const ProcessId& process) override {
    const bool told = told_.erase(process) > 0;
    const profd_process_id key = ToKernel(process);
    // A probe may have set what nobody was told of.
    const bool was_go = bpf_map__delete_elem(skeleton_->maps.go_processes, &key, sizeof(key), 0) == 0;
    if (!told) return;
    if (was_go) --go_processes_;
    if (bpf_map__delete_elem(skeleton_->maps.excluded, &key, sizeof(key), 0) == 0) --excluded_;
  }

 private:
  // What all CPUs have counted by a moment.
  struct Moment {
    std::chrono::nanoseconds now{};
    std::map<int, std::chrono::nanoseconds> idle;
    std::vector<profd_sampler_totals> totals;

    TickLedger::Reading Of(int cpu) const {
      const auto idle_time = idle.find(cpu);
      const auto& outcomes = totals[cpu].outcomes;
      return {.now = now,
              .delivered = std::accumulate(std::begin(outcomes), std::end(outcomes), uint64_t{0}),
              .delivered_idle = outcomes[OUTCOME_IDLE],
              .idle = idle_time == idle.end() ? std::chrono::nanoseconds{} : idle_time->second};
    }
  };

  Moment ReadMoment() const {
    Moment moment;
    moment.now = std::chrono::steady_clock::now().time_since_epoch();
    const absl::StatusOr<std::string> stat = proc_.Read("stat", 4 << 20);
    if (stat.ok()) moment.idle = ParseIdleTimes(*stat, sysconf(_SC_CLK_TCK));
    moment.totals = ReadPerCpu<profd_sampler_totals>(skeleton_->maps.totals, 0);
    return moment;
  }

  absl::Status Set(bpf_map* map, const ProcessId& process, const void* value, size_t size,
                   std::atomic<uint64_t>& entries) {
    const profd_process_id key = ToKernel(process);
    const int error = bpf_map__update_elem(map, &key, sizeof(key), value, size, BPF_ANY);
    if (error) {
      return Error(absl::StatusCode::kResourceExhausted, "{} of pid {}: {}", bpf_map__name(map), key.tgid,
                   ErrnoText(error));
    }
    if (told_.insert(process).second) ++entries;
    return absl::OkStatus();
  }

  absl::Status Drain(bpf_map* map, std::vector<RawCount>& out) {
    constexpr __u32 kBatch = 512;
    const size_t cpus = PossibleCpus();
    std::vector<profd_count_key> keys(kBatch);
    std::vector<profd_count> values(kBatch * cpus);
    __u32 cursor = 0, next_cursor = 0;
    bool first = true;
    for (;;) {
      __u32 count = kBatch;
      const int error = bpf_map_lookup_and_delete_batch(bpf_map__fd(map), first ? nullptr : &cursor, &next_cursor,
                                                        keys.data(), values.data(), &count, nullptr);
      if (error && error != -ENOENT) return Error(absl::StatusCode::kInternal, "draining counts: {}", ErrnoText(error));
      for (__u32 i = 0; i < count; ++i) out.push_back(Sum(keys[i], &values[i * cpus], cpus));
      if (error == -ENOENT) return absl::OkStatus();
      cursor = next_cursor;
      first = false;
    }
  }

  // Those of the generation that ended. One of the new generation is sent again.
  void ForgetLabelSets() {
    const int fd = bpf_map__fd(skeleton_->maps.label_sets);
    __u64 hash = 0;
    for (__u32 i = bpf_map__max_entries(skeleton_->maps.label_sets); i > 0; --i) {
      if (bpf_map_get_next_key(fd, nullptr, &hash) || bpf_map_delete_elem(fd, &hash)) return;
    }
  }

  // Adds up what the CPUs counted under one key.
  static RawCount Sum(const profd_count_key& key, const profd_count* parts, size_t cpus) {
    RawCount sum;
    sum.process = {
        .tgid = key.process.tgid, .exec_id = key.process.exec_id, .start_time_ns = key.process.start_time_ns};
    sum.tid = key.tid;
    sum.goroutine = key.goroutine;
    sum.labels = key.labels;
    sum.user_hash = key.user_hash;
    sum.kernel_hash = key.kernel_hash;
    sum.repeats.assign(PROFD_MAX_FOLDS, 0);
    for (size_t cpu = 0; cpu < cpus; ++cpu) {
      const profd_count& part = parts[cpu];
      sum.ticks += part.ticks;
      sum.last_seen = std::max(sum.last_seen, BootTime(part.last_seen_ns));
      sum.stack_bytes = std::max<uint64_t>(sum.stack_bytes, part.stack_bytes);
      for (size_t i = 0; i < PROFD_MAX_FOLDS; ++i) sum.repeats[i] = std::max<uint64_t>(sum.repeats[i], part.repeats[i]);
      if (sum.thread_name.empty()) sum.thread_name = DecodeComm(part.comm);
    }
    while (!sum.repeats.empty() && sum.repeats.back() == 0) sum.repeats.pop_back();
    return sum;
  }

  const SamplerOptions options_;
  const uint64_t period_ns_;
  SystemClock clock_;
  RealProcFs proc_;
  SkeletonPtr<cpu_sampler> skeleton_;
  mutable TickLedger ledger_;
  ring_buffer* ring_ = nullptr;
  std::vector<RawStack> stacks_;  // filled by the ring's callback, as the labels are
  std::vector<RawLabels> labels_;
  std::map<int, UniqueFd> ticks_;
  std::set<ProcessId> told_;  // processes that the kernel side was told something about
  int active_ = 0;
  uint32_t generation_ = 0;
  BootTime interval_start_{};
  // Read by other threads for the status.
  std::atomic<uint64_t> last_fill_ = 0, go_processes_ = 0, excluded_ = 0;
  std::atomic<size_t> cpus_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Sampler>> Sampler::Create(const SamplerOptions& options) {
  LibbpfLog log;
  SkeletonPtr<cpu_sampler> skeleton(cpu_sampler__open(), cpu_sampler__destroy);
  if (!skeleton) return LibbpfError("opening the sampler's BPF object", errno, log);
  if (getrandom(const_cast<__u64*>(&skeleton->rodata->hash_seed), sizeof(__u64), 0) != sizeof(__u64)) {
    return Error(absl::StatusCode::kInternal, "getrandom: {}", ErrnoText(errno));
  }
  skeleton->rodata->has_exclusions = options.has_exclusions;
  bpf_map__set_max_entries(skeleton->maps.counts_a, CountsCapacity(options));
  bpf_map__set_max_entries(skeleton->maps.counts_b, CountsCapacity(options));
  bpf_map__set_max_entries(skeleton->maps.stacks, RingBytes(options));
  if (int error = cpu_sampler__load(skeleton.get()))
    return LibbpfError("loading the sampler into the kernel", error, log);
  auto sampler = std::make_unique<BpfSampler>(options, std::move(skeleton));
  RETURN_IF_ERROR(sampler->Init());
  return sampler;
}

}  // namespace profd
