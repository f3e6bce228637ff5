#include "kernel/process_monitor.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>

#include "base/unique_fd.h"
#include "kernel/bpf_object.h"
#include "kernel/perf_event.h"
#include "process_events.skel.h"

namespace profd {
namespace {

class BpfProcessMonitor final : public ProcessMonitor {
 public:
  explicit BpfProcessMonitor(SkeletonPtr<process_events> skeleton) : skeleton_(std::move(skeleton)) {}
  ~BpfProcessMonitor() override { ring_buffer__free(ring_); }

  absl::Status Init() {
    LibbpfLog log;
    // Mappings first: an exec event must find its mappings announced.
    ASSIGN_OR_RETURN(bool changed, FollowHotplug());
    (void)changed;
    if (int error = process_events__attach(skeleton_.get())) return LibbpfError("attaching process events", error, log);
    auto on_event = [](void* context, void* data, size_t size) {
      auto event = DecodeProcessEvent(data, size);
      if (event.ok()) static_cast<BpfProcessMonitor*>(context)->events_.push_back(*std::move(event));
      return 0;
    };
    ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.process_events), on_event, this, nullptr);
    if (!ring_) return LibbpfError("mapping the ring of process events", errno, log);
    return absl::OkStatus();
  }

  int events_fd() const override { return ring_buffer__epoll_fd(ring_); }

  std::vector<int> mapping_fds() const override {
    std::vector<int> fds;
    for (const MappingRing& ring : mappings_) fds.push_back(ring.fd());
    return fds;
  }

  void Read(std::vector<ProcessEvent>& processes, std::vector<MappingEvent>& mappings) override {
    ring_buffer__consume(ring_);
    std::move(events_.begin(), events_.end(), std::back_inserter(processes));
    events_.clear();
    for (MappingRing& ring : mappings_) lost_mappings_ += ring.Read(mappings);
  }

  absl::StatusOr<std::vector<TaskUsage>> ListTasks() override {
    UniqueFd iterator(bpf_iter_create(bpf_link__fd(skeleton_->links.list_tasks)));
    if (!iterator) return Error(absl::StatusCode::kInternal, "creating the task iterator: {}", ErrnoText(errno));
    std::vector<char> records;
    size_t filled = 0;
    for (;;) {
      records.resize(filled + (64 << 10));
      const ssize_t got = read(iterator.get(), records.data() + filled, records.size() - filled);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error(absl::StatusCode::kInternal, "reading the task iterator: {}", ErrnoText(errno));
      if (got == 0) break;
      filled += got;
    }
    return DecodeTasks(records.data(), filled);
  }

  absl::StatusOr<bool> FollowHotplug() override {
    ASSIGN_OR_RETURN(std::vector<int> online, OnlineCpus());
    // The events of a CPU that went are gone for good, also when it comes back.
    const size_t gone = std::erase_if(mappings_, [&](const MappingRing& ring) {
      return std::find(online.begin(), online.end(), ring.cpu()) == online.end();
    });
    std::vector<int> missing;
    for (int cpu : online) {
      const bool known = std::any_of(mappings_.begin(), mappings_.end(), [&](auto& ring) { return ring.cpu() == cpu; });
      if (!known) missing.push_back(cpu);
    }
    for (int cpu : missing) {
      ASSIGN_OR_RETURN(MappingRing ring, MappingRing::Open(cpu));
      mappings_.push_back(std::move(ring));
    }
    return gone > 0 || !missing.empty();
  }

  uint64_t lost_events() const override {
    const __u32 zero = 0;
    __u64 lost = 0;
    bpf_map__lookup_elem(skeleton_->maps.process_events_lost, &zero, sizeof(zero), &lost, sizeof(lost), 0);
    return lost;
  }
  uint64_t lost_mappings() const override { return lost_mappings_; }

  std::vector<ProgramStats> Stats() const override {
    std::vector<ProgramStats> all;
    // In the order of the enum in bpf/process_events.bpf.c.
    for (const bpf_program* program : {skeleton_->progs.process_exec, skeleton_->progs.process_fork,
                                       skeleton_->progs.process_exit, skeleton_->progs.list_tasks}) {
      all.push_back(ToProgramStats(
          program, ReadPerCpu<profd_program_stats>(skeleton_->maps.program_stats, static_cast<uint32_t>(all.size()))));
    }
    return all;
  }

 private:
  SkeletonPtr<process_events> skeleton_;
  ring_buffer* ring_ = nullptr;
  std::vector<ProcessEvent> events_;  // filled by the ring's callback
  std::list<MappingRing> mappings_;
  std::atomic<uint64_t> lost_mappings_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessMonitor>> ProcessMonitor::Create() {
  LibbpfLog log;
  SkeletonPtr<process_events> skeleton(process_events__open_and_load(), process_events__destroy);
  if (!skeleton) return LibbpfError("loading process events into the kernel", errno, log);
  auto monitor = std::make_unique<BpfProcessMonitor>(std::move(skeleton));
  RETURN_IF_ERROR(monitor->Init());
  return monitor;
}

}  // namespace profd
