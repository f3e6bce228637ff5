#include "kernel/tripwires.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "kernel/bpf_object.h"
#include "kernel/calibration.h"
#include "kernel/perf_event.h"
#include "kernel/probe_holder.h"
#include "kernel/to_kernel.h"
#include "shared/abi.h"
#include "tripwires.skel.h"

namespace profd {
namespace {

uint64_t Cookie(uint32_t binary, profd_probe_site site) {
  return uint64_t{binary} << PROFD_PROBE_COOKIE_SITE_BITS | site;
}

class BpfTripwires final : public Tripwires {
 public:
  BpfTripwires(const TripwireOptions& options, ProbeHolder* holder, SkeletonPtr<tripwires> skeleton, bool multi)
      : options_(options), holder_(holder), skeleton_(std::move(skeleton)), multi_(multi) {}
  ~BpfTripwires() override { ring_buffer__free(ring_); }

  absl::Status Init(const SharedMaps& maps) {
    LibbpfLog log;
    ring_ = ring_buffer__new(maps.readings, OnRecord, this, nullptr);
    if (!ring_) return LibbpfError("mapping the ring of readings", errno, log);
    readings_lost_ = maps.readings_lost;
    suspects_map_ = maps.suspects;
    fatal_signal_.reset(bpf_program__attach(skeleton_->progs.fatal_signal));
    if (!fatal_signal_) return LibbpfError("attaching to fatal signals", errno, log);
    oom_kill_.reset(bpf_program__attach(skeleton_->progs.oom_kill));
    if (!oom_kill_) return LibbpfError("attaching to OOM kills", errno, log);
    suspect_exit_.reset(bpf_program__attach(skeleton_->progs.suspect_exit));
    if (!suspect_exit_) return LibbpfError("attaching to the ends of suspects", errno, log);
    return OpenTicks();
  }

  // The price of a hit, on a function of our own. FailedPrecondition: probes cannot be attached like this here.
  absl::Status Calibrate() {
    ASSIGN_OR_RETURN(const CalibrationSite site, FindCalibrationSite());
    const std::array places{ProbeSite{site.offset, Cookie(0, PROFD_SITE_CALIBRATION)}};
    ASSIGN_OR_RETURN(const HeldProbes probe, AttachAt(site.file.get(), places));
    const uint64_t hits = ProgramRuns();
    trap_cost_ = MeasureTrap([this] { return std::chrono::nanoseconds(ProgramTime()); });
    if (ProgramRuns() - hits < kCalibrationHits) {
      return Error(absl::StatusCode::kFailedPrecondition, "a probe in profd itself was hit {} times in {} calls",
                   ProgramRuns() - hits, kCalibrationHits);
    }
    return absl::OkStatus();
  }

  int readings_fd() const override { return ring_buffer__epoll_fd(ring_); }

  void Read(TripwireRecords& out) override {
    out_ = &out;
    ring_buffer__consume(ring_);
    out_ = nullptr;
  }

  absl::Status SetSuspects(const std::set<ProcessId>& suspects) override {
    const __u8 yes = 1;
    for (const ProcessId& process : suspects_) {
      if (suspects.contains(process)) continue;
      const profd_process_id key = ToKernel(process);
      bpf_map_delete_elem(suspects_map_, &key);
    }
    for (const ProcessId& process : suspects) {
      if (suspects_.contains(process)) continue;
      const profd_process_id key = ToKernel(process);
      if (bpf_map_update_elem(suspects_map_, &key, &yes, BPF_ANY)) {
        return Error(absl::StatusCode::kResourceExhausted, "no room for pid {} among the suspects", key.tgid);
      }
    }
    suspects_ = suspects;
    // Each time: a CPU may have come or gone.
    const bool tick = !suspects.empty();
    if (tick) RETURN_IF_ERROR(OpenTicks());
    if (tick == ticking_ && !opened_) return absl::OkStatus();
    for (const auto& [cpu, fd] : ticks_) {
      if (ioctl(fd.get(), tick ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) && errno != ENODEV) {
        return Error(absl::StatusCode::kInternal, "the suspects' tick of CPU {}: {}", cpu, ErrnoText(errno));
      }
    }
    ticking_ = tick;
    opened_ = false;
    return absl::OkStatus();
  }

