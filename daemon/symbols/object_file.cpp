#include "symbols/object_file.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "process/proc_maps.h"
#include "process/proc_status.h"

namespace profd {
namespace {

constexpr int64_t kBcachefsMagic = 0xca451a4e;
constexpr size_t kMaxStatusBytes = 64 << 10;
constexpr std::chrono::seconds kClockSlack{2};  // file systems stamp by a coarser clock

/// Where numbers do not tell: the link's target must end in the path that the mapping has (it begins elsewhere where
/// the process has another root), and the process still be the one that was sampled.
absl::Status CheckLink(const ProcFs& proc_fs, const ProcessDetails& process, const std::string& link,
                       const MappedFile& mapped) {
  ASSIGN_OR_RETURN(const std::string target, proc_fs.ReadLink(link));
  const std::string_view path = WithoutDeleted(mapped.path);
  if (!path.starts_with('/') || !WithoutDeleted(target).ends_with(path)) {
    return Error(absl::StatusCode::kNotFound, "another file is mapped at {} by now", link);
  }
  return CheckIdentity(proc_fs, process.process.pid, process.process.start_time_ns);
}

absl::StatusOr<OpenedFile> OpenByMapping(const ProcFs& proc_fs, const ProcessDetails& process,
                                         const ResolvedAddress& address) {
  const std::string link =
      fmt::format("{}/map_files/{:x}-{:x}", process.process.pid, address.mapping_start, address.mapping_limit);
  ASSIGN_OR_RETURN(UniqueFd fd, proc_fs.Open(link));
  ASSIGN_OR_RETURN(const FileFacts facts, Examine(fd.get()));
  const FileMatch match = CompareToMapping(facts, *address.file);
  if (match == FileMatch::kOther) {
    return Error(absl::StatusCode::kNotFound, "another file is mapped at {} by now", link);
  }
  if (match == FileMatch::kUnclear) RETURN_IF_ERROR(CheckLink(proc_fs, process, link, *address.file));
  return OpenedFile{std::move(fd), facts.identity};
}

// As the process `pid` sees the path.
absl::StatusOr<OpenedFile> OpenByPath(const ProcFs& proc_fs, uint32_t pid, const MappedFile& mapped) {
  ASSIGN_OR_RETURN(UniqueFd fd, proc_fs.OpenInRoot(pid, mapped.path));
  ASSIGN_OR_RETURN(const FileFacts facts, Examine(fd.get()));
  if (CompareToMapping(facts, mapped) != FileMatch::kSame) {
    return Error(absl::StatusCode::kNotFound, "the path leads to another file than the mapped one");
  }
  return OpenedFile{std::move(fd), facts.identity};
}

}  // namespace

absl::StatusOr<FileFacts> Examine(int fd) {
  struct stat status {};
  struct statfs system {};
  if (fstat(fd, &status) != 0 || fstatfs(fd, &system) != 0) {
    return Error(absl::StatusCode::kInternal, "cannot examine an opened file: {}", ErrnoText(errno));
  }
  if (!S_ISREG(status.st_mode)) return Error(absl::StatusCode::kFailedPrecondition, "no regular file");
  FileFacts facts;
  facts.identity = {.device = status.st_dev,
                    .inode = status.st_ino,
                    .mtime_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
                    .size = static_cast<uint64_t>(status.st_size),
                    .owner = status.st_uid};
  facts.device_major = major(status.st_dev);
  facts.device_minor = minor(status.st_dev);
  facts.file_system = static_cast<int64_t>(system.f_type) & 0xffffffff;
  return facts;
}

FileMatch CompareToMapping(const FileFacts& file, const MappedFile& mapped) {
  if (mapped.inode == 0) return FileMatch::kUnclear;
  const bool same_inode = file.identity.inode == mapped.inode;
  if (same_inode && file.device_major == mapped.device_major && file.device_minor == mapped.device_minor) {
    return FileMatch::kSame;
  }
  switch (file.file_system) {
    case OVERLAYFS_SUPER_MAGIC:  // mappings are of the file beneath, on another device
      return FileMatch::kUnclear;
    case BTRFS_SUPER_MAGIC:  // stat has a device for each subvolume, mappings have that of the whole
    case kBcachefsMagic: return same_inode ? FileMatch::kUnclear : FileMatch::kOther;
    default: return FileMatch::kOther;
  }
}

absl::StatusOr<OpenedFile> OpenMappedFile(const ProcFs& proc_fs, const ProcessDetails& process,
                                          const ResolvedAddress& address) {
  if (process.exited) {
    // Its own root is gone. Where it was profd's, the file is found: device and inode must agree.
    absl::StatusOr<OpenedFile> here = OpenByPath(proc_fs, static_cast<uint32_t>(getpid()), *address.file);
    if (here.ok()) return here;
    return Error(absl::StatusCode::kNotFound, "process {} has ended", process.process.pid);
  }
  absl::StatusOr<OpenedFile> by_mapping = OpenByMapping(proc_fs, process, address);
  if (by_mapping.ok()) return by_mapping;
  absl::StatusOr<OpenedFile> by_path = OpenByPath(proc_fs, process.process.pid, *address.file);
  if (by_path.ok()) return by_path;
  return absl::Status(by_mapping.status().code(),
                      fmt::format("{}; {}", Message(by_mapping.status()), Message(by_path.status())));
}

absl::StatusOr<OpenedFile> OpenPerfMap(const ProcFs& proc_fs, const Clock& clock, const ProcessDetails& process) {
  const uint32_t pid = process.process.pid;
  if (process.exited) return Error(absl::StatusCode::kNotFound, "process {} has ended", pid);
  ASSIGN_OR_RETURN(const std::string status, proc_fs.Read(fmt::format("{}/status", pid), kMaxStatusBytes));
  const ProcStatus parsed = ParseStatus(status);
  const uint32_t inner_pid = parsed.ns_pids.empty() ? pid : parsed.ns_pids.back();
  ASSIGN_OR_RETURN(UniqueFd fd, proc_fs.OpenInRoot(pid, fmt::format("/tmp/perf-{}.map", inner_pid)));
  ASSIGN_OR_RETURN(const FileFacts facts, Examine(fd.get()));
  RETURN_IF_ERROR(CheckIdentity(proc_fs, pid, process.process.start_time_ns));

  if (facts.identity.owner != 0 && facts.identity.owner != parsed.file_user_id) {
    return Error(absl::StatusCode::kFailedPrecondition, "the perf map of process {} belongs to user {}", pid,
                 facts.identity.owner);
  }
  // In a container each start has the same PID: a map left by the one before names other code.
  const WallTime start = clock.ToWall(BootTime(process.process.start_time_ns)) - kClockSlack;
  if (facts.identity.mtime_ns < start.time_since_epoch().count()) {
    return Error(absl::StatusCode::kFailedPrecondition, "the perf map of process {} is older than it", pid);
  }
  return OpenedFile{std::move(fd), facts.identity};
}

}  // namespace profd
