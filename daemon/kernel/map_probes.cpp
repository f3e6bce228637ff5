#include "kernel/map_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <thread>

#include "kernel/bpf_object.h"
#include "kernel/calibration.h"
#include "kernel/perf_event.h"
#include "kernel/to_kernel.h"
#include "map_probes.skel.h"
#include "shared/map_abi.h"

namespace profd {
namespace {

// The last place in the kernel is of the probe in profd itself.
constexpr uint32_t kOwnSlot = PROFD_MAP_WINDOWS - 1;
static_assert(MapProber::kSlots <= kOwnSlot);
static_assert(MapProber::kBreakpoints == PROFD_MAP_BREAKPOINTS);
static_assert(static_cast<int>(MapFunction::Key::kNone) == PROFD_MAP_KEY_NONE);
static_assert(static_cast<int>(MapFunction::Key::kString) == PROFD_MAP_KEY_STRING);
static_assert(static_cast<int>(MapFunction::Key::kInterface) == PROFD_MAP_KEY_SYNC);
static_assert(static_cast<int>(MapFunction::Key::kNoneOfSync) == PROFD_MAP_KEY_NONE_OF_SYNC);

static_assert(static_cast<int>(MapFunction::Key::kNoneOfSync) < PROFD_MAP_KEY_USER);

__u64 CookieOf(uint32_t slot, const MapProbeSite& site) {
  if (!site.arguments) return PROFD_MAP_COOKIE(slot, site.function, static_cast<__u64>(site.key));
  const MapArguments& in = *site.arguments;
  return PROFD_MAP_COOKIE(slot, site.function, PROFD_MAP_KEY_USER) |
         PROFD_MAP_USER_COOKIE(in.map, in.key, in.key_length, in.key_kind);
}

class BpfMapProbes final : public MapProbes {
 public:
  BpfMapProbes(ProbeHolder* holder, SkeletonPtr<map_probes> skeleton, bool multi)
      : holder_(holder), skeleton_(std::move(skeleton)), multi_(multi) {}
  ~BpfMapProbes() override { ring_buffer__free(ring_); }

  absl::Status Init() {
    LibbpfLog log;
    ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.map_hits), OnRecord, this, nullptr);
    if (!ring_) return LibbpfError("mapping the ring of map hits", errno, log);
    CalibrateBreakpoints();  // before there is a probe in that function
    return Calibrate();
  }

  absl::Status Open(uint32_t slot, const MapWindowSpec& spec) override {
    profd_map_window window{.process = ToKernel(spec.process),
                            .number = spec.number,
                            .most_hits = spec.most_hits,
                            .header = spec.swiss ? PROFD_MAP_HEADER_SWISS : PROFD_MAP_HEADER_HMAP,
                            .g_goid = spec.g_goid,
                            .g_stack_hi = spec.g_stack_hi,
                            .key_text = spec.key_text,
                            .skip_hits = spec.skip_hits};
    if (int error =
            bpf_map__update_elem(skeleton_->maps.map_windows, &slot, sizeof(slot), &window, sizeof(window), BPF_ANY)) {
      return Error(absl::StatusCode::kInternal, "a window's place in the kernel: {}", ErrnoText(error));
    }
    SetArmed(slot, spec.thread != 0);
    if (spec.thread != 0) {
      ASSIGN_OR_RETURN(breakpoints_.at(slot), SetBreakpoints(slot, spec));
    } else {
      ASSIGN_OR_RETURN(probes_.at(slot), Attach(slot, spec));
    }
    return absl::OkStatus();
  }

  void SetArmed(uint32_t slot, bool armed) override { skeleton_->bss->armed[slot] = armed ? 1 : 0; }

  MapWindowCount Close(uint32_t slot) override {
    SetArmed(slot, false);
    probes_.at(slot) = {};
    Breakpoints& breakpoints = breakpoints_.at(slot);
    // First all traps, then the programs that count them.
    for (const UniqueFd& event : breakpoints.events) ioctl(event.get(), PERF_EVENT_IOC_DISABLE, 0);
    breakpoints = {};
    return CountOf(slot);
  }