  absl::Status Attach(uint32_t binary, int fd, const GoFacts& facts, const ProbeSites& sites) override {
    profd_go_binary known{.go = ToKernel(facts, {})};
    // Addresses in it count from the text; so do the places, to find the text by them.
    known.go.text_hi = facts.text_size;
    known.go.tls_slot = facts.tls_slot ? static_cast<uint64_t>(*facts.tls_slot) : 0;
    known.go.max_stack_at = facts.max_stack ? static_cast<uint64_t>(*facts.max_stack) : 0;
    std::vector<ProbeSite> places{{sites.fatal_error, Cookie(binary, PROFD_SITE_FATAL_ERROR)}};
    known.probe_at[PROFD_SITE_FATAL_ERROR] = sites.fatal_error - facts.text_offset;
    // Also where the probe goes: until it is gone it is hit.
    known.probe_at[PROFD_SITE_STACK_GROWTH] = sites.stack_growth - facts.text_offset;
    if (sites.with_growth) {
      places.push_back({sites.stack_growth, Cookie(binary, PROFD_SITE_STACK_GROWTH)});
    }
    if (int error = bpf_map__update_elem(skeleton_->maps.go_binaries, &binary, sizeof(binary), &known, sizeof(known),
                                         BPF_ANY)) {
      return Error(absl::StatusCode::kResourceExhausted, "no room for the binary in the kernel: {}", ErrnoText(error));
    }
    auto probes = AttachAt(fd, places);
    // The old ones stand until the new ones do: nothing is missed in between, and hits twice cost little.
    probes_.erase(binary);
    if (!probes.ok()) {
      bpf_map__delete_elem(skeleton_->maps.go_binaries, &binary, sizeof(binary), 0);
      return probes.status();
    }
    probes_[binary] = *std::move(probes);
    return absl::OkStatus();
  }

  void Detach(uint32_t binary) override {
    probes_.erase(binary);
    bpf_map__delete_elem(skeleton_->maps.go_binaries, &binary, sizeof(binary), 0);
  }

  std::chrono::nanoseconds trap_cost() const override { return trap_cost_; }
  const char* mechanism() const override { return multi_ ? "uprobe_multi" : "perf uprobe"; }

  std::vector<ProgramStats> Stats() const override {
    std::vector<ProgramStats> all;
    // In the order of the enum in bpf/tripwires.bpf.c.
    for (const bpf_program* program : {GoProbe(), skeleton_->progs.fatal_signal, skeleton_->progs.oom_kill,
                                       skeleton_->progs.suspect_tick, skeleton_->progs.suspect_exit}) {
      all.push_back(ToProgramStats(
          program, ReadPerCpu<profd_program_stats>(skeleton_->maps.program_stats, static_cast<uint32_t>(all.size()))));
    }
    return all;
  }

  uint64_t lost_readings() const override {
    const __u32 zero = 0;
    __u64 lost = 0;
    bpf_map_lookup_elem(readings_lost_, &zero, &lost);
    return lost;
  }

 private:
  bpf_program* GoProbe() const { return multi_ ? skeleton_->progs.go_probe_multi : skeleton_->progs.go_probe; }

  static int OnRecord(void* context, void* data, size_t size) {
    auto* self = static_cast<BpfTripwires*>(context);
    if (self->out_) DecodeTripwireRecord(data, size, *self->out_);
    return 0;
  }

  uint64_t ProgramTime() const { return SumOfProbe(&profd_program_stats::total_ns); }
  uint64_t ProgramRuns() const { return SumOfProbe(&profd_program_stats::runs); }
  uint64_t SumOfProbe(__u64 profd_program_stats::*field) const {
    uint64_t total = 0;
    for (const auto& part : ReadPerCpu<profd_program_stats>(skeleton_->maps.program_stats, 0)) total += part.*field;
    return total;
  }

