#include "kernel/perf_event.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fstream>

namespace profd {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kRingBytes = 128 << 10;  // a power of two; about 1,000 mappings

absl::StatusOr<UniqueFd> OpenPerfEvent(perf_event_attr& attr, int cpu, std::string_view what) {
  attr.size = sizeof(attr);
  UniqueFd fd(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (fd) return fd;
  const int error = errno;
  const bool denied = error == EPERM || error == EACCES;
  return Error(denied ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kFailedPrecondition,
               "perf_event_open({}) on CPU {}: {}{}", what, cpu, ErrnoText(error),
               denied ? " (needs CAP_PERFMON)" : "");
}

absl::StatusOr<UniqueFd> OpenThreadEvent(perf_event_attr& attr, pid_t tid, std::string_view what) {
  attr.size = sizeof(attr);
  UniqueFd fd(static_cast<int>(syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (fd) return fd;
  const int error = errno;
  const auto code = error == ENOSPC  ? absl::StatusCode::kResourceExhausted
                    : error == ESRCH ? absl::StatusCode::kNotFound
                                     : absl::StatusCode::kFailedPrecondition;
  return Error(code, "perf_event_open({}) of thread {}: {}", what, tid, ErrnoText(error));
}

// A record may wrap around the ring's end.
void CopyOut(const char* data, uint64_t position, void* to, size_t size) {
  const size_t at = position & (kRingBytes - 1);
  const size_t first = std::min(size, kRingBytes - at);
  std::memcpy(to, data + at, first);
  std::memcpy(static_cast<char*>(to) + first, data, size - first);
}

template <typename T>
T Take(const std::vector<char>& record, size_t offset) {
  T value{};
  if (offset + sizeof(T) <= record.size()) std::memcpy(&value, record.data() + offset, sizeof(T));
  return value;
}

// With sample_id_all and PERF_SAMPLE_TID | PERF_SAMPLE_TIME, each record ends with pid, tid and time.
BootTime TimeOf(const std::vector<char>& record) { return BootTime(Take<uint64_t>(record, record.size() - 8)); }

MappingEvent ParseMmap2(const std::vector<char>& record) {
  // header 0, pid 8, tid 12, addr 16, len 24, pgoff 32, maj 40, min 44, ino 48, generation 56, prot 64, flags 68, name
  // 72
  constexpr size_t kName = 72, kTrailer = 16;
  MappingEvent event;
  event.tgid = Take<uint32_t>(record, 8);
  event.time = TimeOf(record);
  event.map.start = Take<uint64_t>(record, 16);
  event.map.length = Take<uint64_t>(record, 24);
  event.map.file_offset = Take<uint64_t>(record, 32);
  event.map.file.device_major = Take<uint32_t>(record, 40);
  event.map.file.device_minor = Take<uint32_t>(record, 44);
  event.map.file.inode = Take<uint64_t>(record, 48);
  if (record.size() > kName + kTrailer) {
    const char* name = record.data() + kName;
    event.map.file.path.assign(name, strnlen(name, record.size() - kName - kTrailer));
  }
  return event;
}

}  // namespace

absl::StatusOr<std::vector<int>> ParseCpuList(std::string_view text) {
  constexpr int kMaxCpus = 8192;
  std::vector<int> cpus;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end && *at != '\n') {
    int first = 0;
    std::from_chars_result read = std::from_chars(at, end, first);
    int last = first;
    if (read.ec == std::errc() && read.ptr < end && *read.ptr == '-') {
      read = std::from_chars(read.ptr + 1, end, last);
    }
    const char* after = read.ptr;
    if (read.ec != std::errc() || first < 0 || last < first || last >= kMaxCpus) {
      return Error(absl::StatusCode::kInvalidArgument, "'{}' is no list of CPUs", text);
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    at = after < end && *after == ',' ? after + 1 : after;
    if (at == after && at < end && *at != '\n')
      return Error(absl::StatusCode::kInvalidArgument, "'{}' is no list of CPUs", text);
  }
  return cpus;
}

absl::StatusOr<std::vector<int>> OnlineCpus() {
  const char* path = "/sys/devices/system/cpu/online";
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return Error(absl::StatusCode::kFailedPrecondition, "cannot read {}", path);
  return ParseCpuList(line);
}

absl::StatusOr<UniqueFd> OpenTick(int cpu, uint64_t period_ns, bool hardware_cycles, uint32_t sample_hz) {
  perf_event_attr attr{};
  attr.disabled = 1;
  if (hardware_cycles) {
    attr.type = PERF_TYPE_HARDWARE;
    attr.config = PERF_COUNT_HW_CPU_CYCLES;
    attr.freq = 1;
    attr.sample_freq = sample_hz;
  } else {
    // A period, not a frequency: the timer then stays on a grid, and a tick that never came is found by its gap.
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = period_ns;
  }
  return OpenPerfEvent(attr, cpu, hardware_cycles ? "cpu-cycles" : "cpu-clock");
}

absl::StatusOr<UniqueFd> OpenIdleThreadEvent() {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.disabled = 1;
  return OpenThreadEvent(attr, 0, "dummy");
}

absl::StatusOr<UniqueFd> OpenBreakpoint(pid_t tid, uint64_t address) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_BREAKPOINT;
  attr.bp_type = HW_BREAKPOINT_X;
  attr.bp_addr = address;
  attr.bp_len = sizeof(long);
  attr.sample_period = 1;
  attr.exclude_kernel = 1;
  attr.disabled = 1;
  return OpenThreadEvent(attr, tid, "breakpoint");
}

absl::StatusOr<MappingRing> MappingRing::Open(int cpu) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.comm = 1;
  attr.comm_exec = 1;
  attr.sample_id_all = 1;
  attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_BOOTTIME;
  attr.watermark = 1;
  attr.wakeup_watermark = kRingBytes / 2;
  ASSIGN_OR_RETURN(UniqueFd fd, OpenPerfEvent(attr, cpu, "mappings"));
  const size_t size = kPageBytes + kRingBytes;
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) {
    return Error(absl::StatusCode::kResourceExhausted, "mapping {} KiB of perf ring for CPU {}: {}", size >> 10, cpu,
                 ErrnoText(errno));
  }
  return MappingRing(cpu, std::move(fd), base, size);
}

