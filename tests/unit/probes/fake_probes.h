// An attacher that attaches nothing, and binaries for it.
#pragma once

#include <fmt/format.h>

#include <fcntl.h>

#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "probes/go_probes.h"
#include "support/temp_dir.h"

namespace profd {

/// Thread safe.
class FakeAttacher final : public ProbeAttacher {
 public:
  absl::Status Attach(uint32_t binary, int, const GoFacts&, const ProbeSites& sites) override {
    std::unique_lock lock(mutex_);
    log_.push_back(fmt::format("attach {}", binary));
    ready_.wait(lock, [this] { return !blocked_; });
    attached_.erase(binary);
    if (!failure_.empty()) return Error(absl::StatusCode::kInternal, "{}", failure_);
    attached_[binary] = sites;
    return absl::OkStatus();
  }
  void Detach(uint32_t binary) override {
    std::lock_guard lock(mutex_);
    log_.push_back(fmt::format("detach {}", binary));
    attached_.erase(binary);
  }
  std::chrono::nanoseconds trap_cost() const override { return std::chrono::microseconds(1); }

  /// From now on it answers with this error; empty: it works.
  void Fail(const std::string& why) {
    std::lock_guard lock(mutex_);
    failure_ = why;
  }
  void Block(bool blocked) {
    std::lock_guard lock(mutex_);
    blocked_ = blocked;
    ready_.notify_all();
  }
  std::map<uint32_t, ProbeSites> attached() const {
    std::lock_guard lock(mutex_);
    return attached_;
  }
  /// What was asked of it, in order.
  std::vector<std::string> log() const {
    std::lock_guard lock(mutex_);
    return log_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::map<uint32_t, ProbeSites> attached_;
  std::vector<std::string> log_;
  std::string failure_;
  bool blocked_ = false;
};

/// A file with the two functions in it.
class BinaryFile {
 public:
  static constexpr uint64_t kGrowthAt = 0x100, kErrorAt = 0x200;

  BinaryFile() {
    std::string bytes(0x300, '\x90');
    bytes.replace(kGrowthAt, Code().size(), Code());
    bytes.replace(kErrorAt, Code().size(), Code());
    std::ofstream(path_) << bytes;
  }
  /// cmp 0x10(%r14),%rsp; jbe; push %rbp
  static std::string Code() { return "\x49\x3b\x66\x10\x76\x55\x55\x48\x89\xe5"; }
  static GoFacts Facts() {
    GoFacts facts{.version = "go1.24.4", .tls_g_known = true};
    facts.stack_growth = {.offset = kGrowthAt, .code = Code()};
    facts.fatal_error = {.offset = kErrorAt, .code = Code()};
    return facts;
  }
  /// Binary `number`. All of them share this file.
  GoBinary Binary(uint64_t number = 1) const {
    return {.file = {.device = 1, .inode = number},
            .path = fmt::format("/bin/go{}", number),
            .fd = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC)),
            .facts = Facts()};
  }
  /// Somebody writes to it.
  void Change(uint64_t offset) const {
    std::fstream file(path_, std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file << '\x90';
  }

 private:
  testing::TempDir dir_;
  const std::string path_ = dir_ / "go";
};

}  // namespace profd
