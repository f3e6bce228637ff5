// The vdso is the kernel's and the same in all 64-bit processes, so this process's own copy answers for all.
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "process/proc_maps.h"
#include "symbols/object_file.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // since Linux 6.3
#endif

namespace profd {
namespace {

constexpr size_t kMaxMaps = 65'536;
constexpr uint64_t kMaxVdsoBytes = 1 << 20;

absl::StatusOr<uint64_t> OwnVdsoSize(uint64_t start) {
  ASSIGN_OR_RETURN(const std::string maps, RealProcFs().Read("self/maps", 8 << 20));
  for (const MapEvent& mapping : ParseExecutableMaps(maps, kMaxMaps)) {
    if (mapping.start == start && mapping.length <= kMaxVdsoBytes) return mapping.length;
  }
  return Error(absl::StatusCode::kNotFound, "this process's vdso is not in its own maps");
}

UniqueFd NewMemoryFile() {
  // Where executable memory files are forbidden the flag is required, older kernels do not know it.
  UniqueFd fd(memfd_create("vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.Reset(memfd_create("vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return fd;
}

}  // namespace

absl::StatusOr<VdsoImage> CopyVdso() {
  const uint64_t start = getauxval(AT_SYSINFO_EHDR);
  if (start == 0) return Error(absl::StatusCode::kNotFound, "this kernel has no vdso");
  ASSIGN_OR_RETURN(const uint64_t size, OwnVdsoSize(start));
  UniqueFd fd = NewMemoryFile();
  if (!fd) return Error(absl::StatusCode::kInternal, "cannot make a memory file: {}", ErrnoText(errno));
  if (write(fd.get(), reinterpret_cast<const void*>(start), size) != static_cast<ssize_t>(size) ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return Error(absl::StatusCode::kInternal, "cannot copy the vdso: {}", ErrnoText(errno));
  }
  ASSIGN_OR_RETURN(const FileFacts facts, Examine(fd.get()));
  return VdsoImage{{std::move(fd), facts.identity}, size};
}

}  // namespace profd
