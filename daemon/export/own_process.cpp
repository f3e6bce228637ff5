#include "export/own_process.h"

#include <sys/resource.h>

#include <filesystem>
#include <iterator>

#include "export/metric_families.h"

namespace profd {
namespace {

void AddFileDescriptors(std::vector<prometheus::MetricFamily>& families) {
  std::error_code error;
  const std::filesystem::directory_iterator directory("/proc/self/fd", error);
  if (!error) {
    // The directory itself is open while it is read.
    const auto open = std::distance(begin(directory), end(directory)) - 1;
    families.push_back(Gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open)));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(
        Gauge("process_max_fds", "Most file descriptors that may be open.", static_cast<double>(limit.rlim_cur)));
  }
}

}  // namespace

void AddOwnProcess(const DaemonStatus& status, std::vector<prometheus::MetricFamily>& families) {
  families.push_back(Counter("process_cpu_seconds_total", "User and system CPU time spent in seconds.",
                             std::chrono::duration<double>(status.cpu).count()));
  families.push_back(
      Gauge("process_resident_memory_bytes", "Resident memory size in bytes.", static_cast<double>(status.rss_bytes)));
  families.push_back(Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                           static_cast<double>(status.virtual_bytes)));
  families.push_back(Gauge("process_start_time_seconds", "Start time since the Unix epoch in seconds.",
                           std::chrono::duration<double>(status.start_time.time_since_epoch()).count()));
  AddFileDescriptors(families);
}

}  // namespace profd
