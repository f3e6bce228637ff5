#include "kernel/probe_holder.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <thread>

#include "kernel/bpf_object.h"
#include "probes/priority.h"

namespace profd {

namespace {
constexpr size_t kMostSites = 512;
}  // namespace

struct ProbeRequest {
  uint32_t release;  // the number of what is to go; 0: attach
  uint32_t multi;
  int32_t pid;
  uint32_t count;
  std::array<ProbeSite, kMostSites> sites;
};
struct ProbeAnswer {
  int32_t error;  // errno
  uint32_t number;
};

namespace {

// As many as may be busy at once; the kernel takes a millisecond or two for each.
constexpr size_t kSockets = 8;
constexpr size_t kMostDescriptors = 64;

// One message with what descriptors come with it.
bool Send(int socket, const void* data, size_t size, std::span<const int> descriptors) {
  iovec part{const_cast<void*>(data), size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    *header = {.cmsg_len = CMSG_LEN(descriptors.size_bytes()), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent;
  while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {}
  return sent == static_cast<ssize_t>(size);
}

// The bytes received; 0: the other side is gone.
size_t Receive(int socket, void* data, size_t size, std::vector<UniqueFd>& descriptors) {
  iovec part{data, size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got;
  while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {}
  if (got <= 0) return 0;
  for (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(header))) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::vector<int> received((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(received.data(), CMSG_DATA(header), received.size() * sizeof(int));
    for (const int fd : received) descriptors.emplace_back(fd);
  }
  return static_cast<size_t>(got);
}

// An errno value, or 0.
int AttachMulti(int program, pid_t pid, const char* path, std::span<const ProbeSite> sites,
                std::vector<UniqueFd>& links) {
  std::vector<unsigned long> offsets;
  std::vector<__u64> cookies;
  for (const ProbeSite& site : sites) {
    offsets.push_back(site.offset);
    cookies.push_back(site.cookie);
  }
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.uprobe_multi.path = path;
  options.uprobe_multi.offsets = offsets.data();
  options.uprobe_multi.cookies = cookies.data();
  options.uprobe_multi.cnt = static_cast<__u32>(sites.size());
  options.uprobe_multi.pid = static_cast<__u32>(pid);
  const int link = bpf_link_create(program, 0, BPF_TRACE_UPROBE_MULTI, &options);
  if (link < 0) return -link;
  links.emplace_back(link);
  return 0;
}

// The same by the event source that came before (Documentation: /sys/bus/event_source/devices/uprobe).
int AttachOne(int program, const char* path, const ProbeSite& site, std::vector<UniqueFd>& links) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  if (!(std::ifstream("/sys/bus/event_source/devices/uprobe/type") >> attr.type)) return ENOSYS;
  attr.uprobe_path = reinterpret_cast<uint64_t>(path);
  attr.probe_offset = site.offset;
  const UniqueFd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return errno;
  LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event = {.bpf_cookie = site.cookie});
  const int link = bpf_link_create(program, event.get(), BPF_PERF_EVENT, &options);
  if (link < 0) return -link;
  links.emplace_back(link);  // keeps the event
  return ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) ? errno : 0;
}

int AttachLinks(int program, bool multi, pid_t pid, int fd, std::span<const ProbeSite> sites,
                std::vector<UniqueFd>& links) {
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  if (multi) return AttachMulti(program, pid, path.c_str(), sites, links);
  for (const ProbeSite& site : sites) {
    if (const int error = AttachOne(program, path.c_str(), site, links); error != 0) return error;
  }
  return 0;
}

// What the process does. Each socket has a thread there.
class Holding {
 public:
  void Serve(const UniqueFd& socket) {
    auto request = std::make_unique<ProbeRequest>();
    while (true) {
      std::vector<UniqueFd> descriptors, links;
      if (Receive(socket.get(), request.get(), sizeof(*request), descriptors) == 0) break;
      ProbeAnswer answer{};
      if (request->release != 0) {
        Release(request->release);
      } else if (descriptors.size() != 2) {
        answer.error = EMFILE;  // the kernel had no room for them here
      } else {
        const std::span sites = std::span(request->sites).first(std::min<size_t>(request->count, kMostSites));
        answer.error =
            AttachLinks(descriptors[0].get(), request->multi != 0, request->pid, descriptors[1].get(), sites, links);
      }
      std::vector<int> told;
      if (answer.error == 0) {
        for (const UniqueFd& link : links) told.push_back(link.get());
        if (!links.empty()) answer.number = Keep(std::move(links));
      } else {
        links.clear();  // gone before it is told
      }
      if (!Send(socket.get(), &answer, sizeof(answer), told)) {
        Release(answer.number);  // nobody knows of it
        break;
      }
    }
    shutdown(socket.get(), SHUT_RDWR);  // or profd would wait
  }

 private:
  uint32_t Keep(std::vector<UniqueFd> links) {
    std::lock_guard lock(mutex_);
    held_[++last_] = std::move(links);
    return last_;
  }
  void Release(uint32_t number) {
    std::vector<UniqueFd> links;  // closed without the lock, which takes its time
    std::lock_guard lock(mutex_);
    if (const auto held = held_.find(number); held != held_.end()) {
      links = std::move(held->second);
      held_.erase(held);
    }
  }

