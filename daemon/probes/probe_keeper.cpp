#include "probes/probe_keeper.h"

namespace profd {

ProbeKeeper::ProbeKeeper(ProbeAttacher* attacher, CpuTimeOf cpu_time, double budget, bool enabled, const Clock* clock,
                         std::function<void(const ProbedBinary&)> on_new)
    : clock_(clock), on_new_(std::move(on_new)), enabled_(enabled), probes_(attacher, std::move(cpu_time), budget) {
  probes_.SetEnabled(enabled);
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

ProbeKeeper::~ProbeKeeper() = default;

void ProbeKeeper::Post(std::function<void(GoProbes&)> task) {
  std::lock_guard lock(mutex_);
  if (tasks_.size() >= kMostTasks) return;  // its next process brings it again
  tasks_.push_back(std::move(task));
  wake_.notify_one();
}

void ProbeKeeper::Consider(GoBinary binary) {
  auto shared = std::make_shared<GoBinary>(std::move(binary));
  {
    std::lock_guard lock(mutex_);
    if (processes_.size() < kMostProcesses) processes_.insert(shared->process);
  }
  Post([this, shared](GoProbes& probes) {
    if (probes.Consider(std::move(*shared)) && on_new_) on_new_(probes.List().back());
  });
}

void ProbeKeeper::OnEnd(const ProcessId& process) {
  {
    std::lock_guard lock(mutex_);
    if (processes_.erase(process) == 0) return;
  }
  Post([this, process](GoProbes& probes) { probes.OnEnd(process, clock_->Boot()); });
}

void ProbeKeeper::OnCost(const ProbeCost& cost) {
  Post([cost](GoProbes& probes) { probes.OnCost(cost); });
}

void ProbeKeeper::SetEnabled(bool enabled) {
  std::unique_lock lock(mutex_);
  enabled_ = enabled;
  switched_ = false;
  // Ahead of all others.
  tasks_.push_front([this](GoProbes& probes) {
    probes.SetEnabled(enabled_.load());
    std::lock_guard done(mutex_);
    switched_ = true;
    done_.notify_all();
  });
  wake_.notify_one();
  done_.wait(lock, thread_.get_stop_token(), [this] { return switched_; });
}

std::vector<ProbedBinary> ProbeKeeper::List() const {
  std::lock_guard lock(mutex_);
  return list_;
}

void ProbeKeeper::Run(std::stop_token stop) {
  constexpr std::chrono::seconds kSettle{1};
  auto settled = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    std::function<void(GoProbes&)> task;
    {
      std::unique_lock lock(mutex_);
      list_ = probes_.List();
      const auto some = [this] { return !tasks_.empty(); };
      if (probes_.IsOpen()) {
        wake_.wait_for(lock, stop, kSettle, some);
      } else {
        wake_.wait(lock, stop, some);
      }
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
    }
    if (task && !stop.stop_requested()) task(probes_);
    if (const auto now = std::chrono::steady_clock::now(); now - settled >= kSettle) {
      settled = now;
      probes_.Settle(clock_->Boot());
    }
  }
  probes_.SetEnabled(false);
}

}  // namespace profd