MappingRing::MappingRing(MappingRing&& other) noexcept
    : cpu_(other.cpu_), fd_(std::move(other.fd_)), base_(std::exchange(other.base_, nullptr)), size_(other.size_) {}

MappingRing::~MappingRing() {
  if (base_) munmap(base_, size_);
}

uint64_t MappingRing::Read(std::vector<MappingEvent>& out) {
  auto* control = static_cast<perf_event_mmap_page*>(base_);
  const char* data = static_cast<const char*>(base_) + kPageBytes;
  const uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
  uint64_t tail = control->data_tail;
  uint64_t dropped = 0;
  std::vector<char> record;
  while (tail < head) {
    perf_event_header header;
    CopyOut(data, tail, &header, sizeof(header));
    if (header.size < sizeof(header) || header.size > head - tail) break;
    record.resize(header.size);
    CopyOut(data, tail, record.data(), header.size);
    if (header.type == PERF_RECORD_MMAP2 && record.size() >= 88) {
      out.push_back(ParseMmap2(record));
    } else if (header.type == PERF_RECORD_COMM && (header.misc & PERF_RECORD_MISC_COMM_EXEC) && record.size() >= 32) {
      out.push_back({.tgid = Take<uint32_t>(record, 8), .time = TimeOf(record), .exec = true});
    } else if (header.type == PERF_RECORD_LOST) {
      dropped += Take<uint64_t>(record, 16);
    }
    tail += header.size;
  }
  __atomic_store_n(&control->data_tail, head, __ATOMIC_RELEASE);
  return dropped;
}

}  // namespace profd