  absl::StatusOr<HeldProbes> AttachAt(int fd, std::span<const ProbeSite> places) {
    return holder_->Attach(bpf_program__fd(GoProbe()), multi_, 0, fd, places);
  }

  absl::Status OpenTicks() {
    ASSIGN_OR_RETURN(const std::vector<int> online, OnlineCpus());
    std::erase_if(ticks_, [&](const auto& tick) { return std::ranges::find(online, tick.first) == online.end(); });
    for (const int cpu : online) {
      if (ticks_.contains(cpu)) continue;
      ASSIGN_OR_RETURN(UniqueFd tick, OpenTick(cpu, 1'000'000'000 / options_.suspect_hz, false, options_.suspect_hz));
      if (ioctl(tick.get(), PERF_EVENT_IOC_SET_BPF, bpf_program__fd(skeleton_->progs.suspect_tick))) {
        return Error(absl::StatusCode::kFailedPrecondition, "the suspects' tick of CPU {}: {}", cpu, ErrnoText(errno));
      }
      ticks_.emplace(cpu, std::move(tick));
      opened_ = true;
    }
    return absl::OkStatus();
  }

  const TripwireOptions options_;
  ProbeHolder* const holder_;
  SkeletonPtr<tripwires> skeleton_;
  const bool multi_;
  ring_buffer* ring_ = nullptr;
  int readings_lost_ = -1, suspects_map_ = -1;  // the sampler's
  TripwireRecords* out_ = nullptr;              // while it reads
  std::set<ProcessId> suspects_;
  std::map<int, UniqueFd> ticks_;
  bool ticking_ = false, opened_ = false;  // they run; there are new ones that do not yet
  Link fatal_signal_, oom_kill_, suspect_exit_;
  std::map<uint32_t, HeldProbes> probes_;  // by binary
  std::chrono::nanoseconds trap_cost_{};
};

absl::StatusOr<std::unique_ptr<BpfTripwires>> Load(const TripwireOptions& options, const SharedMaps& maps,
                                                   ProbeHolder* holder, bool multi) {
  LibbpfLog log;
  SkeletonPtr<tripwires> skeleton(tripwires__open(), tripwires__destroy);
  if (!skeleton) return LibbpfError("opening the tripwires' BPF object", errno, log);
  if (getrandom(const_cast<__u64*>(&skeleton->rodata->hash_seed), sizeof(__u64), 0) != sizeof(__u64)) {
    return Error(absl::StatusCode::kInternal, "getrandom: {}", ErrnoText(errno));
  }
  skeleton->rodata->has_exclusions = options.has_exclusions;
  bpf_program__set_autoload(skeleton->progs.go_probe_multi, multi);
  bpf_program__set_autoload(skeleton->progs.go_probe, !multi);
  for (const auto& [map, fd] :
       {std::pair(skeleton->maps.go_processes, maps.go_processes), std::pair(skeleton->maps.excluded, maps.excluded),
        std::pair(skeleton->maps.readings, maps.readings), std::pair(skeleton->maps.readings_lost, maps.readings_lost),
        std::pair(skeleton->maps.suspects, maps.suspects)}) {
    if (int error = bpf_map__reuse_fd(map, fd)) return LibbpfError("sharing the sampler's maps", error, log);
  }
  if (int error = tripwires__load(skeleton.get())) return LibbpfError("loading the tripwires", error, log);
  auto loaded = std::make_unique<BpfTripwires>(options, holder, std::move(skeleton), multi);
  RETURN_IF_ERROR(loaded->Init(maps));
  RETURN_IF_ERROR(loaded->Calibrate());
  return loaded;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tripwires>> Tripwires::Create(const TripwireOptions& options, const Sampler& sampler,
                                                             ProbeHolder* holder) {
  // Tried for real, with a probe in profd itself: kernels before 6.6 know no uprobe_multi.
  auto loaded = Load(options, sampler.shared_maps(), holder, true);
  if (!loaded.ok()) loaded = Load(options, sampler.shared_maps(), holder, false);
  if (!loaded.ok()) return loaded.status();
  return std::unique_ptr<Tripwires>(*std::move(loaded));
}

}  // namespace profd