  int hits_fd() const override { return ring_buffer__epoll_fd(ring_); }

  void Read(std::vector<MapHit>& out) override {
    out_ = &out;
    ring_buffer__consume(ring_);
    out_ = nullptr;
  }

  std::chrono::nanoseconds trap_cost() const override { return trap_cost_.load(); }

  // The median of the latest: others use the CPUs too.
  void MeasureTrapCost() override {
    if (!multi_) return;
    constexpr size_t kMostMeasured = 15;
    constexpr int kHits = 250;
    measured_.push_back(MeasureOwnTrap(kHits));
    if (measured_.size() > kMostMeasured) measured_.pop_front();
    std::vector<std::chrono::nanoseconds> sorted(measured_.begin(), measured_.end());
    const auto middle = sorted.begin() + static_cast<ptrdiff_t>((sorted.size() - 1) / 2);
    std::ranges::nth_element(sorted, middle);
    trap_cost_ = *middle;
  }

  std::optional<std::chrono::nanoseconds> breakpoint_cost() const override { return breakpoint_cost_; }

  std::vector<ProgramStats> Stats() const override {
    const auto stats = [this](const bpf_program* program, __u32 key) {
      return ToProgramStats(program, ReadPerCpu<profd_program_stats>(skeleton_->maps.program_stats, key));
    };
    return {stats(Program(), PROFD_MAP_PROBE), stats(skeleton_->progs.map_breakpoint, PROFD_MAP_BREAKPOINT)};
  }

  uint64_t lost_hits() const override {
    const __u32 zero = 0;
    __u64 lost = 0;
    bpf_map__lookup_elem(skeleton_->maps.map_hits_lost, &zero, sizeof(zero), &lost, sizeof(lost), 0);
    return lost;
  }

  const char* mechanism() const override {
    if (multi_) return breakpoint_cost_ ? "uprobe_multi, breakpoints" : "uprobe_multi";
    return breakpoint_cost_ ? "breakpoints" : "perf uprobe";
  }
  bool of_one_process() const override { return multi_; }

  // The kernel looks at a place again, in all processes, when a probe there goes; this one is in profd itself, where
  // that file is not mapped.
  absl::Status Sweep(int fd, const std::vector<MapProbeSite>& sites) override {
    if (!multi_) return absl::OkStatus();  // none are put there
    std::vector<ProbeSite> places;
    for (const MapProbeSite& site : sites) places.push_back({.offset = site.offset});
    return holder_->Attach(bpf_program__fd(Program()), multi_, getpid(), fd, places).status();
  }

 private:
  struct Breakpoints {
    std::vector<UniqueFd> events, links;
  };
  MapWindowCount CountOf(uint32_t slot) const {
    profd_map_window window{};
    bpf_map__lookup_elem(skeleton_->maps.map_windows, &slot, sizeof(slot), &window, sizeof(window), 0);
    return {.hits = window.hits,
            .other_hits = window.other_hits,
            .program = std::chrono::nanoseconds(window.program_ns),
            .armed_hits = window.armed_hits,
            .first = BootTime(window.first_ns),
            .program_of_told = std::chrono::nanoseconds(window.sent_ns)};
  }

  bpf_program* Program() const { return multi_ ? skeleton_->progs.map_probe_multi : skeleton_->progs.map_probe; }

  static int OnRecord(void* context, void* data, size_t size) {
    auto* self = static_cast<BpfMapProbes*>(context);
    if (self->out_) DecodeMapHit(data, size, *self->out_);
    return 0;
  }

