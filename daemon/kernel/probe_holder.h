// Probes in files of programs, and the process that puts them there and takes them away.
//
// A task that is being killed cannot write to other processes' code: a profd that is killed (SIGKILL) while it puts
// breakpoints in, or takes them out, would leave some for ever. So a process of its own does both. It is not told to
// end: when profd is gone it takes away all there is, and ends. Both hold what is in place, so that it stays if that
// process is killed; profd does its work then.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace profd {

struct ProbeSite {
  uint64_t offset = 0;  ///< in the file
  uint64_t cookie = 0;
};

class ProbeHolder;
struct ProbeRequest;
struct ProbeAnswer;

/// They are there as long as this is. Destroying it blocks until they are gone. The holder outlives it.
class HeldProbes {
 public:
  HeldProbes() = default;
  HeldProbes(HeldProbes&& other) noexcept { *this = std::move(other); }
  HeldProbes& operator=(HeldProbes&& other) noexcept;
  ~HeldProbes();

 private:
  friend class ProbeHolder;
  HeldProbes(ProbeHolder* holder, uint32_t number, std::vector<UniqueFd> links)
      : holder_(holder), number_(number), links_(std::move(links)) {}

  ProbeHolder* holder_ = nullptr;
  uint32_t number_ = 0;  // by which the process knows them; 0: it does not
  std::vector<UniqueFd> links_;
};

/// Thread safe.
class ProbeHolder {
 public:
  /// Forks: before there are other threads. The process keeps the signals blocked that are so now. `on_error` is told
  /// once if it ends too soon, from any thread.
  static absl::StatusOr<std::unique_ptr<ProbeHolder>> Start(std::function<void(const absl::Status&)> on_error);
  /// Waits for its end.
  ~ProbeHolder();
  ProbeHolder(const ProbeHolder&) = delete;
  ProbeHolder& operator=(const ProbeHolder&) = delete;

  /// Runs the BPF program at these places of the file `fd`. `multi`: one link for all, in the process `pid` (0: in
  /// all); else a link for each, in all processes. By descriptor: nobody parses the file, nor finds another by its
  /// name. Unimplemented: this kernel does not take it; ResourceExhausted: memory or descriptors ran out;
  /// PermissionDenied.
  absl::StatusOr<HeldProbes> Attach(int program, bool multi, pid_t pid, int fd, std::span<const ProbeSite> sites);

  pid_t pid() const { return pid_; }
  /// That its process has used.
  std::chrono::nanoseconds cpu_time() const;

 private:
  friend class HeldProbes;
  ProbeHolder(pid_t pid, std::vector<UniqueFd> sockets, std::function<void(const absl::Status&)> on_error)
      : pid_(pid), on_error_(std::move(on_error)), idle_(std::move(sockets)) {}
  void Release(uint32_t number);
  bool Exchange(int socket, const ProbeRequest& request, std::span<const int> descriptors, ProbeAnswer& answer,
                std::vector<UniqueFd>& links);
  /// One that nobody uses, or waits for one; nothing, if the process is gone.
  UniqueFd TakeSocket();
  /// `usable`: what was asked for was answered.
  void GiveBack(UniqueFd socket, bool usable);

  const pid_t pid_;
  const std::function<void(const absl::Status&)> on_error_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<UniqueFd> idle_;  // under mutex_, as is the rest
  bool gone_ = false;
};

}  // namespace profd
