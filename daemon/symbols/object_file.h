// Opens the file behind a mapping and makes sure that it is that file.
#pragma once

#include "base/clock.h"
#include "base/unique_fd.h"
#include "process/proc_fs.h"
#include "process/process_table.h"
#include "worker/object_analyzer.h"

namespace profd {

/// A regular file, open for reading.
struct OpenedFile {
  UniqueFd fd;
  FileIdentity identity;
};

/// What fstat and fstatfs say.
struct FileFacts {
  FileIdentity identity;
  uint32_t device_major = 0, device_minor = 0;
  int64_t file_system = 0;  ///< magic number
};

/// FailedPrecondition when `fd` is no regular file.
absl::StatusOr<FileFacts> Examine(int fd);

enum class FileMatch {
  kSame,
  kOther,
  kUnclear,  ///< the file system shows files under other numbers than the mappings do
};
FileMatch CompareToMapping(const FileFacts& file, const MappedFile& mapped);

/// The file mapped where `address` is. By /proc/PID/map_files, which is that very file; else by its path in the
/// process's root, believed only where device and inode agree. NotFound when the process or the file is gone. Never
/// blocks on a fifo or a device.
absl::StatusOr<OpenedFile> OpenMappedFile(const ProcFs& proc_fs, const ProcessDetails& process,
                                          const ResolvedAddress& address);

/// /tmp/perf-PID.map of the process's root, with its PID in the innermost namespace. FailedPrecondition when it belongs
/// to neither the process's user nor root, or was written before the process started.
absl::StatusOr<OpenedFile> OpenPerfMap(const ProcFs& proc_fs, const Clock& clock, const ProcessDetails& process);

/// A sealed copy of the vdso that the kernel maps into every 64-bit process, this one included.
struct VdsoImage {
  OpenedFile file;
  uint64_t size = 0;
};
absl::StatusOr<VdsoImage> CopyVdso();

}  // namespace profd