  // On a function of our own, from a thread that is not the first: the filter has to take all threads of a process. The
  // probe stays, to measure again, where it is of one process.
  absl::Status Calibrate() {
    ASSIGN_OR_RETURN(const CalibrationSite site, FindCalibrationSite());
    MapWindowSpec spec{.process = {.tgid = static_cast<uint32_t>(getpid())}, .fd = site.file.get()};
    spec.sites = {{.offset = site.offset}};
    RETURN_IF_ERROR(Open(kOwnSlot, spec));
    std::thread([this] { trap_cost_ = MeasureOwnTrap(kCalibrationHits); }).join();
    if (!multi_) probes_.at(kOwnSlot) = {};
    const MapWindowCount count = CountOf(kOwnSlot);
    const uint64_t hits = count.hits + count.other_hits;
    if (hits < kCalibrationHits) {
      return Error(absl::StatusCode::kFailedPrecondition, "a probe in profd itself was hit {} times in {} calls", hits,
                   kCalibrationHits);
    }
    return absl::OkStatus();
  }

  std::chrono::nanoseconds MeasureOwnTrap(int hits) const {
    return MeasureTrap([this] { return CountOf(kOwnSlot).program; }, hits);
  }

  // Machines without them do without.
  void CalibrateBreakpoints() {
    const auto site = FindCalibrationSite();
    if (!site.ok()) return;
    MapWindowSpec spec{.process = {.tgid = static_cast<uint32_t>(getpid())}, .most_hits = kCalibrationHits};
    spec.sites = {{.offset = site->offset}};
    spec.thread = static_cast<uint32_t>(gettid());
    spec.load_bias = site->address - site->offset;
    if (!Open(0, spec).ok()) return;
    const std::chrono::nanoseconds took = MeasureTrap([this] { return CountOf(0).program; });
    const MapWindowCount count = Close(0);
    const uint64_t hits = count.hits + count.other_hits;
    if (hits < kCalibrationHits) return;
    if (auto event = OpenIdleThreadEvent(); event.ok()) keeps_warm_ = *std::move(event);
    breakpoint_cost_ = took;
  }

  // As many as there are to be had: a debugger may have some. Limited before they are enabled, or the first hits would
  // have no end.
  absl::StatusOr<Breakpoints> SetBreakpoints(uint32_t slot, const MapWindowSpec& spec) {
    Breakpoints set;
    for (const MapProbeSite& site : std::span(spec.sites).first(std::min(spec.sites.size(), kBreakpoints))) {
      auto event = OpenBreakpoint(static_cast<pid_t>(spec.thread), site.offset + spec.load_bias);
      if (absl::IsResourceExhausted(event.status()) && !set.events.empty()) break;
      if (!event.ok()) return event.status();
      const __u64 cookie = PROFD_MAP_COOKIE(slot, site.function, static_cast<__u64>(site.key)) |
                           PROFD_MAP_BREAKPOINT_COOKIE(set.events.size());
      LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event = {.bpf_cookie = cookie});
      set.links.emplace_back(
          bpf_link_create(bpf_program__fd(skeleton_->progs.map_breakpoint), event->get(), BPF_PERF_EVENT, &opts));
      if (!set.links.back()) {
        return Error(absl::StatusCode::kInternal, "the program of a breakpoint: {}", ErrnoText(errno));
      }
      set.events.push_back(*std::move(event));
    }
    // The events keep their thread. A thread of that number may be another process's by now.
    if (access(fmt::format("/proc/{}/task/{}", spec.process.tgid, spec.thread).c_str(), F_OK) != 0) {
      return Error(absl::StatusCode::kNotFound, "pid {} has no thread {}", spec.process.tgid, spec.thread);
    }
    for (const UniqueFd& event : set.events) {
      if (ioctl(event.get(), PERF_EVENT_IOC_REFRESH, spec.most_hits)) {
        return Error(absl::StatusCode::kInternal, "enabling a breakpoint: {}", ErrnoText(errno));
      }
    }
    return set;
  }

  absl::StatusOr<HeldProbes> Attach(uint32_t slot, const MapWindowSpec& spec) {
    std::vector<ProbeSite> places;
    for (const MapProbeSite& site : spec.sites) places.push_back({site.offset, CookieOf(slot, site)});
    return holder_->Attach(bpf_program__fd(Program()), multi_, static_cast<pid_t>(spec.process.tgid), spec.fd, places);
  }

  ProbeHolder* const holder_;
  SkeletonPtr<map_probes> skeleton_;
  const bool multi_;
  ring_buffer* ring_ = nullptr;
  std::vector<MapHit>* out_ = nullptr;  // while it reads
  std::array<HeldProbes, kOwnSlot + 1> probes_;
  std::array<Breakpoints, kSlots> breakpoints_;
  std::deque<std::chrono::nanoseconds> measured_;
  std::atomic<std::chrono::nanoseconds> trap_cost_{};
  std::optional<std::chrono::nanoseconds> breakpoint_cost_;
  UniqueFd keeps_warm_;
};

