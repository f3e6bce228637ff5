// A kernel that is none, and windows over it.
#pragma once

#include "probes/map_windows.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

namespace profd {

using namespace std::chrono_literals;

inline constexpr ProcessId kProcess{.tgid = 10, .exec_id = 1, .start_time_ns = 5}, kOther{.tgid = 11};

/// A kernel that has the hits that it is told to have. Thread safe.
class FakeProber final : public MapProber {
 public:
  FakeProber() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  absl::Status Open(uint32_t slot, const MapWindowSpec& spec) override {
    std::lock_guard lock(mutex_);
    if (fails) return Error(absl::StatusCode::kInternal, "no room");
    if (spec.thread != 0 && no_breakpoints_left) return Error(absl::StatusCode::kResourceExhausted, "all taken");
    opened.push_back(spec.process);
    specs.push_back(spec);
    open_[slot] = spec.process;
    for (uint64_t i = 0; i < hits_a_window; ++i) {
      const BootTime soon = SystemClock().Boot() + 5ms;  // it is armed by then
      if (i == 0) first_ = soon;
      ring_.push_back({.window = spec.number,
                       .time = soon,
                       .function = static_cast<uint8_t>(i % 2),
                       .caller = i,
                       .key = i < keys.size() ? keys[i] : "",
                       .last = i + 1 == spec.most_hits});
      if (i + 1 == spec.most_hits) break;
    }
    const uint64_t one = 1;
    if (hits_a_window >= spec.most_hits) (void)!write(fd_.get(), &one, sizeof(one));
    return absl::OkStatus();
  }
  void SetArmed(uint32_t, bool armed) override {
    std::lock_guard lock(mutex_);
    armings.push_back(armed);
  }
  MapWindowCount Close(uint32_t slot) override {
    std::lock_guard lock(mutex_);
    open_.erase(slot);
    const std::chrono::microseconds program(hits_a_window);
    return {.hits = hits_a_window,
            .program = program,
            .armed_hits = hits_a_window,
            .first = rests ? first_ : BootTime{},
            .program_of_told = program};
  }
  int hits_fd() const override { return fd_.get(); }
  void MeasureTrapCost() override { ++measured; }
  void Read(std::vector<MapHit>& out) override {
    std::lock_guard lock(mutex_);
    uint64_t count;
    (void)!read(fd_.get(), &count, sizeof(count));
    for (MapHit& hit : ring_) out.push_back(std::move(hit));
    ring_.clear();
  }
  std::chrono::nanoseconds trap_cost() const override { return 1us; }
  std::optional<std::chrono::nanoseconds> breakpoint_cost() const override { return breakpoint; }
  size_t open() const {
    std::lock_guard lock(mutex_);
    return open_.size();
  }

  std::atomic<uint64_t> hits_a_window = 0;
  std::atomic<bool> fails = false;
  std::vector<ProcessId> opened;
  std::vector<MapWindowSpec> specs;
  std::vector<bool> armings;
  std::optional<std::chrono::nanoseconds> breakpoint;
  bool no_breakpoints_left = false;
  std::atomic<bool> rests = false;  ///< the process, when a window is armed
  std::atomic<int> measured = 0;    ///< times that it was asked to measure the cost of a trap
  std::vector<std::string> keys;    // of the first hits

 private:
  mutable std::mutex mutex_;
  UniqueFd fd_;
  std::map<uint32_t, ProcessId> open_;
  BootTime first_{};  // hit of the newest window
  std::vector<MapHit> ring_;
};

class MapWindowsTest : public ::testing::Test {
 protected:
  MapWindowsTest() {
    auto binary = std::make_shared<MapBinary>();
    binary->path = "/bin/shop";
    binary->fd.Reset(memfd_create("code", MFD_CLOEXEC));
    EXPECT_EQ(write(binary->fd.get(), "0123456789abcdef", 16), 16);
    MapFunction function, of_numbers;
    function.code = of_numbers.code = {.offset = 4, .code = "4567"};
    of_numbers.key = MapFunction::Key::kFast64;
    binary->functions = {function, of_numbers};
    binary->sites = {{.offset = 4}};
    binary_ = binary;
  }
  void Start(bool enabled = true, bool key_text = false) {
    windows_ = std::make_unique<MapWindows>(
        MapWindowsParts{.prober = &prober_,
                        .cpu_time = [](const ProcessId&) { return std::optional(std::chrono::nanoseconds(1h)); },
                        .clock = &clock_,
                        .options = {.length = 50ms},
                        .cpus = 2,
                        .key_text = key_text,
                        .functions_of = [this](const ProcessId&) { return functions_; },
                        .on_window =
                            [this](MapWindow window) {
                              std::lock_guard lock(mutex_);
                              done_.push_back(std::move(window));
                            },
                        .on_error =
                            [this](const absl::Status& status) {
                              std::lock_guard lock(mutex_);
                              errors_.push_back(Message(status));
                            }},
        enabled);
    windows_->Add(kProcess, binary_);
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  }
  size_t done() const {
    std::lock_guard lock(mutex_);
    return done_.size();
  }

  FakeProber prober_;
  SystemClock clock_;
  std::shared_ptr<const MapBinary> binary_;
  mutable std::mutex mutex_;
  MapFunctionSet functions_;
  std::vector<MapWindow> done_;
  std::vector<std::string> errors_;
  std::unique_ptr<MapWindows> windows_;
};

}  // namespace profd
