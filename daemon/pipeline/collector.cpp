#include "pipeline/collector.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <set>

namespace profd {
namespace {

// After a wake-up the rings are read some time later, at random: on a busy machine one reading then serves many
// records, and profd's own work falls anywhere between two ticks. A tick wakes the collector; if that began at once,
// the tick of the next CPU would find it at work each time.
constexpr std::chrono::microseconds kMostReadDelay{60'000};

}  // namespace

absl::StatusOr<std::unique_ptr<Collector>> Collector::Create(Sampler* sampler, ProcessMonitor* monitor,
                                                             BoundedQueue<RawBatch>* out,
                                                             std::function<void(const absl::Status&)> on_error) {
  std::unique_ptr<Collector> collector(new Collector(sampler, monitor, out, std::move(on_error)));
  collector->wakeup_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!collector->wakeup_) return Error(absl::StatusCode::kInternal, "eventfd: {}", ErrnoText(errno));
  RETURN_IF_ERROR(collector->Watch());
  collector->last_flip_ = collector->clock_.Boot();
  collector->thread_ = std::jthread([c = collector.get()](std::stop_token stop) { c->Run(stop); });
  return collector;
}

Collector::~Collector() { Stop(); }

void Collector::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  Wake();
  thread_.join();
}

// A new epoll set each time: the set of rings changes with the CPUs.
absl::Status Collector::Watch() {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return Error(absl::StatusCode::kInternal, "epoll_create1: {}", ErrnoText(errno));
  std::vector<int> fds = monitor_->mapping_fds();
  fds.push_back(monitor_->events_fd());
  fds.push_back(sampler_->stacks_fd());
  fds.push_back(wakeup_.get());
  for (int fd : fds) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event)) {
      return Error(absl::StatusCode::kInternal, "epoll_ctl: {}", ErrnoText(errno));
    }
  }
  return absl::OkStatus();
}

void Collector::Wake() {
  const uint64_t one = 1;
  (void)!write(wakeup_.get(), &one, sizeof(one));
}

uint64_t Collector::RequestFlip() {
  const uint64_t number = ++flips_requested_;
  Wake();
  return number;
}

void Collector::Post(std::function<void(Sampler&)> task) {
  {
    std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(task));
  }
  Wake();
}

void Collector::RunPosted() {
  std::vector<std::function<void(Sampler&)>> posted;
  {
    std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (auto& task : posted) task(*sampler_);
}

// Until something is to be read, a flip is due, or somebody wakes us.
void Collector::Wait() {
  const BootTime due = flips_requested_.load() > flips_done_ ? last_flip_ + kLeastFlipGap : last_flip_ + kInterval;
  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(due - clock_.Boot()).count() + 1;
  epoll_event events[4];
  if (timeout > 0) epoll_wait(epoll_.get(), events, 4, static_cast<int>(std::min<int64_t>(timeout, 10'000)));
  uint64_t count;
  (void)!read(wakeup_.get(), &count, sizeof(count));
}

void Collector::Run(std::stop_token stop) {
  std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int64_t> delay(0, kMostReadDelay.count());
  while (!stop.stop_requested()) {
    Wait();
    std::this_thread::sleep_for(std::chrono::microseconds(delay(random)));
    RunPosted();
    const BootTime now = clock_.Boot();
    const bool asked = flips_requested_.load() > flips_done_;
    Collect((asked && now >= last_flip_ + kLeastFlipGap) || now >= last_flip_ + kInterval);
  }
  Collect(true);
  out_->Close();
}

void Collector::ForgetGone(const std::vector<ProcessEvent>& events) {
  for (const ProcessEvent& event : events) {
    if (event.kind != ProcessEvent::Kind::kExec && event.kind != ProcessEvent::Kind::kExit) continue;
    ProcessId gone = event.process;
    if (event.kind == ProcessEvent::Kind::kExec) gone.exec_id -= 1;
    sampler_->Forget(gone);
  }
}

void Collector::Collect(bool flip) {
  RawBatch batch;
  if (flip) {
    batch.flip = flips_done_ = flips_requested_.load();
    auto interval = sampler_->Flip();
    last_flip_ = clock_.Boot();
    auto tasks = monitor_->ListTasks();
    for (const absl::Status& status : {interval.status(), tasks.status()}) {
      if (!status.ok()) on_error_(status);
    }
    if (interval.ok()) {
      if (tasks.ok()) {
        std::set<ProcessId> alive;
        for (const TaskUsage& task : *tasks) alive.insert(task.process);
        sampler_->Retain(alive);
        interval->usage = *std::move(tasks);
      }
      batch.interval = *std::move(interval);
    }
    auto ticks = sampler_->FollowHotplug();
    auto rings = monitor_->FollowHotplug();
    if (!ticks.ok()) on_error_(ticks.status());
    if (!rings.ok()) on_error_(rings.status());
    if (rings.ok() && *rings) {
      if (absl::Status watched = Watch(); !watched.ok()) on_error_(watched);
    }
  }
  // Stacks first: whatever event explains one happened before it, and is in its ring by now.
  sampler_->ReadStacks(batch.stacks, batch.labels);
  monitor_->Read(batch.processes, batch.mappings);
  ForgetGone(batch.processes);
  if (batch.stacks.empty() && batch.labels.empty() && batch.processes.empty() && batch.mappings.empty() && !flip)
    return;

  uint64_t ticks = 0;
  if (batch.interval) {
    for (const RawCount& count : batch.interval->counts) ticks += count.ticks;
  }
  const size_t bytes = batch.ApproximateBytes();
  if (!out_->Push(std::move(batch), bytes)) ticks_dropped_ += ticks;
}

}  // namespace profd