absl::StatusOr<std::unique_ptr<BpfMapProbes>> Load(ProbeHolder* holder, bool multi) {
  LibbpfLog log;
  SkeletonPtr<map_probes> skeleton(map_probes__open(), map_probes__destroy);
  if (!skeleton) return LibbpfError("opening the map probes' BPF object", errno, log);
  if (getrandom(const_cast<__u64*>(&skeleton->rodata->hash_seed), sizeof(__u64), 0) != sizeof(__u64)) {
    return Error(absl::StatusCode::kInternal, "getrandom: {}", ErrnoText(errno));
  }
  bpf_program__set_autoload(skeleton->progs.map_probe_multi, multi);
  bpf_program__set_autoload(skeleton->progs.map_probe, !multi);
  if (int error = map_probes__load(skeleton.get())) return LibbpfError("loading the map probes", error, log);
  auto loaded = std::make_unique<BpfMapProbes>(holder, std::move(skeleton), multi);
  RETURN_IF_ERROR(loaded->Init());
  return loaded;
}

}  // namespace

bool DecodeMapHit(const void* data, size_t size, std::vector<MapHit>& out) {
  profd_map_hit_record record;
  if (size < sizeof(record)) return false;
  std::memcpy(&record, data, sizeof(record));
  if (record.header.kind != PROFD_RECORD_MAP_HIT) return false;
  MapHit hit{.window = record.window,
             .time = BootTime(record.header.time_ns),
             .tid = record.tid,
             .function = static_cast<uint8_t>(record.function),
             .goroutine = record.goroutine,
             .caller = record.caller,
             .parent = record.parent,
             .map = record.map,
             .type = record.type,
             .entries = record.entries,
             .room = record.room,
             .key_hash = record.key_hash,
             .key_size = record.key_size,
             .stack_bytes = record.stack_bytes,
             .nil = (record.flags & PROFD_MAP_IS_NIL) != 0,
             .unreadable = (record.flags & PROFD_MAP_UNREADABLE) != 0,
             .being_written = (record.flags & PROFD_MAP_BEING_WRITTEN) != 0,
             .overflows = (record.flags & PROFD_MAP_OVERFLOWS) != 0,
             .last = (record.flags & PROFD_MAP_LAST_HIT) != 0};
  hit.key.assign(reinterpret_cast<const char*>(record.key), std::min<size_t>(record.key_size, sizeof(record.key)));
  // Not wanted, or all zeros anyway.
  if (hit.key.find_first_not_of('\0') == std::string::npos) hit.key.clear();
  out.push_back(std::move(hit));
  return true;
}

absl::StatusOr<std::unique_ptr<MapProbes>> MapProbes::Create(ProbeHolder* holder) {
  // Tried for real: before Linux 6.6 there is no uprobe_multi, before 6.10 its filter takes one thread of a process.
  auto loaded = Load(holder, true);
  if (!loaded.ok()) loaded = Load(holder, false);
  if (!loaded.ok()) return loaded.status();
  return std::unique_ptr<MapProbes>(*std::move(loaded));
}

}  // namespace profd