  std::mutex mutex_;
  uint32_t last_ = 0;
  std::map<uint32_t, std::vector<UniqueFd>> held_;  // links, by number
};

// The sockets are all that is open here from now on.
[[noreturn]] void HoldProbes(std::vector<UniqueFd> sockets) {
  RunSoonWhenWoken();
  prctl(PR_SET_NAME, "profd-probes");
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, stream);
  std::vector<int> kept;
  for (const UniqueFd& socket : sockets) kept.push_back(socket.get());
  std::ranges::sort(kept);
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (first < static_cast<unsigned>(fd)) close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  close_range(first, ~0U, 0);
  {
    Holding holding;
    std::vector<std::jthread> threads;
    threads.reserve(sockets.size());
    for (const UniqueFd& socket : sockets) threads.emplace_back([&holding, &socket] { holding.Serve(socket); });
    threads.clear();  // they end with profd
  }
  _exit(0);
}

}  // namespace

HeldProbes& HeldProbes::operator=(HeldProbes&& other) noexcept {
  if (this == &other) return *this;
  std::swap(holder_, other.holder_);
  std::swap(number_, other.number_);
  links_.swap(other.links_);
  return *this;
}

HeldProbes::~HeldProbes() {
  links_.clear();  // the process's are the last
  if (number_ != 0) holder_->Release(number_);
}

absl::StatusOr<std::unique_ptr<ProbeHolder>> ProbeHolder::Start(std::function<void(const absl::Status&)> on_error) {
  std::vector<UniqueFd> ours, theirs;
  for (size_t i = 0; i < kSockets; ++i) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
      return Error(absl::StatusCode::kUnavailable, "a socket for the process that holds probes: {}", ErrnoText(errno));
    }
    ours.emplace_back(pair[0]);
    theirs.emplace_back(pair[1]);
  }
  const pid_t pid = fork();
  if (pid < 0) {
    return Error(absl::StatusCode::kUnavailable, "starting the process that holds probes: {}", ErrnoText(errno));
  }
  if (pid == 0) {
    ours.clear();
    HoldProbes(std::move(theirs));
  }
  return std::unique_ptr<ProbeHolder>(new ProbeHolder(pid, std::move(ours), std::move(on_error)));
}

ProbeHolder::~ProbeHolder() {
  idle_.clear();
  kill(pid_, SIGCONT);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

std::chrono::nanoseconds ProbeHolder::cpu_time() const {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// The kernel takes as long as it takes. But somebody may have stopped the process (SIGSTOP), and profd would wait with
// it, when it is to end as well.
bool ProbeHolder::Exchange(int socket, const ProbeRequest& request, std::span<const int> descriptors,
                           ProbeAnswer& answer, std::vector<UniqueFd>& links) {
  constexpr int kPatience = 1000;  // ms
  if (!Send(socket, &request, sizeof(request), descriptors)) return false;
  pollfd answered{.fd = socket, .events = POLLIN, .revents = 0};
  while (poll(&answered, 1, kPatience) <= 0) kill(pid_, SIGCONT);
  return Receive(socket, &answer, sizeof(answer), links) == sizeof(answer);
}

UniqueFd ProbeHolder::TakeSocket() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gone_ || !idle_.empty(); });
  if (gone_) return {};
  UniqueFd socket = std::move(idle_.back());
  idle_.pop_back();
  return socket;
}

void ProbeHolder::GiveBack(UniqueFd socket, bool usable) {
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    news = !usable && !std::exchange(gone_, true);
    // It ends when all are closed, and what it holds goes, whatever was wrong.
    if (gone_) {
      idle_.clear();
    } else {
      idle_.push_back(std::move(socket));
    }
  }
  changed_.notify_all();
  if (news) {
    on_error_(Error(absl::StatusCode::kUnavailable,
                    "the process that puts probes into programs (pid {}) has ended: profd does it from now on, and if "
                    "it is killed, breakpoints may stay until it runs again",
                    pid_));
  }
}

absl::StatusOr<HeldProbes> ProbeHolder::Attach(int program, bool multi, pid_t pid, int fd,
                                               std::span<const ProbeSite> sites) {
  if (sites.size() > (multi ? kMostSites : kMostDescriptors)) {
    return Error(absl::StatusCode::kInvalidArgument, "{} probes at once, at most {}", sites.size(),
                 multi ? kMostSites : kMostDescriptors);
  }
  std::vector<UniqueFd> links;
  if (UniqueFd socket = TakeSocket()) {
    ProbeRequest request{
        .release = 0, .multi = multi, .pid = pid, .count = static_cast<uint32_t>(sites.size()), .sites = {}};
    std::ranges::copy(sites, request.sites.begin());
    const std::array descriptors{program, fd};
    ProbeAnswer answer{};
    const bool answered = Exchange(socket.get(), request, descriptors, answer, links);
    GiveBack(std::move(socket), answered);
    if (answered && answer.error != 0) return KernelError("attaching probes", answer.error);
    if (answered) {
      const bool complete = links.size() == (multi ? 1 : sites.size());
      HeldProbes probes(this, answer.number, std::move(links));
      if (!complete) return KernelError("taking over probes", EMFILE);
      return probes;
    }
    links.clear();
  }
  if (const int error = AttachLinks(program, multi, pid, fd, sites, links); error != 0) {
    return KernelError("attaching probes", error);
  }
  return HeldProbes(this, 0, std::move(links));
}

void ProbeHolder::Release(uint32_t number) {
  UniqueFd socket = TakeSocket();
  if (!socket) return;  // it closed them when it ended
  const ProbeRequest request{.release = number, .multi = 0, .pid = 0, .count = 0, .sites = {}};
  ProbeAnswer answer{};
  std::vector<UniqueFd> none;
  const bool answered = Exchange(socket.get(), request, {}, answer, none);
  GiveBack(std::move(socket), answered);
}

}  // namespace profd
